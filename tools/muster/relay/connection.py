"""One connection through the relay: two directions, each a queue of bytes with the time they are due."""

import asyncio
import contextlib
import socket
import time
from typing import Protocol

UP = "up"
DOWN = "down"
_CHUNK = 16384
_IN_FLIGHT = 256  # chunks under way in one direction before the sender is made to wait


class Clock:
    """The time by which the relay delays; a test passes one that does not wait."""

    def now_s(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    async def sleep(self, duration_s: float) -> None:
        """Wait so many seconds."""
        await asyncio.sleep(duration_s)


class Network(Protocol):
    """What a connection asks of the relay it belongs to (see muster.relay.Relay)."""

    latency_ms: float
    bandwidth: float | None
    black_hole: bool
    clock: Clock

    def turned(self) -> None: ...

    def allowance(self, direction: str) -> int | None: ...

    def delivered(self, direction: str, count: int) -> None: ...

    def was_cut(self) -> None: ...


class Connection:
    """The two directions of one connection, and which of them spoke last."""

    def __init__(self, relay: Network) -> None:
        self._relay = relay
        self._last = DOWN  # the answer to the SYN
        self._is_cut = False  # then neither direction delivers anything more

    async def carry(self, direction: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Move bytes until the sender ends; raises ConnectionResetError at a cut or a reset."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_IN_FLIGHT)
        delivery = asyncio.ensure_future(self._deliver(direction, queue, writer))
        collection = asyncio.ensure_future(self._collect(direction, queue, reader))
        try:
            done, _ = await asyncio.wait((delivery, collection), return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            delivery.cancel()
            collection.cancel()
            await asyncio.gather(delivery, collection, return_exceptions=True)

    async def _collect(
        self, direction: str, queue: asyncio.Queue[tuple[float, bytes]], reader: asyncio.StreamReader
    ) -> None:
        """Stamp what arrives with the time at which it is due at the other end. The end is b""."""
        link_free_at = 0.0
        while True:
            data = await reader.read(_CHUNK)
            if data and self._last != direction:
                self._last = direction
                self._relay.turned()
            link_free_at = max(link_free_at, self._relay.clock.now_s())
            if self._relay.bandwidth:
                link_free_at += len(data) / self._relay.bandwidth
            await queue.put((link_free_at + self._relay.latency_ms / 2000, data))
            if not data:
                return

    async def _deliver(
        self, direction: str, queue: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        relay = self._relay
        while True:
            due, data = await queue.get()
            delay_s = due - relay.clock.now_s()
            if delay_s > 0:
                await relay.clock.sleep(delay_s)
            if relay.black_hole:
                if not data:
                    return
                continue
            if not data:
                with contextlib.suppress(OSError):
                    writer.write_eof()
                return
            if self._is_cut:
                return  # the other direction ends the connection
            room = relay.allowance(direction)
            self._is_cut = room is not None and room <= len(data)
            writer.write(data[:room])
            relay.delivered(direction, len(data[:room]))  # at once: the other direction shares the total
            await writer.drain()
            if self._is_cut:
                relay.was_cut()
                raise ConnectionResetError("cut by the relay")


async def swallow(reader: asyncio.StreamReader) -> None:
    """Read until the sender ends, for nothing."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(_CHUNK):
            pass


def no_delay(writer: asyncio.StreamWriter) -> None:
    """Send at once, and let `drain` wait until everything has left."""
    writer.transport.set_write_buffer_limits(0)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close at once; what has not left yet is lost."""
    writer.transport.abort()
