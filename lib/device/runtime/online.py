"""Going online: the network, and then a clock that certificates can be checked against.

A board without battery wakes in 2000 or 2021. The last time it knew, and the time its image was made,
are a floor that the clock never goes below; above it, NTP.
"""

import json

from device.core import calendar, keys, paths, wifi

_SAVE_EVERY_S = 7 * 86400  # the saved time is only a floor: written seldom, flash wears out


async def go_online(context):
    """Join a known network and see to the clock. Raises Trouble when there is no network."""
    if not context.network.connected():
        networks, country = wifi.read(context.store.read(paths.WIFI))
        context.say("network", "joining")
        await context.network.join(networks, country)
        context.say("network", "joined")
    _see_to_clock(context)


def _see_to_clock(context):
    saved = _saved(context)
    floor = max(saved, context.build.BUILD_TIME)
    now = context.clock.unix()
    if now < floor:
        if context.clock.ask_network(context.settings.ntp):
            context.say("clock", "set by NTP to %s" % calendar.text(context.clock.unix()))
        else:
            context.clock.set_unix(floor)
            context.say(
                "clock",
                "said %s and NTP does not answer; going on with the last known time, %s"
                % (calendar.text(now), calendar.text(floor)),
            )
            return
    now = context.clock.unix()
    if now > saved + _SAVE_EVERY_S:
        context.store.write(paths.CLOCK, json.dumps({keys.UNIX: now}).encode())


def _saved(context):
    """The time in clock.json; 0 when there is none that can be believed."""
    raw = context.store.read(paths.CLOCK)
    try:
        return int(json.loads(raw.decode())[keys.UNIX]) if raw else 0
    except (ValueError, KeyError, TypeError):
        return 0
