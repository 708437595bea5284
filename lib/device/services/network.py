"""Keeps the board on a network, whatever becomes of the cloud; opens an access point when there is none."""

from device.core import paths
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.runtime.modules import unload, unload_passing, unload_readers
from device.runtime.service import Service

_LET_GO_MS = 1500  # until the session has noticed, too: what follows needs the memory of its connection
_LOOK_MS = 1000
_TRIES = 3  # joins that fail before the access point opens


class Network(Service):
    """Joins a known network, and joins again when it is lost. Is ready once the board can be reached."""

    IN_SAFE_MODE = True

    def __init__(self, name, state):
        super().__init__(name, state)
        self._tries = 0

    async def run(self):
        while True:
            failure = None
            try:
                await self._stay()
            except Failure as error:
                failure = error
            if failure:
                await self._do_without(failure)

    async def _stay(self):
        """Be on a network until it is lost; raises Failure without one, or if the access point is wanted."""
        state, networking = self.state, self.state.networking
        if not networking.is_asked:
            await networking.join()
            self._tries = 0
            self.ready.set()
            while state.ports.network.connected() and not networking.is_asked:
                await state.ports.clock.sleep_ms(_LOOK_MS)
        if networking.is_asked:
            raise Failure(AGAIN, "the access point is wanted")
        self.say("lost; joining again")
        await self._let_go()

    async def _let_go(self):
        """Wait for the memory of a connection whose network is gone."""
        if self.state.ports.build.TLS_HEAP_BYTES and self.state.session.is_online():
            await self.state.ports.clock.sleep_ms(_LET_GO_MS)

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
            if self.state.ports.network.connected():  # it was wanted
                self.state.ports.network.leave()
                await self._let_go()
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
