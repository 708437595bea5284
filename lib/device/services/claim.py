"""Asks the builder whether the board has been claimed, until it has: then it gets claim credentials.

Without a builder there is nothing to do, nor for a board that has an identity or a person's credentials.
"""

from device.core.failures import Failure
from device.runtime.modules import unload_readers
from device.runtime.service import DONE, Service

_POLL_NOW_MS = 5000  # between two polls that a person asks for


class Claim(Service):
    """Polls at once, after 5 s, then ever more rarely; ends when the identity is there."""

    NEEDS = ("register",)
    IN_CLOUD = True

    def __init__(self, name, state):
        super().__init__(name, state)
        self._polls = 0
        self._polled_ms = None
        self._next_ms = None  # when the next poll is due

    async def run(self):
        state = self.state
        store = state.ports.store
        if state.identity or _of_identity("has_claim", store):
            self.ready.set()
        address, limit_s = _of_identity("builder", store)
        if not address:
            return
        _of_identity("know_self", state)
        while state.identity is None:
            if not _of_identity("has_claim", store):
                await self._until_claimed(address, limit_s)
            elif not _temporary("is_here", store):
                return
            self.ready.set()
            provision = state.services.get("provision")
            if provision:
                provision.wake.set()  # it may wait since other credentials were refused
            await self.wake.wait()  # until they are used up: runtime.temporary
            self.wake.clear()
        if _temporary("is_here", store):  # power was cut, or the flash failed, after the identity came
            _temporary("drop", store)
            self.say("the builder's claim credentials are removed")

    async def _until_claimed(self, address, limit_s):
        if self._polls:  # what the builder gave was refused: it may go on giving the same
            wait_s = self._delay_s(limit_s, None)
            self.say("the claim credentials were refused; asking for others in %d s" % wait_s)
            await self._pause(wait_s)
        self._polls += 1
        is_claimed, wait_s = await self._poll(address, limit_s)
        while not is_claimed:
            await self._pause(wait_s)
            self._polls += 1
            is_claimed, wait_s = await self._poll(address, limit_s)
        self.failure = None
        self.say("claimed; connecting to %s" % self.state.settings.endpoint)

    async def _pause(self, wait_s):
        """Wait until the next poll is due, or somebody wants it now."""
        ports = self.state.ports
        wait_ms = wait_s * ports.board.interval("poll_second_ms", 1000)
        self._polled_ms = ports.clock.ms()
        self._next_ms = self._polled_ms + wait_ms
        self.wake.clear()
        self.pauses = self.failure is not None
        await ports.clock.wait(self.wake.wait(), wait_ms)
        self.pauses = False
        self.wake.clear()
        self._next_ms = None

    async def _poll(self, address, limit_s):
        """Ask once: (whether the board has been claimed, seconds until the next poll)."""
        failure, is_claimed, wait_s = None, False, 0
        had_page = False
        try:
            await self.state.networking.join()  # the page stays while there is none
            had_page = await self.state.supervisor.stop_page()
            is_claimed, wait_s = await self._ask(address)
        except Failure as error:
            failure, wait_s = error, error.wait_s
        finally:
            # Once claimed, provisioning needs the page's memory at once: health starts it later.
            if had_page and not is_claimed:
                self.state.supervisor.restore("web")
        if not wait_s and not is_claimed:
            wait_s = self._delay_s(limit_s, failure)
        self.failure = failure  # it runs all the same
        if failure:
            self.warn("%s. Trying again in %d s" % (failure, wait_s))
        elif not is_claimed:
            self.say("not claimed yet; asking again in %d s" % wait_s)
        return is_claimed, wait_s

    async def _ask(self, address):
        from device.runtime import building

        try:
            return await building.claim(self.state, address)
        finally:
            building.forget()

    def _delay_s(self, limit_s, failure):
        """Seconds until the next poll, after the last one that ended with `failure` or with None."""
        from device.runtime import building

        try:
            return building.delay_s(self.state, self._polls, limit_s, failure)
        finally:
            building.forget()

    def poll_facts(self):
        """For the page: (is registered, seconds until the next poll or None, the last error or "")."""
        register = self.state.services.get("register")
        is_registered = not register or register.condition == DONE
        failure = self.failure or (register and register.failure)
        next_s = None
        if self._next_ms is not None:
            next_s = max(0, self._next_ms - self.state.ports.clock.ms()) // 1000
        return is_registered, next_s, str(failure) if failure else ""

    def poll_wait_s(self):
        """Seconds to wait until a person may let it poll; 0: at once."""
        if self._next_ms is None:
            return 0  # it asks at this moment, or there is nothing to ask
        ports = self.state.ports
        left_ms = ports.board.interval("poll_now_ms", _POLL_NOW_MS) - (ports.clock.ms() - self._polled_ms)
        return max(0, left_ms + 999) // 1000


def _of_identity(name, *facts):
    """Call a function of runtime.identity, which is not kept."""
    from device.runtime import identity

    try:
        return getattr(identity, name)(*facts)
    finally:
        unload_readers()


def _temporary(name, store):
    from device.runtime import temporary
    from device.runtime.modules import unload

    try:
        return getattr(temporary, name)(store)
    finally:
        unload("device.runtime.temporary")
        unload_readers()


SERVICE = Claim
