"""A clock that certificates can be checked against.

A board without battery wakes in 2000 or 2021. The last time it knew, and the time its image was made, are a
floor that the clock never goes below. With it the board connects first, and asks for the time (NTP) after
that: once a day, and at once when a connection failed for its dates. Loaded when it is asked for.
"""

from device.core import calendar, documents, fields, paths
from device.core.failures import Failure

_SMALL_S = 60  # a correction that is not worth a line
_SAVE_EVERY_S = 7 * 86400  # the saved time is only a floor: written seldom, flash wears out


def keep_floor(state):
    """See that the clock is not before the last time known to be true."""
    clock = state.ports.clock
    floor = max(_saved(state), state.ports.build.BUILD_TIME)
    if clock.unix() < floor:
        clock.set_unix(floor)


async def ask(state):
    """Set the clock by NTP; whether an answer came."""
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
    if not saved <= unix_s < saved + _SAVE_EVERY_S:  # also when it was saved too late
        state.write_if_room(paths.CLOCK, {fields.UNIX: unix_s})
    return True


def _saved(state):
    """The time in clock.json; 0 when there is none that can be believed."""
    try:
        raw = state.ports.store.read(paths.CLOCK)
        return int(documents.loads(raw)[fields.UNIX]) if raw else 0
    except (ValueError, KeyError, TypeError, OverflowError, Failure):
        return 0
