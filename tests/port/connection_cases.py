"""device.port.mqtt over a line in memory, for what a network does too seldom; run by test_mqtt_line.py."""

import asyncio
import errno
import io

from device.core.failures import AGAIN, Failure, Lost, NoMemory, Refused
from device.port import mqtt, packets

_POLL, _FILENO = 3, 10
_READABLE, _WRITABLE = 1, 4


class Line(io.IOBase):
    """A socket that takes `takes` bytes and then no more; `incoming` is what it gives."""

    def __init__(self, takes=1 << 30, incoming=b""):
        self.takes = takes
        self.incoming = bytearray(incoming)
        self.written = bytearray()
        self.closed = 0
        self.write_error = self.read_error = None

    def ioctl(self, request, argument):
        if request == _FILENO:
            return -1  # otherwise 0, standard input, is polled
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
    connection = mqtt.Connection(line, None, packets.Packets("SN-1", 44), "host:8883")
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
        assert "part of a packet" in str(await _failure(connection.publish("a", b"y", 0)))
        await connection.close()
        assert len(line.written) == 100, "nothing follows half a packet"

    _run(case)


def test_a_task_is_ended_between_packets():
    """Whatever it is sending: the connection goes on without it."""

    async def case(connection, line):
        line.takes = 100
        task = asyncio.create_task(connection.subscribe(["x" * 1000]))
        await _turns()
        ending = asyncio.create_task(connection.between_packets(task.cancel))
        await _turns()
        assert len(line.written) == 100 and not task.done() and not ending.done()
        line.takes = 1 << 30
        await ending
        await _turns()
        assert task.done() and len(line.written) > 1000
        await connection.publish("a", b"y", 0)
        waiting = asyncio.create_task(connection.publish("a", b"z", 1))
        await _turns()
        await connection.between_packets(waiting.cancel)
        await _turns()
        assert waiting.done() and connection.lost is None, "who waits for an answer is ended at once"

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
        assert "part of a packet" in str(await second)
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


class _Context:
    """Certificate and key of a connection."""

    freed = False

    def __del__(self):  # MicroPython calls it for no class: tls.free does
        self.freed = True


def test_closing_that_is_cancelled_frees_the_socket_all_the_same():
    async def case(connection, line):
        line.takes = 0
        context = connection._context = _Context()
        closing = asyncio.create_task(connection.close())
        await _turns()
        assert not line.closed
        closing.cancel()
        await _turns()
        assert line.closed and connection.lost and context.freed

    _run(case)


def test_errors_of_the_reader_are_told_apart():
    for error, class_, words in (
        (MemoryError(), NoMemory, "not enough memory"),
        (OSError(errno.ENOMEM), NoMemory, "not enough memory"),
        (OSError(-0x7F00), NoMemory, "not enough memory"),
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
        assert type(connection.lost) is NoMemory and "not enough memory" in str(connection.lost)

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
