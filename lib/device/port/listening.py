"""TCP connections from others: listening sockets, each of which accepts one client at a time."""

import asyncio
import os
import socket

from device.core.failures import AGAIN, Failure

_BACKLOG = 4
_PAUSE_MS = 500  # after an accept that failed: there may be no memory, or no network
_FAULTS = 10  # in a row: the socket is of no use any more
_FIRST_FREE = 49152  # ports from here on belong to nobody (RFC 6335)
_TRIES = 16
_ANY = "0.0.0.0"


def listen(host, port):
    """Listen on `port` of the address `host`; port 0 is any free one, which the listener then names.

    Raises Failure when the port is not available.
    """
    tries = _TRIES if port == 0 else 1
    while True:
        tries -= 1
        chosen = port or _FIRST_FREE + int.from_bytes(os.urandom(2), "big") % (65536 - _FIRST_FREE)
        plug = socket.socket()
        try:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            plug.bind(socket.getaddrinfo(host or _ANY, chosen)[0][-1])
            plug.listen(_BACKLOG)
            plug.setblocking(False)
            return Listener(plug, host, chosen)
        except OSError as error:
            plug.close()
            if not tries:
                raise Failure(
                    AGAIN, "cannot listen on port %d (%s)" % (chosen, error), "choose another in web.json"
                )


def _readable(plug):
    """Wait for a client (a generator: `yield` hands over to the event loop)."""
    yield asyncio.core._io_queue.queue_read(plug)


def _text(address):
    """The client's address as text: the unix port gives it as bytes, in network order from byte 4 on."""
    if isinstance(address, (bytes, bytearray)):
        return "%d.%d.%d.%d" % tuple(address[4:8])
    return address[0]


class Listener:
    """A listening socket."""

    def __init__(self, plug, host, port):
        self._plug = plug
        self.host = host
        self.port = port

    async def accept(self):
        """The next client: (stream, its address as text).

        The stream has `read(size)`, `write(data)`, `drain()` and `wait_closed()`, which closes it. Raises
        Failure when nothing can be accepted any more.
        """
        for _ in range(_FAULTS):
            await _readable(self._plug)
            try:
                plug, address = self._plug.accept()
                plug.setblocking(False)
                return asyncio.StreamReader(plug), _text(address)
            except (OSError, MemoryError) as why:  # the client has gone already, or there is no room for it
                error = why
                await asyncio.sleep_ms(_PAUSE_MS)
        raise Failure(AGAIN, "cannot accept connections (%s)" % error)

    def close(self):
        """Stop listening."""
        self._plug.close()
