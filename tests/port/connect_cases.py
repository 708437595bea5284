"""Connections that do not come about: what is closed, and what is said when memory is short."""

import asyncio
import errno
import gc
import sys

from connection_cases import Line, _failure, _run, _turns

from device.core import paths
from device.core.failures import GIVE_UP, NoMemory
from device.port import board, mqtt


class _Context:
    """A TLS context whose handshake ends as told."""

    def __init__(self, line):
        self.line = line
        self.freed = 0

    def __del__(self):  # MicroPython calls it for no class: tls.free does
        assert self.line.closed, "no open socket uses it"
        self.freed += 1

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
        assert line.written and not line.closed
        assert board._timer is None, "what waits for the server is behind no gate"
        assert gc.threshold() != -1, "what other tasks leave behind is collected meanwhile"
        task.cancel()
        await _turns()
        assert task.done()

    with _Changed(lambda *_: _Context(line), Line()):
        asyncio.run(cancelled())
    assert line.closed == 1


class _Busy(Line):
    """A TLS socket whose server always has something to read, and never ends the handshake."""

    def ioctl(self, request, argument):
        return argument & 4 if request == 3 else -1

    def write(self, data):
        return None


def test_a_handshake_that_never_ends_is_given_up_and_holds_up_nobody():
    board._build.INTERVALS["tls_ms"] = 50
    line = _Busy()
    try:
        failure = _connect(lambda *_: _Context(line), Line())
    finally:
        del board._build.INTERVALS["tls_ms"]
    assert "host:8883 does not answer" in str(failure), str(failure)
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
        (OSError(-0x7780), "refused our certificate"),
        (OSError(-0x7F00), "not enough memory"),
        (MemoryError(), "not enough memory"),
        (
            ValueError("The certificate is not correctly signed by the trusted CA\n"),
            "not signed by our root CA",
        ),
    ):
        line, plain = Line(), Line()
        line.write_error = error
        context = _Context(line)
        failure = _connect(lambda *_, context=context: context, plain)
        assert words in str(failure), str(failure)
        assert line.closed == 1, "the TLS socket is closed, and it closes the one below"
        assert context.freed == 1, "certificate and key are freed"


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
        assert type(connection.lost) is NoMemory and "not enough memory" in str(connection.lost)

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
