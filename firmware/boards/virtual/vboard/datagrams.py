"""UDP on the virtual board: a socket that every name server (port 53) and time server (port 123) answers.

MUSTER_BOARD_NTP: ok (default); fail: no answer; slow:N: an answer after N s. DNS: see vboard.names.
"""

import errno
import struct

import network
import usocket
import utime

from vboard import names, power

_SINCE_1900_S = 2208988800  # from the start of NTP's time to that of Unix
_ADDRESS = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4"  # of the name asked for: A, IN, 60 s, four bytes


class Datagrams:
    """A UDP socket."""

    def __init__(self):
        self._answers = []  # (ticks at which it is there, packet, sender)
        self._limit_ms = None

    def setblocking(self, on):
        """Wait for ever in `recv`, or not at all."""
        self._limit_ms = None if on else 0

    def settimeout(self, seconds):
        """Wait this long in `recv`; None: for ever."""
        self._limit_ms = None if seconds is None else int(seconds * 1000)

    def sendto(self, packet, address):
        """Ask; `address` is from getaddrinfo."""
        power.check()
        if not network.is_up():
            raise OSError(errno.EHOSTUNREACH)
        _, host, port = usocket.sockaddr(address)
        server = _SERVERS.get(port)
        answer, delay_s = server(packet) if server and not network.is_stuck() else (None, 0)
        if answer:
            due = utime.ticks_add(utime.ticks_ms(), int(delay_s * 1000))
            self._answers.append((due, answer, (usocket.inet_ntop(usocket.AF_INET, host), port)))
        return len(packet)

    def recvfrom(self, size):
        """(packet, sender); OSError when nothing came in time."""
        start = utime.ticks_ms()
        while True:
            power.check()
            now = utime.ticks_ms()
            for answer in self._answers:
                if utime.ticks_diff(now, answer[0]) >= 0:
                    self._answers.remove(answer)
                    return answer[1][:size], answer[2]
            if self._limit_ms is not None and utime.ticks_diff(now, start) >= self._limit_ms:
                raise OSError(errno.ETIMEDOUT if self._limit_ms else errno.EAGAIN)
            utime.sleep_ms(5)

    def recv(self, size):
        """The packet alone."""
        return self.recvfrom(size)[0]

    def close(self):
        """Forget what has not been read."""
        self._answers = []


def _name_server(query):
    """The address of the name, no address when another type is asked for, or NXDOMAIN."""
    if names.silence_s() is not None:
        return None, 0
    labels = []
    end = 12
    while query[end]:
        labels.append(bytes(query[end + 1 : end + 1 + query[end]]).decode())
        end += 1 + query[end]
    address = names.find(".".join(labels))
    record = _ADDRESS + address if address and query[end + 2] == 1 else b""
    flags = b"\x81\x80" if address else b"\x81\x83"
    counts = struct.pack(">4H", 1, 1 if record else 0, 0, 0)
    return bytes(query[:2]) + flags + counts + bytes(query[12 : end + 5]) + record, 0


def _time_server(query):
    """The host's time, from a server of stratum 1."""
    mood, _, delay_s = power.setting("NTP", "ok").partition(":")
    if mood == "fail" or len(query) < 48 or query[0] & 7 != 3:
        return None, 0
    now_ns = utime.time_ns()
    now = struct.pack(">II", now_ns // 1000000000 + _SINCE_1900_S, (now_ns % 1000000000 << 32) // 1000000000)
    head = bytes((query[0] & 0x38 | 4, 1, query[2], 0xEC)) + b"\0\0\0\0\0\0\0\0HOST"
    return head + now + bytes(query[40:48]) + now + now, float(delay_s or 0)


_SERVERS = {53: _name_server, 123: _time_server}
