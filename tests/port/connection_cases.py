"""device.port.mqtt over a line in memory, for what a network does too seldom; run by test_mqtt_line.py."""

import asyncio
import errno
import io
import sys

from device.core import paths
from device.core.failures import AGAIN, GIVE_UP, Failure, Lost, Refused
from device.port import board, mqtt, packets

_POLL, _READABLE, _WRITABLE = 3, 1, 4


class Line(io.IOBase):
    """A socket that takes `takes` bytes and then no more; `incoming` is what it gives."""

    def __init__(self, takes=1 << 30, incoming=b""):
        self.takes = takes
        self.incoming = bytearray(incoming)
        self.written = bytearray()
        self.closed = 0
        self.write_error = self.read_error = None

    def ioctl(self, request, argument):
        if request != _POLL:
            return 0
        ready = _WRITABLE if len(self.written) < self.takes else 0
        return argument & (ready | (_READABLE if self.incoming or self.read_error else 0))

    def write(self, data):
        if self.write_error:
            raise self.write_error
        room = self.takes - len(self.written)
        if room <= 0:
            return None
        part = bytes(data[:room])
        self.written += part
        return len(part)

    def read(self, size):
        if self.read_error:
            raise self.read_error
        part = bytes(self.incoming[:size])
        self.incoming = self.incoming[size:]
        return part or None

    def readinto(self, buffer):
        part = self.read(len(buffer))
        if part is None:
            return None
        buffer[: len(part)] = part
        return len(part)

    def setblocking(self, blocking):
        pass

    def close(self):
        self.closed += 1


def _connection(line):
    connection = mqtt.Connection(line, packets.Packets("SN-1", 44), "host:8883")
    connection._reader = asyncio.create_task(connection._read())
    return connection


async def _failure(awaitable):
    """The Failure that `awaitable` ends with."""
    try:
        await awaitable
    except Failure as failure:
        return failure
    raise AssertionError("no Failure")


def _run(case):
    """Run `case(connection, line)` and close the connection."""

    async def whole():
        line = Line()
        connection = _connection(line)
        await case(connection, line)
        await connection.close()
        assert line.closed

    asyncio.run(whole())


async def _turns(count=5):
    for _ in range(count):
        await asyncio.sleep_ms(0)


def test_a_publish_that_is_cancelled_leaves_no_half_packet_behind():
    async def case(connection, line):
        line.takes = 100
        task = asyncio.create_task(connection.publish("a", b"x" * 1000, 0))
        await _turns()
        task.cancel()
        await _turns()
        assert len(line.written) == 100
        line.takes = 1 << 30
        assert "half a packet" in str(await _failure(connection.publish("a", b"y", 0)))
        await connection.close()
        assert len(line.written) == 100, "nothing follows half a packet"

    _run(case)


def test_memory_that_runs_out_while_sending_ends_the_connection():
    async def case(connection, line):
        line.write_error = MemoryError()
        first = await _failure(connection.publish("a", b"x", 0))
        assert first.kind == AGAIN and "not enough memory" in str(first)
        line.write_error = None
        assert await _failure(connection.publish("a", b"y", 0)) is first
        assert not line.written, "nothing is sent after it"

    _run(case)


def test_a_server_that_takes_no_data_is_given_up():
    async def case(connection, line):
        connection._answer_ms = 50
        line.takes = 10
        first = await _failure(connection.publish("a", b"x" * 100, 0))
        assert isinstance(first, Lost) and "host:8883 does not answer" in str(first)
        assert await _failure(connection.publish("a", b"y", 1)) is first

    _run(case)


def test_a_write_that_fails_ends_what_waits():
    async def case(connection, line):
        waiting = asyncio.create_task(_failure(connection.publish("a", b"x", 1)))
        await _turns()
        line.write_error = OSError(errno.ECONNRESET)
        first = await _failure(connection.publish("a", b"y", 0))
        assert isinstance(first, Refused) and "the server closed the connection" in str(first)
        assert await waiting is first
        await connection.ended()

    _run(case)


