"""TLS on one TCP connection, from documented parts of asyncio and `ssl` only.

asyncio's own TLS keeps a buffer of 256 KB for each connection, tells nobody why a handshake failed, and
costs much processor time. Here all connections share one buffer, and what is sent to
a client in one turn of the loop becomes one TLS record.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Protocol

from muster.twin.log import log

_CLOSE_WAIT_S = 0.25  # for the last bytes and the TLS goodbye; then the socket goes
_UNREAD_LIMIT_BYTES = 4 * 1024 * 1024  # a client that reads nothing is cut off here

_RECORD_BYTES = 16 * 1024  # the most that is in one TLS record
_READ_BYTES = 64 * 1024
_SEND_AT_ONCE_BYTES = 64 * 1024  # more than that does not wait for the end of the turn

_log = log()


class Client(Protocol):
    """Who uses a link."""

    def received(self, data: bytes) -> None:
        """Bytes came from the peer."""

    def lost(self) -> None:
        """The connection has ended; called once, whoever ended it."""

    def ready(self) -> None:
        """The peer has read: the link is not full any more."""

    def overran(self) -> None:
        """The peer does not read what is sent."""


class Outbox:
    """The links with something to send, until the turn of the loop is over.

    An answer that is ready by then goes out with the acknowledgement of its request.
    """

    def __init__(self, settle: Callable[[], None]) -> None:
        """`settle` is called before anything is sent: what is acknowledged must be stored."""
        self.settle = settle
        # Shared by the links of one loop: what is read into it is consumed before anything else is read. That
        # is so on asyncio's selector loops, the only ones on Linux and macOS. Twins in other threads have
        # their own.
        self.read_buffer = memoryview(bytearray(_READ_BYTES))
        self._links: list[Link] = []

    def add(self, link: "Link") -> None:
        """See that `link` is flushed soon."""
        if not self._links:
            asyncio.get_running_loop().call_soon(self.flush)
        self._links.append(link)

    def flush(self) -> None:
        """Send everything."""
        links, self._links = self._links, []
        for link in links:
            try:
                link.flush()
            except Exception:  # must not take what others are sent
                _log.exception("a connection failed")
                link.abort()


class Link(asyncio.BufferedProtocol):
    """One TCP connection with TLS; `opened` is told when the handshake is done and returns who uses it."""

    def __init__(
        self,
        context: ssl.SSLContext,
        wait_s: float,
        outbox: Outbox,
        opened: Callable[["Link"], Client],
        links: "set[Link]",
    ) -> None:
        """`links` is where it enters itself as long as the connection lasts."""
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._wait_s = wait_s
        self._outbox = outbox
        self._opened = opened
        self._links = links
        self._client: Client | None = None
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._unread_bytes = 0  # at most so many since the peer was slow
        self._is_closing = False
        self._is_held = self._is_full = False

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._links.add(self)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._timer = asyncio.get_running_loop().call_later(self._wait_s, self._too_late)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read to."""
        return self._outbox.read_buffer

    def buffer_updated(self, count: int) -> None:
        """So many bytes came."""
        if self._is_closing:
            return
        self._in.write(self._outbox.read_buffer[:count])
        if self._client is not None or self._shake_hands():
            self._read()

    def eof_received(self) -> bool:
        """The peer will send no more: close, soon even when it does not read what waits."""
        if self._client is not None:
            self._lose()
            self._close()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone."""
        self._timer.cancel()
        self._links.discard(self)
        if self._client is not None:
            self._lose()
        elif not self._is_closing:
            _log.info("TLS handshake not finished: the client went away, or took too long")

    def pause_writing(self) -> None:
        """The peer is slow: take nothing from it until it has read."""
        self._is_full = True
        self._pace()

    def resume_writing(self) -> None:
        """The peer has read."""
        self._is_full = False
        self._unread_bytes = 0
        self._pace()
        if self._client is not None and not self._is_closing:
            self._client.ready()

    # What the twin calls

    @property
    def peer_certificate(self) -> bytes | None:
        """The client's certificate in DER form."""
        return self._tls.getpeercert(binary_form=True)

    @property
    def is_full(self) -> bool:
        """Whether the peer has to read before it is sent more."""
        return self._is_full

    def admitted(self) -> None:
        """The client has said who it is in time."""
        self._timer.cancel()

    def send(self, packet: bytes) -> None:
        """Send a packet at the end of this turn of the loop; never waits."""
        if self._is_closing:
            return
        if not self._unsent:
            self._outbox.add(self)
        self._unsent.append(packet)
        self._unsent_bytes += len(packet)
        if self._unsent_bytes > _SEND_AT_ONCE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send now what was given to `send`."""
        if not self._unsent or self._is_closing:
            return
        self._outbox.settle()
        data = memoryview(b"".join(self._unsent))
        self._unsent.clear()
        self._unsent_bytes = 0
        was_full = self._is_full
        while data:
            data = data[self._tls.write(data) :]
        encrypted = self._out.read()
        self._transport.write(encrypted)
        if was_full:
            self._check_unread(len(encrypted))

    def hold(self, is_held: bool) -> None:
        """Take nothing from the peer, or go on."""
        self._is_held = is_held
        self._pace()

    def hang_up(self) -> None:
        """Send what waits, say goodbye, and let the socket go soon whatever the peer does."""
        if self._is_closing:
            return
        self.flush()
        self._is_closing = True
        self._say_goodbye()
        self._close()

    def abort(self) -> None:
        """Drop the connection now."""
        self._is_closing = True
        self._transport.abort()

    # Parts

    def _check_unread(self, added_bytes: int) -> None:
        """End a connection whose peer does not read. asyncio is asked seldom: its answer is dear."""
        self._unread_bytes += added_bytes
        if self._unread_bytes > _UNREAD_LIMIT_BYTES:
            self._unread_bytes = self._transport.get_write_buffer_size()
            if self._unread_bytes > _UNREAD_LIMIT_BYTES and self._client is not None:
                self._client.overran()

    def _pace(self) -> None:
        if self._is_closing:
            return
        if self._is_held or self._is_full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _shake_hands(self) -> bool:
        """Whether the handshake is done."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._transport.write(self._out.read())
            return False
        except ssl.SSLError as error:
            _log.info("TLS handshake failed (%s)", error.reason or error)
            self._is_closing = True
            self._close()
            return False
        self._transport.write(self._out.read())
        self._client = self._opened(self)
        return True

    def _read(self) -> None:
        assert self._client is not None
        while not self._is_closing:
            try:
                data = self._tls.read(_RECORD_BYTES)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError:
                data = b""
            if not data:  # the peer says goodbye, or what it says cannot be read
                self._lose()
                self._say_goodbye()
                self._close()
                return
            self._client.received(data)
            if not (self._in.pending or self._tls.pending()):
                break
        if self._out.pending:
            self._transport.write(self._out.read())

    def _say_goodbye(self) -> None:
        with contextlib.suppress(ssl.SSLError):  # the peer has not said it yet, or cannot be understood
            self._tls.unwrap()

    def _lose(self) -> None:
        self._is_closing = True
        client, self._client = self._client, None
        if client is not None:
            client.lost()

    def _too_late(self) -> None:
        if self._client is None:
            self._transport.abort()
        else:
            _log.info("no CONNECT within %g s", self._wait_s)
            self.hang_up()

    def _close(self) -> None:
        """Say no more, and let the peer close: closing first may destroy what it has not read."""
        self._timer.cancel()
        if self._out.pending:
            self._transport.write(self._out.read())
        if self._transport.is_closing():
            return
        with contextlib.suppress(OSError):  # the peer may be gone already
            self._transport.write_eof()
        self._transport.resume_reading()
        self._timer = asyncio.get_running_loop().call_later(_CLOSE_WAIT_S, self._transport.abort)
