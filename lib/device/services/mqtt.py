"""Keeps the board connected to the cloud as its thing; runtime.session does the work."""

from device.core import paths
from device.core.failures import GIVE_UP, Expired, Failure, Lost, NoMemory, Refused
from device.runtime.modules import load_service, unload, unload_readers
from device.runtime.service import Service


class Mqtt(Service):
    """Holds the connection; fails when it ends, and is then restarted. Lends it to HTTPS requests."""

    NEEDS = ("provision",)
    IN_SAFE_MODE = True

    def __init__(self, name, state):
        super().__init__(name, state)
        self._runs = 0

    async def run(self):
        state, session = self.state, self.state.session
        self._runs += 1
        self._know_self()
        try:
            try:
                await session.connect()
            except (Expired, Refused) as failure:
                if "provision" not in state.services:
                    raise
                try:
                    await load_service("provision", state).replace(failure)
                finally:
                    unload("device.services.provision")
                await session.connect()
            self.ready.set()
            if self._runs > 1:
                state.supervisor.hurry(Lost)  # others may wait for minutes for a link that is back
            while True:
                await session.keep()  # returns when the connection was lent
                self._know_self()
                await session.connect()
        except (NoMemory, MemoryError):
            if session.short >= _SHORT_TRIES:
                await self.begin_anew(_ANEW)
            raise
        finally:
            await session.close()

    def _know_self(self):
        """Read the identity unless it is known: provisioning is off, or there was no memory to read it again.

        Raises Failure when there is none.
        """
        if self.state.identity is None:
            from device.runtime.identity import know_self

            know_self(self.state)
            unload_readers()
        if self.state.identity is None:
            raise Failure(GIVE_UP, "the board has no identity", "enable provisioning in " + paths.CONFIG)


_SHORT_TRIES = 3  # in a row without memory for a connection, although services were stopped for it
_ANEW = "there is no piece of memory for a connection any more; restarting, to have one"

SERVICE = Mqtt