def test_packets_of_two_tasks_do_not_mix():
    async def case(connection, line):
        line.takes = 50
        tasks = [asyncio.create_task(connection.publish("a", bytes((65 + at,)) * 200, 0)) for at in range(4)]
        await _turns()
        while len(line.written) < 4 * 206:
            line.takes += 37
            await _turns(2)
        await asyncio.gather(*tasks)
        expected = b"".join(b"\x30\xcb\x01\x00\x01a" + bytes((65 + at,)) * 200 for at in range(4))
        assert bytes(line.written) == expected

    _run(case)


def test_a_message_in_pieces_of_any_size():
    frame = b"\x30\xcb\x01\x00\x01a" + b"p" * 200

    async def case(connection, line):
        found = []
        connection.on_message = lambda topic, payload: found.append((topic, payload))
        for step in (1, 2, 3, 7, 100, 205, 206):
            for at in range(0, len(frame), step):
                line.incoming += frame[at : at + step]
                while line.incoming:
                    await _turns(1)
            await _turns()
        assert found == [("a", b"p" * 200)] * 7

    _run(case)


def test_nobody_sends_behind_the_half_packet_of_another():
    async def case(connection, line):
        line.takes = 100
        first = asyncio.create_task(connection.publish("a", b"x" * 1000, 0))
        second = asyncio.create_task(_failure(connection.publish("a", b"y", 0)))
        await _turns()
        first.cancel()
        await _turns()
        line.takes = 1 << 30
        assert "half a packet" in str(await second)
        assert len(line.written) == 100

    _run(case)


def test_closing_sends_nothing_behind_a_half_acknowledgement():
    async def case(connection, line):
        line.takes = 2
        line.incoming += b"\x32\x06\x00\x01a\x00\x01x"
        await _turns()
        assert bytes(line.written) == b"\x40\x02"
        closing = asyncio.create_task(connection.close())
        await _turns()
        line.takes = 1 << 30
        await closing
        assert bytes(line.written) == b"\x40\x02"

    _run(case)


def test_closing_that_is_cancelled_frees_the_socket_all_the_same():
    async def case(connection, line):
        line.takes = 0
        closing = asyncio.create_task(connection.close())
        await _turns()
        assert not line.closed
        closing.cancel()
        await _turns()
        assert line.closed and connection.lost

    _run(case)


def test_errors_of_the_reader_are_told_apart():
    for error, class_, words in (
        (MemoryError(), Failure, "not enough memory"),
        (OSError(errno.ENOMEM), Failure, "not enough memory"),
        (OSError(-0x7F00), Failure, "not enough memory"),
        (OSError(113), Lost, "the network broke the connection"),
        (OSError(errno.ECONNRESET), Refused, "the server closed the connection"),
    ):

        async def case(connection, line, error=error, class_=class_, words=words):
            waiting = asyncio.create_task(_failure(connection.publish("a", b"x", 1)))
            await _turns()
            line.read_error = error
            found = await waiting
            assert type(found) is class_ and words in str(found), (type(found), str(found))

        _run(case)


def test_a_message_for_which_there_is_no_memory_ends_the_connection():
    async def case(connection, line):
        def full(topic, payload):
            raise MemoryError

        connection.on_message = full
        line.incoming += b"\x30\x04\x00\x01ax"
        await asyncio.wait_for_ms(connection.ended(), 1000)
        assert type(connection.lost) is Failure and "not enough memory" in str(connection.lost)

    _run(case)


def test_no_message_stays_in_memory_once_it_was_told():
    async def case(connection, line):
        connection.on_message = lambda topic, payload: None
        line.incoming += b"\x30\xcb\x01\x00\x01a" + b"p" * 200
        while line.incoming:
            await _turns(1)
        await _turns()
        assert connection._packets.sock is None and connection._packets._message is None
        await connection.publish("a", b"x" * 2000, 0)
        assert connection._packets.sock is None

    _run(case)


class _Context:
    """A TLS context whose handshake ends as told."""

    def __init__(self, line):
        self.line = line

    def wrap_socket(self, plain, **_):
        self.plain = plain
        return self.line


def _connect(make_context, plain):
    """Connect with a TLS context of our own over `plain`; the Failure that it raises."""

    with _Changed(make_context, plain):
        return asyncio.run(_failure(mqtt.connect("host", 8883, "SN-1", _no_files)))


def _no_files():
    return {name: b"" for name in (paths.ROOT_CA, paths.CERTIFICATE, paths.PRIVATE_KEY)}


