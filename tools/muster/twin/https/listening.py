"""Connections of an HTTP server, with limits that aiohttp leaves to a proxy in front of it.

How many there are, in all and of one address, is known before TLS begins; and a client that does not shake
hands, send its request or read its answer in time is cut off.
"""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable

from muster.twin.https.limits import HttpLimits
from muster.twin.listener import Listener
from muster.twin.log import log

_log = log()


class Connection(asyncio.Protocol):
    """Stands between the transport and aiohttp's protocol, with a watch in its hand."""

    def __init__(self, inner: asyncio.Protocol, wait_s: float, ended: Callable[[], None]) -> None:
        self._inner = inner
        self._wait_s = wait_s
        self._ended = ended
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def busy(self) -> None:
        """The whole request is here: now it is the twin's turn."""
        if self._timer is not None:
            self._timer.cancel()

    def idle(self) -> None:
        """The answer is ready: it must be read, and the next request sent, in time."""
        self.busy()
        self._timer = asyncio.get_running_loop().call_later(self._wait_s, self.abort)

    def abort(self) -> None:
        """Cut the client off."""
        if self._transport is not None:
            _log.info("HTTP: a client was cut off: it was too slow")
            self._transport.abort()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there, with TLS if there is any."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._inner.connection_made(transport)
        self.idle()

    def data_received(self, data: bytes) -> None:
        """Part of a request."""
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """The client will send no more."""
        return self._inner.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        """It has ended."""
        self.busy()
        self._transport = None
        self._ended()
        self._inner.connection_lost(error)

    def pause_writing(self) -> None:
        """The client is slow."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The client has read."""
        self._inner.resume_writing()


class HttpListener(Listener):
    """A listening socket whose clients talk HTTP, through TLS when there is a context."""

    def __init__(
        self,
        address: str,
        port: int,
        protocol: Callable[[], asyncio.Protocol],
        limits: HttpLimits,
        context: ssl.SSLContext | None,
    ) -> None:
        """Raises OSError when the address or the port cannot be used."""
        self._limits = limits
        self._context = context
        self._inner = protocol
        self._open: Counter[str] = Counter()
        super().__init__(address, port, protocol)

    async def _start(self, client: socket.socket) -> None:
        try:
            address = str(client.getpeername()[0])
        except OSError:
            client.close()  # it went away meanwhile
            return
        limits = self._limits
        if self._open.total() >= limits.connections or self._open[address] >= limits.connections_of_address:
            _log.warning("HTTP: too many connections: one of %s was refused", address)
            client.close()
            return
        self._open[address] += 1
        await self._connect(client, address)

    async def _connect(self, client: socket.socket, address: str) -> None:
        is_counted = True

        def ended() -> None:
            nonlocal is_counted
            if is_counted:
                is_counted = False
                self._open[address] -= 1
                if not self._open[address]:
                    del self._open[address]

        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made = Connection(self._inner(), self._limits.wait_s, ended)
        wait_s = self._limits.handshake_s if self._context is not None else None
        try:
            await self._loop.connect_accepted_socket(
                lambda: made, client, ssl=self._context, ssl_handshake_timeout=wait_s
            )
        except OSError as error:  # TLS errors too
            _log.info("HTTPS: the handshake with %s failed: %s", address, error)
            client.close()
            ended()
        except BaseException:
            client.close()
            ended()
            raise
