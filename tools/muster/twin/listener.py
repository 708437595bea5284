"""Accepts TCP connections, and keeps calm when there are no more files for them."""

import asyncio
import resource
import socket
from collections.abc import Callable

from muster.twin.log import log

_BACKLOG = 128
_AT_ONCE = 32  # connections in one turn of the loop
_PAUSE_S = 0.5  # without accepting, when the process has no files left
_TELL_S = 10  # between two lines of the log about that
_ENOUGH_FILES = 65_536

_log = log()


def raise_file_limit() -> None:
    """Let this process have as many files open as the system allows: each client needs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Listener:
    """A listening socket; `protocol` makes what handles one connection."""

    def __init__(self, address: str, port: int, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        """Raises OSError when the address or the port cannot be used."""
        family, _, _, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        self._socket = socket.create_server(where[:2], family=family, backlog=_BACKLOG)
        self._socket.setblocking(False)
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._starting: set[asyncio.Task[object]] = set()
        self._told_s = float("-inf")
        self._is_closed = False
        self._listen()

    @property
    def port(self) -> int:
        """The port that it got."""
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Accept nobody any more."""
        self._is_closed = True
        self._loop.remove_reader(self._socket)
        self._socket.close()
        for task in self._starting:
            task.cancel()

    def _listen(self) -> None:
        if not self._is_closed:
            self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                client = _accepted(self._socket)
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(error)
                return
            client.setblocking(False)
            task = self._loop.create_task(self._start(client))
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    async def _start(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, client)
        except OSError:
            client.close()  # it went away meanwhile

    def _pause(self, error: OSError) -> None:
        """Without files left nobody can be accepted: the clients that are there go on."""
        if self._loop.time() - self._told_s > _TELL_S:
            self._told_s = self._loop.time()
            _log.error(
                "no more connections can be accepted (%s): raise the limit (ulimit -n)", error.strerror
            )
        self._loop.remove_reader(self._socket)
        self._loop.call_later(_PAUSE_S, self._listen)


def _accepted(listening: socket.socket) -> socket.socket:
    return listening.accept()[0]
