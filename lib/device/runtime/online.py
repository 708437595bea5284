"""Going online: the network, and then a clock that certificates can be checked against.

A board without battery wakes in 2000 or 2021. The last time it knew, and the time its image was made,
are a floor that the clock never goes below; above it, NTP. A clock above the floor is believed until a
connection has failed: it may have kept the floor over a reset, and its dates may be the reason.
"""

from device.core import calendar, documents, fields, paths, wifi
from device.core.failures import Failure
from device.runtime.identity import write_if_room

_NTP_MS = 3000  # two hosts, a look-up and a second each
_SMALL_S = 60  # a correction that is not worth a line
_SAVE_EVERY_S = 7 * 86400  # the saved time is only a floor: written seldom, flash wears out


async def go_online(context, doubtful=False):
    """Join a known network and see to the clock, which is `doubtful` when connecting has failed before.

    Raises Failure when there is no network.
    """
    if not context.network.connected():
        networks, country = wifi.read(context.store.read(paths.WIFI))
        context.say("network", "joining")
        await context.network.join(networks, country)
        context.say("network", "joined")
    saved = _saved(context)
    floor = max(saved, context.build.BUILD_TIME)
    asked = doubtful or context.clock.unix() < floor
    if asked:
        await context.before_blocking(_NTP_MS)
    if asked and not _set_clock(context, floor):
        return
    now = context.clock.unix()
    if now > saved + _SAVE_EVERY_S or (asked and now < saved):
        write_if_room(context, paths.CLOCK, {fields.UNIX: now})


def _set_clock(context, floor):
    """Set the clock by NTP, else see that it is not before `floor`; whether NTP has answered."""
    clock = context.clock
    before = clock.unix()
    if clock.ask_network(context.settings.ntp) and clock.unix() >= context.build.BUILD_TIME:
        if abs(clock.unix() - before) > _SMALL_S:
            context.say("clock", "set by NTP to %s" % calendar.text(clock.unix()))
        return True
    if clock.unix() < floor:
        clock.set_unix(floor)
        context.say(
            "clock",
            "said %s and NTP does not answer; going on with the last known time, %s"
            % (calendar.text(before), calendar.text(floor)),
        )
    return False


def _saved(context):
    """The time in clock.json; 0 when there is none that can be believed."""
    try:
        raw = context.store.read(paths.CLOCK)
        return int(documents.loads(raw)[fields.UNIX]) if raw else 0
    except (ValueError, KeyError, TypeError, OverflowError, Failure):
        return 0
