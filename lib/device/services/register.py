"""Registers the board with its builder, once: config.json says where that is ("builder" in "api").

Without a builder there is nothing to do. A board that has an identity or claim credentials does not wait.
"""

from device.core import fields, paths
from device.core.failures import Failure
from device.runtime.modules import unload, unload_readers
from device.runtime.service import Service


class Register(Service):
    """Registers once, and first tells the builder of a release on the page."""

    IN_CLOUD = True

    async def run(self):
        state = self.state
        if state.identity or _of_identity("has_claim", state.ports.store):
            self.ready.set()
        address, _ = _of_identity("builder", state.ports.store)
        is_released = state.ports.store.exists(paths.RELEASE)
        if is_released and self._ends_release(address):
            return
        if not address:
            return
        serialize = state.services.get("serialize")
        if serialize:
            await serialize.ready.wait()  # not in NEEDS: a board that has its claim ID can do without it
        is_registered = _of_identity("told", state.ports.store).get(fields.REGISTERED) is True
        if is_released or not is_registered:
            await state.networking.join()  # the page stays while there is none
            await self._tell(address, is_released, is_registered)

    async def _tell(self, address, is_released, is_registered):
        """Tell the builder what it does not know; the page gives its memory for that."""
        state = self.state
        had_page = await state.supervisor.stop_page()
        from device.runtime import building

        try:
            if is_released:
                await building.release(state, address)
                self.say("the builder knows of the release")
            if not is_registered:
                await building.register(state, address)
                self.say("registered with the builder")
        except Failure as failure:
            if state.identity:  # MQTT may have to lend its connection for each try
                failure.wait_s = max(failure.wait_s, _RARELY_S)
            raise
        finally:
            building.forget()
            if had_page:
                state.supervisor.restore("web")

    def _ends_release(self, address):
        """Do what a power cut has left of a release; whether the board restarts for it."""
        from device.runtime import releasing

        state = self.state
        try:
            if not address:  # nobody is to be told any more
                state.ports.store.remove(paths.RELEASE)
            elif releasing.release(state):
                self.say("the release goes on after a power cut: the identity is put aside; restarting")
                state.ports.board.reset()
                return True
        finally:
            unload("device.runtime.releasing")
            unload_readers()
        return False


def _of_identity(name, *facts):
    """Call a function of runtime.identity, which is not kept."""
    from device.runtime import identity

    try:
        return getattr(identity, name)(*facts)
    finally:
        unload_readers()


_RARELY_S = 3600

SERVICE = Register
