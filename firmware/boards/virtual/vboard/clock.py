"""The clock of the virtual board: the host's, shifted by an offset that RTC changes."""

import utime

from vboard import power

# The ESP32 counts from 2000, everything else from 1970.
EPOCH = 946684800 if power.setting("KIND") == "esp32" else 0

_offset_s = 0


def now():
    """Seconds since the board's epoch."""
    return int(utime.time()) + _offset_s - EPOCH


def set(seconds):
    """Set the clock to `seconds` since the board's epoch."""
    global _offset_s
    _offset_s = seconds + EPOCH - int(utime.time())


# CLOCK: Unix seconds at power-on (a board without battery starts in the past); the host's time when absent.
_start = power.setting("CLOCK")
if _start:
    set(int(_start) - EPOCH)