class _Changed:
    """While this lasts, TLS and TCP are ours; afterwards the gate must have been left."""

    def __init__(self, make_context, plain):
        async def tcp(host, port, limit_ms):
            return plain

        self._ours = make_context, tcp

    def __enter__(self):
        self._real = mqtt.tls.context, mqtt.tls.plain
        mqtt.tls.context, mqtt.tls.plain = self._ours

    def __exit__(self, *_):
        mqtt.tls.context, mqtt.tls.plain = self._real
        assert board._timer is None, "the timer of the gate is stopped"


def test_what_is_cancelled_is_closed_with_its_tls_memory():
    board.start_watchdog()
    line = Line(takes=5)

    async def cancelled():
        task = asyncio.create_task(mqtt.connect("host", 8883, "SN-1", _no_files))
        await _turns()
        assert line.written and not line.closed and board._timer is not None
        task.cancel()
        await _turns()
        assert task.done()

    with _Changed(lambda *_: _Context(line), Line()):
        asyncio.run(cancelled())
    assert line.closed == 1


def test_what_failed_by_a_bug_is_closed_as_well():
    line = Line()
    line.write_error = KeyError("a bug")
    with _Changed(lambda *_: _Context(line), Line()):
        try:
            asyncio.run(mqtt.connect("host", 8883, "SN-1", _no_files))
            raise AssertionError("no error")
        except KeyError:
            pass
    assert line.closed == 1


def test_what_failed_is_closed_with_its_tls_memory():
    for error, words in (
        (OSError(errno.ECONNRESET), "during the TLS handshake"),
        (OSError(errno.ENOMEM), "not enough memory"),
        (OSError(-0x7780), "refuses our certificate"),
        (OSError(-0x7F00), "not enough memory"),
        (MemoryError(), "not enough memory"),
        (
            ValueError("The certificate is not correctly signed by the trusted CA\n"),
            "not signed by our root CA",
        ),
    ):
        line, plain = Line(), Line()
        line.write_error = error
        failure = _connect(lambda *_, line=line: _Context(line), plain)
        assert words in str(failure), str(failure)
        assert line.closed == 1, "the TLS socket is closed, and it closes the one below"


class _Gc:
    """Stands for `gc`: most of the heap is TLS's until `line` is closed."""

    def __init__(self, line):
        self._line = line

    def collect(self):
        pass

    def mem_free(self):
        return 100000 if self._line.closed else 5000


def test_the_free_memory_that_counts_is_that_of_the_handshake():
    line = Line()
    line.write_error = ValueError("The certificate is not correctly signed by the trusted CA\n")
    real = mqtt.gc
    mqtt.gc = _Gc(line)
    try:
        assert "not enough memory" in str(_connect(lambda *_: _Context(line), Line()))
    finally:
        mqtt.gc = real


def test_a_reader_without_memory_for_the_words_is_noticed():
    class Full:
        def __getattr__(self, name):
            raise MemoryError

    async def case(connection, line):
        line.read_error = OSError(errno.ECONNRESET)
        await asyncio.wait_for_ms(connection.ended(), 1000)
        assert type(connection.lost) is Failure and "not enough memory" in str(connection.lost)

    from device.port import causes

    package = sys.modules["device.port"]
    sys.modules["device.port.causes"] = package.causes = Full()
    try:
        _run(case)
    finally:
        sys.modules["device.port.causes"] = package.causes = causes


def test_too_little_memory_for_the_credentials_is_said():
    for error in (MemoryError(), OSError(errno.ENOMEM)):

        def fail(*_, error=error):
            raise error

        assert "not enough memory" in str(_connect(fail, Line()))


def test_too_little_memory_to_wrap_closes_the_plain_socket():
    class Full:
        def wrap_socket(self, plain, **_):
            raise MemoryError

    plain = Line()
    assert "not enough memory" in str(_connect(lambda *_: Full(), plain))
    assert plain.closed == 1


def test_credentials_that_cannot_be_used_close_the_connection():
    plain = Line()
    failure = _connect(mqtt.tls.context, plain)
    assert failure.kind == GIVE_UP and "root CA" in str(failure)
    assert plain.closed == 1 and not plain.written
