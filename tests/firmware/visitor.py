"""A browser in the network of an emulated Pico W: TCP connections to the board, from its router.

The emulator's router lets no connection in, so these are made here, frame by frame: one request each, and
the answer until the board closes. The emulated radio loses nothing; the board may (its queue of new
connections is short), so what is not acknowledged is sent again.
"""

import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any

from rp2040py.external.cyw43 import nat, net

from device.core import fields, paths
from muster import web_password
from muster.emulated.network import Network, Radio

PASSWORD = "marker-web-password"
LOCKED = {paths.WEB: {fields.PASSWORD: web_password.hashed(PASSWORD, "pico")}}  # documents of a board with it
HTTP_PORT = 80
_FIRST_PORT = 50_000
_SEGMENT_BYTES = 1460
_WINDOW_BYTES = 8192
_AGAIN_MS = 1000
_SEQUENCES = 1 << 32


class Call:
    """One connection: `request` is sent, and `answer` is what came back when `has_ended`."""

    def __init__(self, send: Callable[[int, int, int, bytes], None], request: bytes, now_ms: int) -> None:
        self.answer = b""
        self.has_ended = False  # the board has closed, or refused
        self.took_ms: int | None = None
        self._send = send
        self._request = request
        self._began_ms = self._sent_ms = now_ms
        self._sequence = 1000  # of the next byte that the board has not acknowledged
        self._expected: int | None = None  # number of the board's next byte; None before it has answered
        self._speak()

    def _speak(self) -> None:
        """Send what the board has not acknowledged."""
        if self._expected is None:
            self._send(self._sequence, 0, net.TCP_SYN, b"")
        else:
            flags = net.TCP_ACK | (net.TCP_PSH if self._request else 0)
            self._send(self._sequence, self._expected, flags, self._request)

    def hear(self, segment: net.TcpSegment, now_ms: int) -> None:
        """A segment from the board."""
        if segment.flags & net.TCP_RST:
            self._end(now_ms)
            return
        if self._expected is None:
            if segment.flags & net.TCP_SYN:
                self._expected = (segment.seq + 1) % _SEQUENCES
                self._sequence += 1
                self._sent_ms = now_ms
                self._speak()
            return
        if segment.ack == self._sequence + len(self._request):
            self._sequence, self._request = segment.ack, b""
        if segment.seq == self._expected:
            self.answer += segment.payload
            self._expected = (segment.seq + len(segment.payload)) % _SEQUENCES
            if segment.flags & net.TCP_FIN and not self.has_ended:
                self._expected = (self._expected + 1) % _SEQUENCES
                self._send(self._sequence, self._expected, net.TCP_ACK | net.TCP_FIN, b"")
                self._end(now_ms)
                return
        if segment.payload or segment.flags & net.TCP_FIN:
            self._send(self._sequence, self._expected, net.TCP_ACK, b"")

    def look(self, now_ms: int) -> None:
        """Send again what has waited too long."""
        is_waiting = not self.has_ended and (self._expected is None or self._request)
        if is_waiting and now_ms - self._sent_ms >= _AGAIN_MS:
            self._sent_ms = now_ms
            self._speak()

    def _end(self, now_ms: int) -> None:
        self.has_ended = True
        self.took_ms = now_ms - self._began_ms

    @property
    def status(self) -> int:
        """The status of the answer; 0 when none came."""
        return int(self.answer.split(b" ", 2)[1]) if self.answer else 0

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer, by names in lower case."""
        lines = self.answer.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def body(self) -> bytes:
        """The body of the answer, unpacked."""
        body = self.answer.partition(b"\r\n\r\n")[2]
        return gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body

    @property
    def json(self) -> Any:
        """The body of the answer, read."""
        return json.loads(self.body)


class VisitedRadio(Radio):
    """The radio of a board that a browser calls, and whose light somebody looks at."""

    def __init__(self, state: Network) -> None:
        super().__init__(state)
        self.visitor = Visitor(self.send)
        self.light: list[tuple[int, bool]] = []  # (ms, whether it is on) of each change

    def attach(self, rp2040: Any) -> None:
        super().attach(rp2040)
        self._now_ms = lambda: round(rp2040.clock.nanos / 1e6)

    def lit(self, is_on: bool) -> None:
        self.light.append((self._now_ms(), is_on))

    def takes(self, ethernet: net.EthernetFrame, packet: net.Ipv4Packet | None) -> bool:
        return self.visitor.takes(ethernet, packet)


class Visitor:
    """Makes calls to one board, and hears what it answers. `send` takes Ethernet frames for the board."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.now_ms = 0  # as of the last look
        self._send = send
        self._mac: bytes | None = None  # of the board, once it has sent something
        self._calls: dict[int, Call] = {}

    def call(self, request: bytes, port: int = HTTP_PORT) -> Call:
        """Connect to the board and send `request`, at the next moment that it runs."""
        mine = _FIRST_PORT + len(self._calls)
        call = self._calls[mine] = Call(
            lambda sequence, ack, flags, data: self._segment(mine, port, sequence, ack, flags, data),
            request,
            self.now_ms,
        )
        return call

    def look(self, now_ms: int) -> None:
        """Let time pass."""
        self.now_ms = now_ms
        for call in self._calls.values():
            call.look(now_ms)

    def takes(self, ethernet: net.EthernetFrame, packet: net.Ipv4Packet | None) -> bool:
        """Look at what the board sends; whether it is for one of the calls."""
        self._mac = ethernet.src_mac
        if packet is None or packet.proto != net.IP_PROTO_TCP or packet.dst_ip != nat.GATEWAY_IP:
            return False
        segment = net.parse_tcp(packet.payload)
        call = segment and self._calls.get(segment.dst_port)
        if segment and call:
            call.hear(segment, self.now_ms)
        return call is not None

    def _segment(self, mine: int, port: int, sequence: int, ack: int, flags: int, data: bytes) -> None:
        if self._mac is None:
            return  # sent again later
        segment = net.pack_tcp(
            nat.GATEWAY_IP,
            nat.GUEST_IP,
            mine,
            port,
            sequence,
            ack,
            flags,
            _WINDOW_BYTES,
            data,
            mss=_SEGMENT_BYTES if flags & net.TCP_SYN else None,
        )
        packet = net.pack_ipv4(nat.GATEWAY_IP, nat.GUEST_IP, net.IP_PROTO_TCP, segment)
        self._send(net.pack_ethernet(self._mac, nat.GATEWAY_MAC, net.ETHERTYPE_IPV4, packet))


def request(method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> bytes:
    """An HTTP request as a browser sends it to the board's address."""
    host = ".".join(map(str, nat.GUEST_IP))
    data = b"" if body is None else json.dumps(body).encode()
    lines = {"Host": host, "User-Agent": "Mozilla/5.0", "Accept-Encoding": "gzip", **(headers or {})}
    if body is not None:
        lines |= {"Content-Type": "application/json", "Content-Length": str(len(data))}
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode() + b"\r\n" + data
