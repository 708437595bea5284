"""`ntptime` on the virtual board: the host's time, by way of the board's network.

MUSTER_BOARD_NTP: ok (default); fail; slow:N, an answer after N s.
"""

import errno
from time import sleep as pause

import network
import utime
from vboard import clock, power

host = "pool.ntp.org"
timeout = 1


def time():
    """The host's time in seconds since the board's epoch, or OSError."""
    if not network.is_up():
        raise OSError(-2)
    mood = power.setting("NTP", "ok")
    if mood == "fail":
        raise OSError(errno.ETIMEDOUT)
    if mood.startswith("slow:"):
        seconds = float(mood[5:])
        pause(min(seconds, timeout))
        if seconds > timeout:
            raise OSError(errno.ETIMEDOUT)
    return int(utime.time()) - clock.EPOCH


def settime():
    """Set the board's clock."""
    clock.set(time())
