"""What can happen to one MQTT packet between a board and a twin that knows nothing of it.

TCP loses, repeats and reorders nothing. A broker, a bridge or a load balancer that takes packets from one
connection and puts them on another can: it is restarted, fails over, or forgets what it had only in memory.
So the mishap strikes a whole packet, inside TLS, and leaves the connection as it is.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest

from muster.twin.engine import Engine

DROP = "drop"  # it is never delivered
DELAY = "delay"  # it is delivered LATE_S later, behind what was sent after it
STALL = "stall"  # it is delivered LATE_S later, and all that follows it in its direction waits behind it
DOUBLE = "double"  # it is delivered twice
KINDS = (DROP, DELAY, STALL, DOUBLE)

LATE_S = 2.0  # longer than a board of mishaps.quick() waits for any answer
_NAMES = {
    **{1: "CONNECT", 2: "CONNACK", 3: "PUBLISH", 4: "PUBACK", 8: "SUBSCRIBE", 9: "SUBACK"},
    **{12: "PINGREQ", 13: "PINGRESP", 14: "DISCONNECT"},
}
_CLIENT_ID_AT = 10  # in the body of a CONNECT: after name, level, flags and keep-alive (MQTT 3.1.1, 3.1)


class Mishap(NamedTuple):
    """`kind` happens to packet `number` (from 1) of a board, counted over its connections and directions."""

    number: int
    kind: str


class Trace:
    """The packets of one board in the order in which they were sent, and the mishap among them."""

    def __init__(self, mishap: Mishap | None) -> None:
        self.packets: list[str] = []
        self._mishap = mishap

    def note(self, direction: str, packet: bytes) -> str | None:
        """Count a packet; what is to happen to it, None for most."""
        self.packets.append(f"{direction} {_described(packet)}")
        if self._mishap is None or self._mishap.number != len(self.packets):
            return None
        return self._mishap.kind


class PacketGate:
    """Stands between the TLS and the broker of every twin that starts while it is installed."""

    def __init__(self) -> None:
        self._traces: dict[str, Trace] = {}

    def watch(self, client_id: str, mishap: Mishap | None = None) -> Trace:
        """The trace of a board that is still to be switched on, and what shall go wrong for it."""
        trace = self._traces[client_id] = Trace(mishap)
        return trace

    def trace(self, connect: bytes) -> Trace:
        """The trace of whoever sent this CONNECT."""
        return self._traces.get(_client_id(connect)) or Trace(None)


@contextlib.contextmanager
def packet_gate() -> Iterator[PacketGate]:
    """A PacketGate, for twins that start inside the block."""
    gate, plain = PacketGate(), Engine.stream_connected

    async def connected(
        engine: Engine, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        link = _Link(gate, reader, writer)
        pump = asyncio.create_task(link.pump())
        try:
            await plain(engine, link.inbox, link, listener_name)  # type: ignore[arg-type]
        finally:
            pump.cancel()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "stream_connected", connected)
        yield gate


class _Link:
    """One connection. For the twin it is the StreamWriter, and `inbox` the StreamReader."""

    def __init__(self, gate: PacketGate, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.inbox = asyncio.StreamReader()
        self._gate = gate
        self._reader = reader
        self._writer = writer
        self._trace = Trace(None)
        self._late: set[asyncio.Task[None]] = set()
        self._stalled: dict[str, list[bytes]] = {}  # direction -> what waits there

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    async def pump(self) -> None:
        """Pass on what the board sends. The end comes after a packet that is late, as on a slow line."""
        while packet := await _read(self._reader):
            if packet[0] >> 4 == 1:
                self._trace = self._gate.trace(packet)
            self._deliver("board:", packet, self.inbox.feed_data)
        await asyncio.gather(*self._late)
        self.inbox.feed_eof()

    def write(self, packet: bytes) -> None:
        """Pass on a packet of the twin, which writes each as a whole."""
        assert len(packet) == sum(_length(packet)), "not one packet"
        self._deliver("cloud:", packet, self._send)

    def _send(self, packet: bytes) -> None:
        if not self._writer.is_closing():  # the twin may have hung up before a late packet comes
            self._writer.write(packet)

    def _deliver(self, direction: str, packet: bytes, take: Callable[[bytes], None]) -> None:
        kind = self._trace.note(direction, packet)
        if direction in self._stalled:
            self._stalled[direction].append(packet)
        elif kind == STALL:
            self._stalled[direction] = [packet]
            self._later(lambda: take(b"".join(self._stalled.pop(direction))))
        elif kind == DELAY:
            self._later(partial(take, packet))
        elif kind != DROP:
            take(packet * 2 if kind == DOUBLE else packet)

    def _later(self, act: Callable[[], None]) -> None:
        async def late() -> None:
            await asyncio.sleep(LATE_S)
            act()

        task = asyncio.create_task(late())
        self._late.add(task)
        task.add_done_callback(self._late.discard)


async def _read(reader: asyncio.StreamReader) -> bytes:
    """The next packet as it came; nothing at the end of the stream."""
    try:
        head = await reader.readexactly(2)
        while head[-1] & 0x80:
            head += await reader.readexactly(1)
        return head + await reader.readexactly(_length(head)[1])
    except (asyncio.IncompleteReadError, OSError):
        return b""


def _length(packet: bytes) -> tuple[int, int]:
    """(bytes of the fixed header, bytes that follow it)."""
    length = at = 0
    while True:
        at += 1
        length |= (packet[at] & 0x7F) << (7 * (at - 1))
        if not packet[at] & 0x80:
            return at + 1, length


def _text(data: bytes) -> str:
    """The MQTT string at the beginning of `data`."""
    return data[2 : 2 + int.from_bytes(data[:2], "big")].decode(errors="replace")


def _client_id(connect: bytes) -> str:
    return _text(connect[_length(connect)[0] + _CLIENT_ID_AT :])


def _described(packet: bytes) -> str:
    kind = packet[0] >> 4
    name = _NAMES.get(kind, f"packet type {kind}")
    return f"{name} {_text(packet[_length(packet)[0] :])}" if kind == 3 else name
