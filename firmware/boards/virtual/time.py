"""`time` on the virtual board: the board's own clock and epoch, and sleeping under the watchdog.

MUSTER_BOARD_TICKS_START   what ticks_ms() says at power-on; the counter then wraps after 30 bits
"""

import utime
from utime import *  # noqa: F403
from vboard import clock, power

_counter = utime.ticks_ms
if power.setting("TICKS_START"):
    import sys

    from vboard import tasks
    from vboard.ticks import counter as _counter
    from vboard.ticks import ticks_add, ticks_diff  # noqa: F401

    sys.modules["_asyncio"] = tasks


def time():
    """Whole seconds since the board's epoch."""
    return clock.now()


def time_ns():
    """Nanoseconds since the board's epoch, in steps of a second."""
    return clock.now() * 1000000000


def gmtime(seconds=None):
    """(year, month, day, hour, minute, second, weekday, yearday), UTC."""
    return utime.gmtime((clock.now() if seconds is None else seconds) + clock.EPOCH)[:8]


localtime = gmtime


def mktime(parts):
    """Seconds since the board's epoch of UTC `parts`."""
    days = _days(parts[0], parts[1], parts[2])
    return days * 86400 + parts[3] * 3600 + parts[4] * 60 + parts[5] - clock.EPOCH


def _days(year, month, day):
    """Days from 1970-01-01 to a date of the Gregorian calendar (years from March)."""
    year -= month < 3
    month = (month + 9) % 12
    return year * 365 + year // 4 - year // 100 + year // 400 + (month * 153 + 2) // 5 + day - 719469


def ticks_ms():
    """Milliseconds that wrap; every look at them is also a look at the watchdog."""
    power.check()
    return _counter()


def sleep_ms(milliseconds):
    """Wait, unless the watchdog bites first."""
    end = utime.ticks_add(utime.ticks_ms(), milliseconds)
    left = milliseconds
    while left > 0:
        utime.sleep_ms(min(left, 50))
        power.check()
        left = utime.ticks_diff(end, utime.ticks_ms())


def sleep(seconds):
    """Wait, unless the watchdog bites first."""
    sleep_ms(int(seconds * 1000))
