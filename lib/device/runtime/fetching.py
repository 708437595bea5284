"""HTTP requests for services and application: time, turn, memory and redirects.

Loaded for one request, then unloaded, as is all that it uses. The exchange itself is a port's.
"""

from device.core import http
from device.core.failures import AGAIN, Failure, Lost, WrongDates
from device.runtime.modules import unload, unload_passing, unload_readers

_TURN_MS = 75000  # longer than mqtt keeps its connection after lending it
_RESERVE_BYTES = 4096  # of the heap, beside the most that TLS takes
_REDIRECTS = 3
_LIMIT_MS = 120000
_SHOWN = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH")


class Request:
    """One request.

    `files`: the board's credentials, as in core.ports. They are for one server: redirects are not followed.
    """

    def __init__(
        self, state, method, address, headers=None, body=None, path=None, limit_bytes=4096, files=None
    ):
        if method not in _SHOWN:
            raise ValueError("method")
        self._state = state
        self._address = http.url(address)
        self._sent = method, headers or {}, body
        self._path = path
        self._limit_bytes = limit_bytes
        self._shown = files
        self._answer = None
        self._has_stopped_web = False

    async def answer(self, limit_ms=_LIMIT_MS):
        """The core.http.Answer, within `limit_ms`; raises Failure."""
        if not self._state.ports.network.connected():
            raise Lost(AGAIN, "the board has no network")
        place = http.where(self._address)
        try:
            if not await self._state.ports.clock.wait(self._follow(), limit_ms):
                raise Lost(AGAIN, "%s did not finish in %d s" % (place, limit_ms // 1000), "try again later")
            return self._answer
        finally:
            unload("device.port.http", "device.port.causes", "device.core.http", "device.runtime.fetching")

    async def _follow(self):
        """Make the request, and those that redirects lead to."""
        address = self._address
        method, headers, body = self._sent
        for _ in range(_REDIRECTS + 1):
            answer = await self._verified(address, method, headers, body)
            after = None if self._shown else http.redirect(address, answer, method, headers)
            if after is None:
                self._answer = answer
                return
            address, changed, headers = after
            if changed != method:
                method, body = changed, None
        raise Failure(AGAIN, "%s redirects more than %d times" % (http.where(address), _REDIRECTS))

    async def _verified(self, address, method, headers, body):
        """One exchange; with TLS in its turn, and once more if the clock was wrong."""
        state = self._state
        if not address.secure:
            return await self._exchange(address, method, headers, body)
        _keep_floor(state)
        await state.turns.take(self, _TURN_MS)
        try:
            await self._make_room()
            try:
                return await self._exchange(address, method, headers, body)
            except WrongDates as failure:
                if state.settings is None or not await _ask_time(state):
                    raise failure
            return await self._exchange(address, method, headers, body)
        finally:
            state.turns.give(self)
            if self._has_stopped_web:
                self._has_stopped_web = False
                state.supervisor.restore("web")

    async def _exchange(self, address, method, headers, body):
        sent = address, method, headers, body, self._path, self._limit_bytes
        return await self._state.ports.exchange(*sent, self._files)

    def _files(self):
        """What the board shows to the server, which is found now."""
        unload_passing()
        return self._shown() if self._shown else {}

    async def _make_room(self):
        """Make sure of the memory for a TLS session; only the web page is stopped for it."""
        build, supervisor = self._state.ports.build, self._state.supervisor
        if not supervisor:
            return
        needed = build.TLS_HEAP_BYTES and build.TLS_HEAP_BYTES + _RESERVE_BYTES  # 0: TLS has its own heap
        self._has_stopped_web = await supervisor.stop_page()
        if needed and not supervisor.has_room(needed, build.TLS_PIECE_BYTES):
            self._has_stopped_web = await supervisor.stop("web") or self._has_stopped_web
        if needed and not supervisor.has_room(needed, build.TLS_PIECE_BYTES):
            board = self._state.ports.board
            wanted, free = needed, board.free_memory()
            if free >= needed:
                wanted, free = "%d in one piece of" % build.TLS_PIECE_BYTES, board.largest_piece()
            cause = "a TLS connection needs %s bytes, %d are free" % (wanted, free)
            raise Failure(AGAIN, cause, "switch services off")


def _keep_floor(state):
    from device.runtime import timekeeper

    timekeeper.keep_floor(state)
    timekeeper = None
    unload_passing()
    unload_readers()


async def _ask_time(state):
    from device.runtime import timekeeper

    return await timekeeper.ask(state)
