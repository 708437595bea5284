"""device.port.tls over sockets and contexts of our own; run under MicroPython by test_board.py."""

import asyncio
import errno

from check import raises
from device.core import paths
from device.core.failures import AGAIN, GIVE_UP, OVER, Failure, Lost, NoMemory
from device.port import network, tls

_PEM = b"-----BEGIN %s-----\nMAEA\n-----END %s-----\n"
_DER = b"\x30\x01\x00"


def _files():
    return {
        paths.ROOT_CA: _PEM % (b"CERTIFICATE", b"CERTIFICATE") * 2,
        paths.CERTIFICATE: _PEM % (b"CERTIFICATE", b"CERTIFICATE"),
        paths.PRIVATE_KEY: _PEM % (b"EC PRIVATE KEY", b"EC PRIVATE KEY"),
    }


class Context:
    """Stands for a context of `tls`; `refuses` names the call that raises `error`."""

    PROTOCOL_TLS_CLIENT, CERT_REQUIRED = 1, 2
    refuses = None
    error = ValueError("invalid key")

    def __init__(self):
        self.verify_mode = None
        self.given = []

    def SSLContext(self, protocol):
        assert protocol == self.PROTOCOL_TLS_CLIENT
        return self

    def load_verify_locations(self, authority):
        self._given("root", authority)

    def load_cert_chain(self, certificate, key):
        self._given("chain", certificate, key)

    def _given(self, *what):
        if what[0] == self.refuses:
            raise self.error
        self.given.append(what)


def _context(made, files):
    real = tls.tls
    tls.tls = made
    try:
        return tls.context(lambda: files)
    finally:
        tls.tls = real


def test_a_context_verifies_and_gets_der():
    made = Context()
    files = _files()
    assert _context(made, files) is made and made.verify_mode == Context.CERT_REQUIRED
    assert made.given == [("root", _DER), ("root", _DER), ("chain", _DER, _DER)]
    assert not files, "nothing is held once TLS has it"


def test_a_root_that_cannot_be_used_is_for_a_person():
    made = Context()
    made.refuses = "root"
    failure = raises(Failure, _context, made, _files())
    assert failure.kind == GIVE_UP and "root CA cannot be used (invalid key)" in str(failure)
    files = _files()
    files[paths.ROOT_CA] = b"text"
    assert raises(Failure, _context, Context(), files).kind == GIVE_UP


def test_a_certificate_that_cannot_be_used_is_over():
    made = Context()
    made.refuses = "chain"
    failure = raises(Failure, _context, made, _files())
    assert failure.kind == OVER and "certificate or key cannot be used" in str(failure)
    for name in (paths.CERTIFICATE, paths.PRIVATE_KEY):
        files = _files()
        files[name] = b"text"
        assert raises(Failure, _context, Context(), files).kind == OVER, name


def test_memory_is_not_taken_for_a_bad_file():
    made = Context()
    for made.refuses in ("root", "chain"):
        for made.error in (MemoryError(), OSError(errno.ENOMEM)):
            assert raises(type(made.error), _context, made, _files()) is made.error


class Plug:
    """A socket; `flags` is what poll says of it."""

    def __init__(self, flags=4):
        self.flags = flags
        self.closed = False
        self.options = []

    def setsockopt(self, *option):
        self.options.append(option)

    def close(self):
        self.closed = True


class _Tcp:
    """While this lasts, TCP and names are ours: `open_connection` is `opening(host, port)`."""

    def __init__(self, opening):
        self._opening = opening
        self.asked = []

    def __enter__(self):
        async def open_connection(host, port):
            self.asked.append((host, port))
            return await self._opening()

        async def lookup(host):
            return "10.0.0.1"

        class Asyncio:
            TimeoutError = asyncio.TimeoutError
            wait_for_ms = asyncio.wait_for_ms

        class Select:
            POLLOUT = 4

            @staticmethod
            def poll():
                return _Poller()

        Asyncio.open_connection = open_connection
        self._real = tls.asyncio, tls.select, network.lookup
        tls.asyncio, tls.select, network.lookup = Asyncio, Select, lookup
        return self

    def __exit__(self, *_):
        tls.asyncio, tls.select, network.lookup = self._real


class _Poller:
    def register(self, plug, flags):
        self._plug = plug

    def poll(self, limit_ms):
        assert limit_ms == 0, "it must not block"
        return [(self._plug, self._plug.flags)] if self._plug.flags else []


class _Stream:
    def __init__(self, plug):
        self.s = plug


def _plain(opening, limit_ms=1000):
    with _Tcp(opening) as tcp:
        found = asyncio.run(tls.plain("a.example", 8883, limit_ms))
        assert tcp.asked == [("10.0.0.1", 8883)], "the name is looked up without blocking"
        return found


def _opens(plug):
    async def opening():
        return _Stream(plug), None

    return opening


def _fails(error):
    async def opening():
        raise error

    return opening


def test_a_connection_sends_small_records_at_once():
    plug = Plug()
    assert _plain(_opens(plug)) is plug and not plug.closed
    assert plug.options == [(6, 1, 1)]


def test_a_port_without_that_option_is_slower_and_nothing_else():
    class Bare(Plug):
        def setsockopt(self, *option):
            raise OSError(errno.EINVAL)

    plug = Bare()
    assert _plain(_opens(plug)) is plug


def test_a_connection_that_was_refused_on_lwip():
    """There it seems to be open, and only poll tells: OUT, ERR and HUP."""
    for flags in (4 | 8 | 16, 8, 16):
        plug = Plug(flags)
        failure = raises(Failure, _plain, _opens(plug))
        assert type(failure) is Failure and "a.example:8883 refused the connection" in str(failure)
        assert plug.closed and failure.kind == AGAIN


def test_connections_that_do_not_come_about():
    for number, class_, words in (
        (errno.ECONNREFUSED, Failure, "refused the connection"),
        (errno.ECONNRESET, Failure, "refused the connection"),
        (113, Lost, "is unreachable"),
        (110, Lost, "does not answer"),
        (errno.ENOMEM, NoMemory, "not enough memory"),
    ):
        failure = raises(Failure, _plain, _fails(OSError(number)))
        assert type(failure) is class_ and words in str(failure), str(failure)


def test_a_server_that_says_nothing():
    async def silent():
        await asyncio.sleep(60)

    failure = raises(Lost, _plain, silent, 10)
    assert "a.example:8883 does not answer" in str(failure)
