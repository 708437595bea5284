"""One HTTP request over one connection: every wait has a limit, and so has everything that the server sends.

Loaded for one request, then unloaded. The decisions are in core.http.
"""

import asyncio
import gc
import os

from device.core import http, paths
from device.core.failures import AGAIN, GIVE_UP, Failure, Lost
from device.port import board, clock, store, tls
from device.port.failing import failure

_TCP_MS = 15000
_WAIT_MS = 15000  # for the next bytes, or for the whole head
_PIECE = 1024
_MAX_ROOTS = 8
_ROOT_BYTES = 8192
_MAX_BODY_BYTES = 16384  # in memory
_MAX_EARLY = 4  # answers of status 1xx


async def exchange(address, method, headers, body, path, limit_bytes, files):
    """Send a request to `address` (a core.http.Url) and return its Answer; see core.ports."""
    place = http.where(address)
    raw = http.head(method, address, headers, None if body is None else len(body))
    opened = await tls.plain(address.host, address.port, board.interval("connect_ms", _TCP_MS))
    sink = _Memory(limit_bytes) if path is None else _File(path, limit_bytes)
    context = None
    try:
        if address.secure:
            opened, context = await _secured(opened, address.host, place, raw, files)
            raw = b""
        wire = _Wire(opened, place)
        await wire.send(raw)
        if body:
            await wire.send(body)
        answer = http.Head(place, method)
        await _limited(wire.head(answer), board.interval("answer_ms", _WAIT_MS), place)
        if path is not None and not 200 <= answer.status <= 299:
            return http.Answer(answer.status, answer.headers, 0)  # nothing is written
        await wire.body(answer, sink)
        return http.Answer(answer.status, answer.headers, sink.done())
    except EOFError:
        raise failure("closed", "before the end of its answer").during(place)
    except (OSError, MemoryError) as error:
        raise failure("broken", error).during(place)
    finally:  # also when we are cancelled
        sink.drop()
        opened.close()
        tls.free(context)
        if address.secure:
            board.hold_piece()


async def _limited(awaitable, limit_ms, place):
    try:
        return await clock.limited(awaitable, limit_ms)
    except asyncio.TimeoutError:
        raise Lost(AGAIN, "%s is too slow" % place, "try again later")


async def _secured(plain, host, place, raw, files):
    """(the TLS socket over `plain`, its context), after the handshake.

    `raw`: the first thing that it sends. `files`: see `exchange` in core.ports.
    """
    opened, secure, context = plain, False, None
    gc.collect()  # the certificates need contiguous memory
    try:
        shown = files()
        context = tls.trusting(_roots())
        if shown:
            tls.identify(context, shown)
        board.release_piece()
        opened = tls.wrapped(plain, context, host)
        await _limited(tls.shake_hands(opened, raw), board.interval("tls_ms", tls.LIMIT_MS), place)
        secure = True
        return opened, context
    except (OSError, ValueError, MemoryError) as error:
        free_bytes = gc.mem_free()
        why = error
    finally:
        if not secure:
            opened.close()
            tls.free(context)
    from device.core import calendar

    raise failure("of_https", why, host, place, calendar.text(clock.unix()), free_bytes)


def _roots():
    """The root CAs that this board trusts, one after the other: of the cloud, and those in paths.ROOTS."""
    found = 0
    for folder in (paths.CERT, paths.BOOTSTRAP):
        root = store.read(folder + "/" + paths.ROOT_CA, _ROOT_BYTES)
        if root:
            found += 1
            yield root
            break
    for name in sorted(os.listdir(paths.ROOTS)) if store.exists(paths.ROOTS) else ():
        if found == _MAX_ROOTS:
            raise Failure(GIVE_UP, "%s has more than %d files" % (paths.ROOTS, _MAX_ROOTS), "remove some")
        found += 1
        yield store.read(paths.ROOTS + "/" + name, _ROOT_BYTES)
    if not found:
        raise Failure(GIVE_UP, "the board has no root CA", "put the server's into " + paths.ROOTS)


