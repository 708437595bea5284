"""Keeps a clock that certificates can be checked against.

A board without a battery starts in 2000 or 2021. The last known time and the image's build time are a lower
limit for the clock. With it the board connects first and queries NTP afterwards: once a day, and at once
when a connection failed because of a certificate's dates. Loaded on demand.
"""

from device.core import calendar, documents, fields, paths
from device.core.failures import Failure

_SMALL_S = 60  # smaller corrections are not printed
_SAVE_EVERY_S = 7 * 86400  # the saved time is only a lower limit: written rarely, because flash wears out


def keep_floor(state):
    """Advance the clock to the last known time if it is behind."""
    clock = state.ports.clock
    floor = max(_saved(state), state.ports.build.BUILD_TIME)
    if clock.unix() < floor:
        clock.set_unix(floor)


async def ask(state):
    """Set the clock by NTP; return whether an answer came."""
    ports, clock = state.ports, state.ports.clock
    unix_s = await ports.network.ask_time(state.settings.ntp)
    if unix_s is None or unix_s < ports.build.BUILD_TIME:
        return False
    change = unix_s - clock.unix()
    if change:
        clock.set_unix(unix_s)
    if abs(change) > _SMALL_S:
        ports.board.say("clock", "set by NTP to %s" % calendar.text(unix_s))
    saved = _saved(state)
    if not saved <= unix_s < saved + _SAVE_EVERY_S:  # also when the saved time was too late
        state.write_if_room(paths.CLOCK, {fields.UNIX: unix_s})
    return True


def _saved(state):
    """The time in clock.json; 0 when it is missing or implausible."""
    try:
        raw = state.ports.store.read(paths.CLOCK)
        return int(documents.loads(raw)[fields.UNIX]) if raw else 0
    except (ValueError, KeyError, TypeError, OverflowError, Failure):
        return 0
