"""device.port.mqtt over a line in memory, for what a network does too seldom; run by test_mqtt_line.py."""

import asyncio
import errno
import io

from device.core import slots
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.port import mqtt, packets

_POLL, _READABLE, _WRITABLE = 3, 1, 4


class Line(io.IOBase):
    """A socket that takes `takes` bytes and then no more; `incoming` is what it gives."""

    def __init__(self, takes=1 << 30, incoming=b""):
        self.takes = takes
        self.incoming = bytearray(incoming)
        self.written = bytearray()
        self.closed = 0
        self.write_error = None

    def ioctl(self, request, argument):
        if request != _POLL:
            return 0
        ready = _WRITABLE if len(self.written) < self.takes else 0
        return argument & (ready | (_READABLE if self.incoming else 0))

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
    connection = mqtt.Connection(line, packets.Packets("SN-1", 44))
    connection._reader = asyncio.create_task(connection._read())
    return connection


async def _failure(awaitable):
    try:
        await awaitable
    except Failure as failure:
        return str(failure)
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
        assert "half a packet" in await _failure(connection.publish("a", b"y", 0))
        await connection.close()
        assert len(line.written) == 100, "nothing follows half a packet"

    _run(case)


def test_memory_that_runs_out_while_sending_ends_the_connection():
    async def case(connection, line):
        line.write_error = MemoryError()
        try:
            await connection.publish("a", b"x", 0)
            raise AssertionError("no error")
        except MemoryError:
            pass
        line.write_error = None
        assert "half a packet" in await _failure(connection.publish("a", b"y", 0))
        assert connection.lost.kind == AGAIN

    _run(case)


def test_a_server_that_takes_no_data_is_given_up():
    async def case(connection, line):
        mqtt._ANSWER_MS = 50
        line.takes = 10
        assert "does not take data" in await _failure(connection.publish("a", b"x" * 100, 0))
        assert "does not take data" in await _failure(connection.publish("a", b"y", 1))

    before = mqtt._ANSWER_MS
    _run(case)
    mqtt._ANSWER_MS = before


def test_a_write_that_fails_ends_what_waits():
    async def case(connection, line):
        waiting = asyncio.create_task(_failure(connection.publish("a", b"x", 1)))
        await _turns()
        line.write_error = OSError(errno.ECONNRESET)
        first = await _failure(connection.publish("a", b"y", 0))
        assert "the server closed the connection" in first
        assert await waiting == first
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


class _Context:
    """A TLS context whose handshake ends as told."""

    def __init__(self, line):
        self.line = line

    def wrap_socket(self, plain, **_):
        self.plain = plain
        return self.line


def _connect(make_context, plain):
    """Connect with a TLS context of our own over `plain`; the Failure that it raises."""

    async def tcp(host, port):
        return plain

    before = mqtt.tls.context, mqtt._connect_tcp
    mqtt.tls.context, mqtt._connect_tcp = make_context, tcp
    files = {name: b"" for name in slots.FILES}
    try:
        asyncio.run(mqtt.connect(slots.Identity(files, "SN-1", "host", 8883), "SN-1"))
    except Failure as failure:
        return failure
    finally:
        mqtt.tls.context, mqtt._connect_tcp = before
    raise AssertionError("no Failure")


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


def test_credentials_that_cannot_be_used_open_no_connection():
    plain = Line()
    failure = _connect(mqtt.tls.context, plain)
    assert failure.kind == GIVE_UP and "root CA" in str(failure)
    assert plain.closed == 0 and not plain.written
