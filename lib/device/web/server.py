"""Serves HTTP to a few clients at a time, so that none of them can take the memory or the time of the others.

microdot reads whatever a client sends: any number of headers, lines without end, bodies as long as they
say, for as long as it takes. So it gets a `Connection` for reader and writer, which checks and counts before
anything is kept, and passes on only the headers that the program uses. Each connection serves one request
and has a deadline. Further clients wait in the network stack.
"""

import asyncio

_CONNECTIONS = 3
_HEAD_MS = 5000  # for the request with its body
_ANSWER_MS = 30000  # for the answer
_SWEEP_MS = 500
_LINE_BYTES = 512
_HEAD_BYTES = 4096  # counted, not kept
_TARGET_BYTES = 96
_KEPT_BYTES = 256  # of a header that the program uses
_BODY_BYTES = 384
_PIECE_BYTES = 256
_OUT_BYTES = 512
_DRAIN_BYTES = 8192  # that a refused client may still send: closing at once would take back the answer
_DRAIN_MS = 1000

_KEPT = (b"host", b"origin", b"cookie", b"content-type", b"content-length", b"x-muster-token")
_TARGET_SYMBOLS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_-.?=&"
_NAME_SYMBOLS = _TARGET_SYMBOLS[:62] + b"_-"
# In every answer, after its first line.
_COMMON = (
    b"Connection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
    b"Referrer-Policy: no-referrer\r\nContent-Security-Policy: frame-ancestors 'none'\r\n"
)


class Refusal(OSError):
    """A request that is refused before the program sees it: status and one sentence; status 0, no answer.

    An OSError, because microdot lets those through and prints all others.
    """

    def __init__(self, status, text=""):
        super().__init__(status)
        self.status = status
        self.text = text


_MALFORMED = "the request is malformed"
_TOO_LONG = "the request has too long a head"


