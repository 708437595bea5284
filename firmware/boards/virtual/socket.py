"""`socket` on the virtual board: the host's sockets behind the board's network.

MUSTER_BOARD_DNS    ok (default); down: no name is found, addresses in numbers work
MUSTER_BOARD_HOSTS  name=address,...: names that this board alone knows
"""

import errno

import network
import usocket
from usocket import *  # noqa: F403
from vboard import power


def getaddrinfo(host, port, *rest):
    """As MicroPython's; fails when the network is down or the name is unknown."""
    power.check()
    number = all(letter in "0123456789." for letter in host)
    if not network.is_up():
        raise OSError(errno.EHOSTUNREACH if number else -2)
    if not number:
        host = _known(host) or host
        if power.setting("DNS") == "down":
            raise OSError(-2)
    return usocket.getaddrinfo(host, port, *rest)


def _known(name):
    for pair in power.setting("HOSTS", "").split(","):
        known, _, address = pair.partition("=")
        if known == name:
            return address
    return None
