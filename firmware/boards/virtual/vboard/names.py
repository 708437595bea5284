"""The names that the virtual board can find, and how long it looks in vain.

MUSTER_BOARD_DNS    ok (default)
                    down: no name is found, addresses in numbers work
                    silent:N: no name server answers; getaddrinfo gives up after N s
                    silent:N:M: the same in the first M s after each start
MUSTER_BOARD_HOSTS  name=address,...: names that this board alone knows
"""

import network
import usocket
import utime

from vboard import power

_GIVES_UP_S = 6.3  # lwIP with one name server
_STARTED = utime.ticks_ms()


def known(name):
    """The address that HOSTS gives to `name`, or None."""
    for pair in power.setting("HOSTS", "").split(","):
        host, _, address = pair.partition("=")
        if host == name:
            return address
    return None


def find(name):
    """The four bytes of the address of `name`, or None."""
    if power.setting("DNS") == "down":
        return None
    try:
        return bytes(usocket.getaddrinfo(known(name) or name, 53, usocket.AF_INET)[0][-1][4:8])
    except OSError:
        return None


def silence_s():
    """For how many seconds a look-up waits in vain at present; None when name servers answer."""
    if network.is_stuck():
        return _GIVES_UP_S
    mood, _, times = power.setting("DNS", "ok").partition(":")
    wait, _, end = times.partition(":")
    if mood != "silent" or (end and utime.ticks_diff(utime.ticks_ms(), _STARTED) >= float(end) * 1000):
        return None
    return float(wait or _GIVES_UP_S)