class Connection:
    """One client: what microdot reads from and writes to."""

    def __init__(self, stream, address, clock, limits_ms):
        self.task = None
        self.deadline_ms = clock.ms() + limits_ms[0]
        self._answer_ms = limits_ms[1]
        self._clock = clock
        self._stream = stream
        self._address = address
        self._buffer = b""
        self._head_bytes = _HEAD_BYTES
        self._seen = []  # names of the headers that may come once
        self._out = b""
        self._is_answered = False

    def get_extra_info(self, _):
        """The client's address, for microdot."""
        return self._address

    async def readline(self):
        """The request line, then each header that is kept, then an empty line."""
        if self._head_bytes == _HEAD_BYTES:
            return _request_line(await self._line())
        while True:
            line = await self._line()
            if not line or self._is_kept(line):
                return line

    async def _line(self):
        """The next line without its end."""
        while True:
            at = self._buffer.find(b"\n")
            if at >= 0:
                line, self._buffer = self._buffer[:at], self._buffer[at + 1 :]
                self._head_bytes -= at + 1
                if self._head_bytes < 0:
                    break
                return line[:-1] if line[-1:] == b"\r" else line
            if len(self._buffer) > _LINE_BYTES:
                break
            await self._more()
        raise Refusal(431, _TOO_LONG)

    async def _more(self):
        data = await self._stream.read(_PIECE_BYTES)
        if not data:
            raise Refusal(0)  # the client has gone
        self._buffer += data

    def _is_kept(self, line):
        """Check a header; return whether the program uses it."""
        name, colon, value = line.partition(b":")
        if not colon or not name or name.strip(_NAME_SYMBOLS):
            raise Refusal(400, _MALFORMED)
        name = name.lower()
        if name == b"transfer-encoding":
            raise Refusal(400, "the length of the body must be given")
        if name not in _KEPT:
            return False
        if len(line) > _KEPT_BYTES:
            raise Refusal(431, _TOO_LONG)
        if name in self._seen or not _is_plain(value):
            raise Refusal(400, _MALFORMED)
        self._seen.append(name)
        if name == b"content-length":
            value = value.strip()
            if not value.isdigit():
                raise Refusal(400, _MALFORMED)
            if len(value) > 6 or int(value) > _BODY_BYTES:
                raise Refusal(413, "the body is larger than %d bytes" % _BODY_BYTES)
        return True

    async def readexactly(self, size):
        """The body."""
        while len(self._buffer) < size:
            await self._more()
        body, self._buffer = self._buffer[:size], b""
        return body

    async def awrite(self, data):
        """Write in pieces that fill a packet, and add the headers of every answer."""
        if not self._is_answered:
            self._is_answered = True
            self.deadline_ms = self._clock.ms() + self._answer_ms
            data += _COMMON
        self._out += data
        if len(self._out) >= _OUT_BYTES:
            await self._flush()

    async def _flush(self):
        data, self._out = self._out, b""
        self._stream.write(data)
        await self._stream.drain()

    async def aclose(self):
        """Send what is left; the server closes."""
        await self._flush()

    async def refuse(self, refusal):
        """Answer a request that is refused."""
        if not refusal.status or self._is_answered:
            return
        await self.awrite(b"HTTP/1.0 %d Refused\r\n" % refusal.status)
        body = b'{"error": "%s"}' % refusal.text.encode()
        await self.awrite(b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
        await self.awrite(body)
        await self._flush()
        self.deadline_ms = self._clock.ms() + _DRAIN_MS
        left = _DRAIN_BYTES
        while left > 0:
            data = await self._stream.read(_PIECE_BYTES)
            if not data:
                return
            left -= len(data)

    async def close(self):
        """Close the socket."""
        await self._stream.wait_closed()


def _is_plain(value):
    for byte in value:
        if not 31 < byte < 127:
            return False
    return True


def _request_line(line):
    """Return the line if microdot understands it and its path can be one of ours."""
    parts = line.split(b" ")
    if len(parts) != 3 or not parts[0].isalpha() or parts[2] not in (b"HTTP/1.0", b"HTTP/1.1"):
        raise Refusal(400, _MALFORMED)
    target = parts[1]
    if target[:1] != b"/" or len(target) > _TARGET_BYTES or target.strip(_TARGET_SYMBOLS):
        raise Refusal(404, "there is nothing of this name")
    return line


class Server:
    """Gives each client a connection and a task, and ends those whose time is over.

    `handle(reader, writer)` answers one request; `on_bug(error)` is called with unexpected exceptions.
    """

    def __init__(self, ports, handle, on_bug):
        self._clock = ports.clock
        interval = ports.board.interval
        self._limits_ms = interval("web_request_ms", _HEAD_MS), interval("web_answer_ms", _ANSWER_MS)
        self._handle = handle
        self._on_bug = on_bug
        self._open = []
        self._freed = asyncio.Event()
        self._failure = None  # why nothing can be accepted any more

    async def run(self, listeners, look):
        """Serve until cancelled; then nothing is open any more. `look()` is called now and then."""
        tasks = [asyncio.create_task(self._accept(listener)) for listener in listeners]
        try:
            while True:
                look()
                if self._failure:
                    raise self._failure
                await self._clock.sleep_ms(_SWEEP_MS)
                self._sweep()
        finally:
            for listener in listeners:
                listener.close()
            for task in tasks + [connection.task for connection in self._open]:
                await _ended(task)
            for connection in self._open:  # of tasks that had not begun
                await connection.close()

    def _sweep(self):
        """End the connections whose time is over."""
        now_ms = self._clock.ms()
        for connection in self._open:
            if now_ms > connection.deadline_ms:
                connection.task.cancel()

    async def _accept(self, listener):
        try:
            await self._accept_all(listener)
        except Exception as error:  # nobody waits for this task
            self._failure = error

    async def _accept_all(self, listener):
        while True:
            while len(self._open) >= _CONNECTIONS:
                self._freed.clear()
                await self._freed.wait()
            stream, address = await listener.accept()
            try:
                self._take(stream, address)
            except MemoryError as error:  # this client has to do without; the next ones may not
                self._on_bug(error)
                await stream.wait_closed()
            stream = None

    def _take(self, stream, address):  # no coroutine may refer to a connection that has ended: it is 2 KB
        connection = Connection(stream, address, self._clock, self._limits_ms)
        self._open.append(connection)
        try:
            connection.task = asyncio.create_task(self._clock.alone(self._serve(connection)))
        except MemoryError:
            self._open.remove(connection)
            raise

    async def _serve(self, connection):
        try:
            await self._handle(connection, connection)
        except Refusal as refusal:
            await self._refuse(connection, refusal)
        except OSError:
            pass  # the client has gone
        except Exception as error:
            self._on_bug(error)
        finally:
            self._open.remove(connection)  # first: closing may fail, and its place would never be free again
            self._freed.set()
            try:
                await connection.close()
            except (OSError, MemoryError):
                pass  # the garbage collector closes it

    async def _refuse(self, connection, refusal):
        try:
            await connection.refuse(refusal)
        except OSError:
            pass  # the client has gone


async def _ended(task):
    """Cancel a task and wait for its end."""
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
