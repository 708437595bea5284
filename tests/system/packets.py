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
from muster.twin.link import Client, Link

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
    gate, plain = PacketGate(), Engine.connected

    def connected(engine: Engine, link: Link) -> Client:
        between = _Between(gate, link)
        between.client = plain(engine, between)  # type: ignore[arg-type]
        return between

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "connected", connected)
        yield gate


class _Between:
    """One connection. For the twin's connection it is the link, for the link it is the connection."""

    client: Client

    def __init__(self, gate: PacketGate, link: Link) -> None:
        self._gate = gate
        self._link = link
        self._data = b""
        self._trace = Trace(None)
        self._late: set[asyncio.Task[None]] = set()
        self._stalled: dict[str, list[bytes]] = {}  # direction -> what waits there

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    def received(self, data: bytes) -> None:
        """Pass on what the board sends, packet by packet."""
        self._data += data
        while (size := _size(self._data)) is not None and size <= len(self._data):
            packet, self._data = self._data[:size], self._data[size:]
            if packet[0] >> 4 == 1:
                self._trace = self._gate.trace(packet)
            self._deliver("board:", packet, self.client.received)

    def lost(self) -> None:
        """The end comes after a packet that is late, as on a slow line."""
        asyncio.gather(*self._late, return_exceptions=True).add_done_callback(lambda _: self.client.lost())

    def overran(self) -> None:
        """The board does not read."""
        self.client.overran()

    def send(self, packet: bytes) -> None:
        """Pass on a packet of the twin, which sends each as a whole."""
        assert len(packet) == sum(_length(packet)), "not one packet"
        self._deliver("cloud:", packet, self._link.send)

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


def _size(data: bytes) -> int | None:
    """The bytes of the first packet in `data`, None while its length has not come."""
    return sum(_length(data)) if any(byte < 0x80 for byte in data[1:5]) else None


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