class _Wire:
    """An open connection, read through one buffer."""

    def __init__(self, opened, place):
        self._stream = asyncio.StreamReader(opened)
        self._place = place
        self._buffer = bytearray(_PIECE)
        self._at = self._end = 0
        self._head_bytes = 0
        self._wait_ms = board.interval("answer_ms", _WAIT_MS)

    async def send(self, data):
        """Send `data` in pieces."""
        view = memoryview(data)
        for at in range(0, len(data), _PIECE):
            self._stream.write(view[at : at + _PIECE])
            await _limited(self._stream.drain(), self._wait_ms, self._place)

    async def _more(self):
        """Have at least one byte in the buffer; False at the end of the connection."""
        while self._at == self._end:
            count = await _limited(self._stream.readinto(self._buffer), self._wait_ms, self._place)
            if count == 0:
                return False
            self._at, self._end = 0, count or 0  # None: the rest of a TLS record has not arrived yet
        return True

    async def _line(self, answer):
        """The next line, without its end, and whether it is whole: it is cut at MAX_LINE_BYTES."""
        found = bytearray()
        is_whole = True
        while True:
            if not await self._more():
                raise EOFError
            end = self._buffer.find(b"\n", self._at, self._end)
            stop = self._end if end < 0 else end + 1
            self._head_bytes += stop - self._at
            if self._head_bytes > http.MAX_HEAD_BYTES:
                raise answer.wrong("has a head of more than %d bytes" % http.MAX_HEAD_BYTES)
            room = http.MAX_LINE_BYTES - len(found)
            found += memoryview(self._buffer)[self._at : min(stop, self._at + room)]
            is_whole = is_whole and stop - self._at <= room
            self._at = stop
            if end >= 0:
                return bytes(found).rstrip(b"\r\n"), is_whole

    async def head(self, answer):
        """Read the head of the final answer."""
        self._head_bytes = 0
        for _ in range(_MAX_EARLY):
            answer.begin((await self._line(answer))[0])
            line, is_whole = await self._line(answer)
            while line:
                answer.add(line, is_whole)
                line, is_whole = await self._line(answer)
            if answer.status >= 200:
                return
        raise answer.wrong("does not come to its end")

    async def body(self, answer, sink):
        """Read the body into `sink`."""
        way, size = answer.length()
        sink.begin(answer, size if way == http.SIZED else None, way == http.UNTIL_CLOSED)
        if way == http.SIZED:
            await self._copy(sink, size)
        elif way == http.UNTIL_CLOSED:
            while await self._more():
                sink.write(memoryview(self._buffer)[self._at : self._end])
                self._at = self._end
        elif way == http.CHUNKED:
            await self._chunks(answer, sink)

    async def _chunks(self, answer, sink):
        self._head_bytes = 0  # of the lines between the chunks, too
        while True:
            size = answer.chunk((await self._line(answer))[0])
            if not size:
                break
            await self._copy(sink, size)
            if (await self._line(answer))[0]:
                raise answer.wrong("has an invalid chunk")
            self._head_bytes = min(self._head_bytes, http.MAX_HEAD_BYTES // 2)
        while (await self._line(answer))[0]:
            pass  # trailers

    async def _copy(self, sink, size):
        while size:
            if not await self._more():
                raise EOFError
            count = min(size, self._end - self._at)
            sink.write(memoryview(self._buffer)[self._at : self._at + count])
            self._at += count
            size -= count


class _Sink:
    """Takes the body of an answer, up to a limit."""

    def __init__(self, limit_bytes):
        self._limit = limit_bytes
        self._count = 0
        self._answer = None

    def begin(self, answer, size, until_closed):
        """`size`: bytes, if known."""
        self._answer = answer
        self._check(size or 0)

    def _check(self, size):
        if size > self._limit:
            raise self._answer.wrong("has a body of more than %d bytes" % self._limit)

    def write(self, data):
        """Take the next piece."""
        self._count += len(data)
        self._check(self._count)
        self._take(data)

    def drop(self):
        """Forget what has come, unless `done`."""


class _Memory(_Sink):
    def __init__(self, limit_bytes):
        super().__init__(min(limit_bytes, _MAX_BODY_BYTES))
        self._found = bytearray()

    def _take(self, data):
        self._found += data

    def done(self):
        """The body."""
        return bytes(self._found)


class _File(_Sink):
    """A file that is there whole, or not at all."""

    def __init__(self, path, limit_bytes):
        super().__init__(limit_bytes)
        self._path = path
        self._part = None

    def begin(self, answer, size, until_closed):
        super().begin(answer, size, until_closed)
        if until_closed:  # nobody could tell a file that was cut off
            raise answer.wrong("does not say how long it is, so it is not written to a file")
        if size and not store.has_room(size):
            raise Failure(GIVE_UP, "flash is full: %s has %d bytes" % (self._path, size), "delete files")
        self._part = store.part(self._path)

    def _take(self, data):
        self._part.write(data)

    def done(self):
        """The number of bytes in the file."""
        if self._part is None:
            return 0
        part, self._part = self._part, None
        part.done()
        return self._count

    def drop(self):
        if self._part is not None:
            self._part.drop()
            self._part = None
