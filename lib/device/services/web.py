"""The web page of the board, for browsers on its network. Works without the cloud.

Where there is no memory for the page beside a TLS connection (build profile `small`), runtime.session stops
it before it connects, and it waits as long as the board is connected, or about to be. A connection that was
lost is most often back in seconds: the page would leave its names and holes in the heap for nothing.
"""

from device.core import paths
from device.core.failures import AGAIN, Failure
from device.runtime.modules import unload, unload_readers
from device.runtime.service import FAILING, STOPPED, Service

_LOOK_MS = 300
_AWAY_MS = 300000  # since the cloud was last there


class Web(Service):
    """Serves the page as soon as the network is up."""

    ROOM_BYTES = 34816  # its code, microdot, and three connections
    MODULES = ("microdot", "device.web", "device.port.listening", "device.core.hosts")

    async def run(self):
        self.ready.set()
        ports = self.state.ports
        while not self._may_start():
            await ports.clock.sleep_ms(_LOOK_MS)
        free_bytes = ports.board.free_memory()
        ports.board.release_piece(self.ROOM_BYTES)  # its names would lie there for ever
        if free_bytes < self.ROOM_BYTES:
            raise Failure(AGAIN, "there is no memory for the page (%s)" % ports.board.memory_text())
        web = self._settings()
        from device.web.serving import serve

        await serve(self, web)

    def _may_start(self):
        state = self.state
        is_open = state.networking.access_point
        if not (is_open or state.ports.network.connected()):
            return False
        mqtt = state.services.get("mqtt")
        if state.ports.build.WEB_BESIDE_TLS or mqtt is None or state.identity is None:
            return True
        if mqtt.condition not in (FAILING, STOPPED) or state.session.is_online():
            return False
        if is_open:
            return True  # nothing connects before it is closed
        away_ms = state.session.away_ms()
        return away_ms is None or away_ms >= state.ports.board.interval("web_away_ms", _AWAY_MS)

    def bug(self, error):
        """Print an unexpected exception; the page goes on."""
        if isinstance(error, MemoryError):
            self.say("not enough memory for a request")
        else:
            self.state.supervisor.tell(error)

    def _settings(self):
        """The core.web.Web of web.json, or the default one when the file is wrong."""
        from device.core import web

        ports, fault = self.state.ports, None
        try:
            found = web.read(ports.store.read(paths.WEB), ports.build.LISTEN)
        except Failure as failure:
            fault = failure
            self.warn(str(failure))
            found = web.read(None, ports.build.LISTEN)
        self.state.note_fault(paths.WEB, fault)
        unload("device.core.passwords", "device.core.web")
        unload_readers()
        return found


SERVICE = Web
