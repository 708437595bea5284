"""`socket` on the virtual board: the host's sockets, subject to the board's network.

MUSTER_BOARD_STACK     lwip: TCP fails as on a Pico W (vboard.streams); absent: as on the host
MUSTER_BOARD_UDP_PORT  where the host answers UDP for every server (muster.virtual_network)
MUSTER_BOARD_DNS       down: every name is unknown
                       silent:N: no name server answers; getaddrinfo gives up after N s
                       silent:N:M: the same in the first M s after each start
MUSTER_BOARD_HOSTS     name=address,...: names that only this board resolves
"""

import errno
import os
import time

import network
import usocket
import utime
import vboard

_Stream = usocket.socket
if vboard.setting("STACK") == "lwip" or vboard.setting("NETWORK", "").startswith("stuck"):
    from vboard.streams import Stream as _Stream

_GIVES_UP_S = 6.3  # lwIP with one name server
_EAGAIN = 11
_HEAD = 6  # port and address, at byte 2 of a socket address
_started = utime.ticks_ms()


def __getattr__(name):
    return getattr(usocket, name)


class _Datagrams:
    """A UDP socket. It sends to the host, with the intended port and address as a header.

    One that is bound gets a free port of the host's, which the console tells; what it gets and sends has no
    header.
    """

    def __init__(self):
        self._head = _HEAD
        self._socket = usocket.socket(usocket.AF_INET, usocket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self.close = self._socket.close
        self.settimeout(None)

    def setblocking(self, on):
        """Block in `recv`, or do not."""
        self.settimeout(None if on else 0)

    def settimeout(self, seconds):
        """Block in `recv` for this long; None means for ever."""
        self._limit_s = seconds

    def bind(self, address):
        """Listen; `address` comes from getaddrinfo."""
        vboard.check()
        while True:
            port = 0x8000 | int.from_bytes(os.urandom(2), "big")
            try:
                self._socket.bind(usocket.getaddrinfo("127.0.0.1", port)[0][-1])
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        self._head = 0
        print("virtual board: UDP port %d is 127.0.0.1:%d" % (address[2] << 8 | address[3], port))

    def sendto(self, packet, address):
        """Send; `address` comes from getaddrinfo."""
        vboard.check()
        if not self._head:
            return self._socket.sendto(packet, address)
        answers = vboard.setting("UDP_PORT")
        if network.link() is None or not answers:
            raise OSError(errno.EHOSTUNREACH)
        if not (network.is_stuck() or (address[3] == 53 and _silence_s())):
            self._socket.sendto(address[2:8] + packet, usocket.getaddrinfo("127.0.0.1", int(answers))[0][-1])
        return len(packet)

    def recvfrom(self, size):
        """(packet, sender); raises OSError when nothing came in time."""
        start = utime.ticks_ms()
        while True:
            vboard.check()
            try:
                if not self._head:
                    return self._socket.recvfrom(size)
                packet = self._socket.recv(size + _HEAD)
                sender = usocket.inet_ntop(usocket.AF_INET, packet[2:_HEAD]), packet[0] << 8 | packet[1]
                return packet[_HEAD:], sender
            except OSError as error:
                if error.errno != _EAGAIN or self._limit_s == 0:
                    raise
            waited_ms = utime.ticks_diff(utime.ticks_ms(), start)
            if self._limit_s is not None and waited_ms >= self._limit_s * 1000:
                raise OSError(errno.ETIMEDOUT)
            utime.sleep_ms(5)

    def recv(self, size):
        """The packet without its sender."""
        return self.recvfrom(size)[0]


def socket(*kind):
    """A socket: family, type, protocol."""
    return _Datagrams() if usocket.SOCK_DGRAM in kind[1:2] else _Stream(*kind)


def getaddrinfo(host, port, *rest):
    """As in MicroPython; fails if the network is down or the name unknown, late if no server answers."""
    vboard.check()
    is_number = not host.strip("0123456789.")
    if network.link() is None and not (is_number and network.has_access_point()):
        raise OSError(errno.EHOSTUNREACH if is_number else -2)
    if not is_number:
        wait_s = _silence_s()
        if wait_s:
            time.sleep(wait_s)
        if wait_s or vboard.setting("DNS") == "down":
            raise OSError(-2)
        for pair in vboard.setting("HOSTS", "").split(","):
            if pair.startswith(host + "="):
                host = pair[len(host) + 1 :]
    return usocket.getaddrinfo(host, port, *rest)


def _silence_s():
    """How many seconds a lookup currently waits in vain; 0 when name servers answer."""
    mood, _, times = vboard.setting("DNS", "").partition(":")
    if network.is_stuck():
        return _GIVES_UP_S
    wait_s, _, end_s = times.partition(":")
    if mood != "silent" or (end_s and utime.ticks_diff(utime.ticks_ms(), _started) >= float(end_s) * 1000):
        return 0
    return float(wait_s or _GIVES_UP_S)
