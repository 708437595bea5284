"""Name and time servers of a virtual board: one UDP port of the host answers for every server a board asks.

The board's socket (firmware/boards/virtual/socket.py) puts six bytes in front of each packet, the port and
the address that the board meant; the answer begins with the same six.
"""

import heapq
import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable, Container, Mapping

_HEAD_SIZE = 6
_SINCE_1900_S = 2208988800  # from the start of NTP's time to that of Unix
_ADDRESS = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4"  # of the name asked for: A, IN, 60 s, four bytes
_TYPE_A = 1
_NTP_SIZE = 48

Answer = tuple[bytes, float]  # the packet, and after how many seconds it is sent


class Servers:
    """Answers one board's questions on `port`, by the board's settings DNS, HOSTS and NTP, until `close`.

    `silent`: which of "DNS" and "NTP" answer nothing at the moment; whoever gives it may change it meanwhile.
    """

    def __init__(self, settings: Mapping[str, str], silent: Container[str] = ()) -> None:
        self._settings = settings
        self._silent = silent
        self._by_port: dict[int, tuple[str, Callable[[bytes], Answer | None]]] = {
            53: ("DNS", self._name),
            123: ("NTP", self._time),
        }
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._number = itertools.count()
        self._late: list[tuple[float, int, bytes, tuple[str, int]]] = []  # a heap by time
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Answer nothing any more."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))  # an empty packet is the end

    def _serve(self) -> None:
        with self._socket:
            while self._take_one():
                self._send_due()

    def _take_one(self) -> bool:
        """Wait for a question, or until an answer is due; False at the end."""
        self._socket.settimeout(max(self._late[0][0] - time.monotonic(), 0.001) if self._late else None)
        try:
            packet, board = self._socket.recvfrom(2048)
        except TimeoutError:
            return True
        if packet:
            self._take(packet, board)
        return bool(packet)

    def _take(self, packet: bytes, board: tuple[str, int]) -> None:
        head, question = packet[:_HEAD_SIZE], packet[_HEAD_SIZE:]
        name, server = self._by_port.get(int.from_bytes(head[:2], "big"), ("", None))
        try:
            answer = server(question) if server and name not in self._silent else None
        except (IndexError, UnicodeError):
            return  # no server answers what is no question
        if answer is not None:
            due = time.monotonic() + answer[1]
            heapq.heappush(self._late, (due, next(self._number), head + answer[0], board))

    def _send_due(self) -> None:
        while self._late and self._late[0][0] <= time.monotonic():
            _, _, packet, board = heapq.heappop(self._late)
            self._socket.sendto(packet, board)

    def _name(self, question: bytes) -> Answer:
        """The address of the name, no address when another type is asked for, or NXDOMAIN."""
        labels = []
        end = 12
        while length := question[end]:
            labels.append(question[end + 1 : end + 1 + length].decode())
            end += 1 + length
        address = self._address(".".join(labels))
        record = _ADDRESS + address if address and question[end + 2] == _TYPE_A else b""
        flags = b"\x81\x80" if address else b"\x81\x83"
        counts = struct.pack(">4H", 1, 1 if record else 0, 0, 0)
        return question[:2] + flags + counts + question[12 : end + 5] + record, 0

    def _address(self, name: str) -> bytes | None:
        if self._settings.get("DNS") == "down":
            return None
        known = dict(pair.split("=", 1) for pair in self._settings.get("HOSTS", "").split(",") if "=" in pair)
        try:
            found = socket.getaddrinfo(known.get(name, name), 53, socket.AF_INET)
        except OSError:
            return None
        return socket.inet_aton(str(found[0][4][0]))

    def _time(self, question: bytes) -> Answer | None:
        """The host's time, from a server of stratum 1."""
        mood, _, delay_s = (self._settings.get("NTP") or "ok").partition(":")
        if mood == "fail" or len(question) < _NTP_SIZE or question[0] & 7 != 3:
            return None
        seconds, rest_ns = divmod(time.time_ns(), 1000000000)
        now = struct.pack(">II", seconds + _SINCE_1900_S, (rest_ns << 32) // 1000000000)
        head = bytes((question[0] & 0x38 | 4, 1, question[2], 0xEC)) + bytes(8) + b"HOST"
        return head + now + question[40:48] + now + now, float(delay_s or 0)
