"""A TCP relay between board and twin that behaves like a bad network; it works on TLS bytes unseen.

    with Relay("127.0.0.1", 8883, latency_ms=100) as relay:
        ...  # connect to relay.port
        relay.black_hole = True

All settings may be changed while it runs, from any thread. "Up" is from the client to the target.
"""

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType

from muster.errors import MusterError
from muster.relay.connection import DOWN, UP, Clock, Connection, no_delay, reset, swallow

__all__ = ["DOWN", "UP", "Clock", "Relay"]


class Relay:
    """A listening port whose connections lead to `target_host`:`target_port`.

    Settings
        latency_ms: round trip; each direction takes half of it, and a new connection one round trip
            before its first byte is read, as the TCP handshake does.
        bandwidth: bytes per second in each direction, None for no limit.
        cut_after_up, cut_after_down, cut_after_total: once this many bytes have been delivered by all
            connections together, the one at hand is reset. Happens once; the setting is then None.
        black_hole: connections are accepted and bytes taken, nothing is delivered.
        refuse: new connections are reset at once.
    Counts
        connections, refused, bytes_up, bytes_down (delivered), first_syn (the clock's time of the first
        connection, None before), turns (how often the data changed direction, each connection's opening
        counted as one: two turns are one round trip).
    """

    def __init__(
        self,
        target_host: str,
        target_port: int,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        latency_ms: float = 0,
        bandwidth: float | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.target = (target_host, target_port)
        self.host = host
        self.port = port  # the real one once it listens
        self.latency_ms = latency_ms
        self.bandwidth = bandwidth
        self.clock = clock or Clock()
        self.cut_after_up: int | None = None
        self.cut_after_down: int | None = None
        self.cut_after_total: int | None = None
        self.black_hole = False
        self.refuse = False
        self.connections = 0
        self.refused = 0
        self.bytes_up = 0
        self.bytes_down = 0
        self.turns = 0
        self.first_syn: float | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    # In an event loop: `async with`, or start and stop.

    async def start(self) -> None:
        """Listen. Raises MusterError when the port is taken."""
        try:
            self._server = await asyncio.start_server(self._accept, self.host, self.port)
        except OSError as error:
            raise MusterError(
                f"the relay cannot listen on {self.host}:{self.port} ({error.strerror}): choose another"
                " address or port."
            ) from None
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and reset every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> "Relay":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # In a thread of its own: `with`.

    def __enter__(self) -> "Relay":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.start(), self._loop).result()
        except MusterError:
            self._end_thread()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self.stop(), self._loop).result()
        self._end_thread()

    def _end_thread(self) -> None:
        assert self._loop is not None and self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def wait_until(self, condition: Callable[["Relay"], bool], timeout_s: float = 30) -> bool:
        """Wait in another thread until the counts satisfy `condition`; False when time runs out."""
        with self._news:
            return self._news.wait_for(lambda: condition(self), timeout_s)

    def _tell(self) -> None:
        with self._news:
            self._news.notify_all()

    # One connection.

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the relay stops: the streams library has no use for the cancellation
        finally:
            reset(writer)
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.first_syn is None:
            self.first_syn = self.clock.now_s()
        if self.refuse:
            self.refused += 1
            self._tell()
            return
        self.connections += 1
        self.turns += 2  # SYN and its answer
        self._tell()
        await self.clock.sleep(self.latency_ms / 1000)
        if self.black_hole:
            await swallow(reader)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:
            return  # the client sees a reset, as from a host without that port
        no_delay(writer)
        no_delay(far_writer)
        connection = Connection(self)
        up = connection.carry(UP, reader, far_writer)
        down = connection.carry(DOWN, far_reader, writer)
        pumps = [asyncio.ensure_future(up), asyncio.ensure_future(down)]
        try:
            # A side that ends its sending leaves the other direction open; an error ends both.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            reset(far_writer)

    def allowance(self, direction: str) -> int | None:
        """How many more bytes may be delivered in `direction` before the cut, None without one."""
        limits = [
            limit - count
            for limit, count in (
                (self.cut_after_up if direction == UP else self.cut_after_down, self._count(direction)),
                (self.cut_after_total, self.bytes_up + self.bytes_down),
            )
            if limit is not None
        ]
        return max(0, min(limits)) if limits else None

    def _count(self, direction: str) -> int:
        return self.bytes_up if direction == UP else self.bytes_down

    def delivered(self, direction: str, count: int) -> None:
        """Take note of `count` bytes delivered."""
        if direction == UP:
            self.bytes_up += count
        else:
            self.bytes_down += count
        self._tell()

    def turned(self) -> None:
        """Take note that the data changed its direction."""
        self.turns += 1
        self._tell()

    def was_cut(self) -> None:
        """The cut has happened: it does not happen again."""
        self.cut_after_up = self.cut_after_down = self.cut_after_total = None
        self._tell()
