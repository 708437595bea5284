"""`socket` on the virtual board: the host's sockets behind the board's network, and UDP of the board's own.

MUSTER_BOARD_STACK   lwip: TCP fails as on a Pico W (vboard.streams); absent: as on the host
"""

import errno
from time import sleep_ms as _pause

import network
import usocket
from usocket import *  # noqa: F403
from vboard import names, power
from vboard.datagrams import Datagrams

_Stream = usocket.socket
if power.setting("STACK") == "lwip" or power.setting("NETWORK", "").startswith("stuck"):
    from vboard.streams import Stream as _Stream


def socket(af=usocket.AF_INET, type=usocket.SOCK_STREAM, proto=0):
    """A socket; UDP reaches name and time servers only."""
    return Datagrams() if type == usocket.SOCK_DGRAM else _Stream(af, type, proto)


def getaddrinfo(host, port, *rest):
    """As MicroPython's; fails when the network is down or the name unknown, late when no server answers."""
    power.check()
    number = all(letter in "0123456789." for letter in host)
    if not network.is_up():
        raise OSError(errno.EHOSTUNREACH if number else -2)
    if number:
        return usocket.getaddrinfo(host, port, *rest)
    silence_s = names.silence_s()
    if silence_s is not None:
        _pause(int(silence_s * 1000))
    if silence_s is not None or power.setting("DNS") == "down":
        raise OSError(-2)
    return usocket.getaddrinfo(names.known(host) or host, port, *rest)
