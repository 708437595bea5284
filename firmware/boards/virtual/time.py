"""`time` on the virtual board: the board's own clock and epoch, and sleeping under the watchdog.

MUSTER_BOARD_CLOCK         Unix seconds at power-on; the host's time when absent
MUSTER_BOARD_TICKS_START   the value of ticks_ms() at power-on; the counter then wraps after 30 bits
"""

import utime
import vboard

_counter = utime.ticks_ms
if vboard.setting("TICKS_START"):
    import sys

    from vboard import tasks
    from vboard.ticks import counter as _counter
    from vboard.ticks import ticks_add, ticks_diff  # noqa: F401

    sys.modules["_asyncio"] = tasks

# The ESP32 counts from 2000, everything else from 1970. A board without a battery starts in the past.
_epoch = 946684800 if vboard.setting("KIND") == "esp32" else 0
_ahead_s = -_epoch
if vboard.setting("CLOCK"):
    _ahead_s += int(vboard.setting("CLOCK")) - int(utime.time())


def __getattr__(name):
    return getattr(utime, name)


def time():
    """Whole seconds since the board's epoch."""
    return int(utime.time()) + _ahead_s


def _set(seconds):
    """Set the clock to `seconds` since the board's epoch."""
    global _ahead_s
    _ahead_s = seconds - int(utime.time())


def time_ns():
    """Nanoseconds since the board's epoch, in steps of a second."""
    return time() * 1000000000


def gmtime(seconds=None):
    """(year, month, day, hour, minute, second, weekday, yearday), UTC."""
    return utime.gmtime((time() if seconds is None else seconds) + _epoch)[:8]


localtime = gmtime


def mktime(parts):
    """Seconds since the board's epoch of UTC `parts`."""
    year, month, day, hour, minute, second = parts[:6]
    year -= month < 3  # years from March: the leap day is the last
    month = (month + 9) % 12
    days = year * 365 + year // 4 - year // 100 + year // 400 + (month * 153 + 2) // 5 + day - 719469
    return days * 86400 + hour * 3600 + minute * 60 + second - _epoch


def ticks_ms():
    """Milliseconds that wrap; every call also checks the watchdog."""
    vboard.check()
    return _counter()


def sleep_ms(ms):
    """Wait, unless the watchdog resets the board first."""
    end = utime.ticks_add(utime.ticks_ms(), ms)
    left = ms
    while left > 0:
        utime.sleep_ms(min(left, 50))
        vboard.check()
        left = utime.ticks_diff(end, utime.ticks_ms())


def sleep(seconds):
    """Wait, unless the watchdog resets the board first."""
    sleep_ms(int(seconds * 1000))
