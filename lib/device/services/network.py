"""Keeps the board on a network, whatever becomes of the cloud; opens an access point when there is none."""

from device.core import paths
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.runtime.modules import unload, unload_passing, unload_readers
from device.runtime.service import Service

_LET_GO_MS = 1500  # until the session has noticed, too: joining needs the memory of its connection
_LOOK_MS = 1000
_TRIES = 3  # joins that fail before the access point opens


class Network(Service):
    """Joins a known network, and joins again when it is lost. Is ready once the board can be reached."""

    IN_SAFE_MODE = True

    def __init__(self, name, state):
        super().__init__(name, state)
        self._tries = 0

    async def run(self):
        state, networking = self.state, self.state.networking
        while True:
            failure = None
            try:
                if not networking.is_asked:
                    await networking.join()
                    self._tries = 0
                    self.ready.set()
                while state.ports.network.connected() and not networking.is_asked:
                    await state.ports.clock.sleep_ms(_LOOK_MS)
            except Failure as error:
                failure = error
            if failure or networking.is_asked:
                await self._do_without(failure or Failure(AGAIN, "the access point is wanted"))
            else:
                self.say("lost; joining again")
                if state.ports.build.TLS_HEAP_BYTES and state.session.is_online():
                    await state.ports.clock.sleep_ms(_LET_GO_MS)

    async def _do_without(self, failure):
        """Open the access point for a while, or raise `failure`: the supervisor tries again."""
        networking = self.state.networking
        is_asked, networking.is_asked = networking.is_asked, False
        self._tries += 1
        if not is_asked and self._tries < _TRIES and failure.kind != GIVE_UP:
            raise failure
        from device.runtime import set_up

        is_allowed, password = set_up.access_point(self.state.ports.store)
        if not is_allowed:
            raise Failure(AGAIN, paths.WIFI + " forbids the access point") if is_asked else failure
        self.say(str(failure))
        self._tries = 0
        self.failure = failure  # it runs, but the board is on no network
        try:
            await set_up.serve(self.state, password, self._say_open)
        finally:
            self.failure = None
            unload("device.runtime.set_up")
            unload_passing()
            unload_readers()

    def _say_open(self, text):
        self.ready.set()
        self.say(text)


SERVICE = Network
