"""Provisioning: the board's identity, from flash or from the cloud."""

from device.core import fields, paths
from device.core.failures import GIVE_UP, Expired, Failure, NoMemory
from device.runtime.modules import unload, unload_claim, unload_readers
from device.runtime.service import Service


class Provision(Service):
    """One-time step: sets `state.identity`, and usually leaves a connection open."""

    NEEDS = ("claim",)
    IN_CLOUD = True
    IN_SAFE_MODE = True

    def __init__(self, name, state):
        super().__init__(name, state)
        self._provisioning = None  # while there is no identity; knows more than the journal on flash

    async def run(self):
        _of_identity("know_self", self.state)
        if self.state.identity is None:
            claim = self.state.services.get("claim")
            if claim:
                await claim.ready.wait()  # the builder's credentials may have been refused since the start
            self._check_claim()
            try:
                await self._obtain()
            except (NoMemory, MemoryError):
                await self.begin_anew(_ANEW)  # boot.py provisions before others take the memory
                raise
        if "mqtt" not in self.state.services:
            await self.state.session.close()  # the trial connection takes 30 KB of a Pico W and is not needed
        self.say("identity %s" % self.state.identity.thing_name)

    async def _obtain(self):
        """Get an identity by claim. Services are stopped before its code is loaded, which would lie between
        what they leave; without a network they stay.
        """
        supervisor = self.state.supervisor
        if not supervisor:
            await self.obtain()  # boot.py: none runs yet
            return
        await self.state.networking.join()
        before = supervisor.stopped()
        is_done = False
        try:
            await supervisor.stop_page()
            size = _ROOM_BYTES + (0 if self.state.settings.own_key else _RSA_BYTES)
            await supervisor.make_room(self.state.ports.build.TLS_HEAP_BYTES + size)
            await self.obtain()
            is_done = True
        finally:
            if not is_done or "health" not in self.state.services:  # which starts them when there is room
                supervisor.restore_others(before)

    async def replace(self, failure):
        """Replace the identity that the cloud refuses: it has expired, or was renewed before a power cut.

        Raises `failure` when there are no claim credentials, and nothing to go on with.
        """
        store = self.state.ports.store
        if isinstance(failure, Expired) and _of_identity("has_claim", store):
            self.say(str(failure))
            self.state.identity = None  # read again if this fails: the slot may have changed
            await self.obtain()
        elif _of_identity("is_pending", store):
            self.say(str(failure))
            await self.renew()
        else:
            raise failure
        self.say("identity %s" % self.state.identity.thing_name)

    async def renew(self, is_own=True):
        """Replace an identity that works, with its own certificate, or else with the claim credentials.

        Raises Failure; the board then has the old identity, or the new one if that was committed.
        """
        try:
            await self.obtain(is_own)
        except (Failure, MemoryError):
            self.state.identity = None  # the slot may have changed
            _of_identity("know_self", self.state)
            raise

    def _check_claim(self):
        """Raise a Failure that names what is missing, before using the network."""
        self._check_endpoint()
        store = self.state.ports.store
        for name in paths.CREDENTIALS:
            path = paths.BOOTSTRAP + "/" + name
            if not store.exists(path):
                raise Failure(GIVE_UP, path + " is missing", "copy the claim credentials there")

    def _check_endpoint(self):
        if not self.state.settings.endpoint:
            from device.core import conf_file

            raise conf_file.wrong("has no %s, and no builder has told it" % fields.ENDPOINT_URL)

    async def obtain(self, is_own=False):
        """Get an identity by claim, or (`is_own`) a new one with the board's own certificate.

        Raises Failure and then leaves no connection open.
        """
        self._check_endpoint()
        replaces = _of_identity("replaced", self.state.ports.store)
        former = _of_identity("sealed", self.state.ports.store)
        unload_readers()  # what a claim needs takes their place
        from device.claim.handshake import Handshake  # not needed by a board with an identity
        from device.claim.provision import Provisioning
        from device.runtime.line import Line

        state = self.state
        store, session = state.ports.store, state.session
        if self._provisioning is None or not self._provisioning.is_for(state.settings, replaces):
            journal = store.read(paths.JOURNAL)
            owner = state.identity if is_own else None
            server = state.identity or state.settings
            self._provisioning = Provisioning(
                state.settings, journal, state.ports.clock.unix, replaces, server, owner, former
            )
        done = False
        try:
            line = Line(state)
            await Handshake(self._provisioning.steps, store, line, self._make_key, self.say).attempt()
            done = True
        except Failure as failure:
            _ended(state, failure)
            raise
        finally:
            if not done:
                await session.close()
        session.proven()
        state.identity = self._provisioning.identity
        _of_identity("tell_application", state, state.identity, self._provisioning.configuration)
        self._provisioning = None
        unload_claim()
        _ended(state, None)

    def _make_key(self, common_name):
        """[private key PEM, signing request PEM]; takes a second or more on a board."""
        from device.claim import csr  # needed once in a board's life

        board = self.state.ports.board
        with board.gate(_KEY_MS, True):
            made = csr.make(common_name, board.random_bytes, board.feed)
        unload("device.claim.csr", "device.claim.p256", "device.core.der")
        return made


def _of_identity(name, *facts):
    """Call a function of runtime.identity, which is unloaded while a claim is under way."""
    from device.runtime import identity

    return getattr(identity, name)(*facts)


def _ended(state, failure):
    """Tell runtime.temporary how it ended."""
    from device.runtime import temporary

    temporary.ended(state, failure)
    unload("device.runtime.temporary")


_KEY_MS = 20000
_ROOM_BYTES = 36864  # for its code, the key, and what is sent and received
_RSA_BYTES = 20480  # more with a key of the cloud's, for the answer that holds it and for TLS
_ANEW = "the memory is too short beside the other services; restarting, to do it before they start"

SERVICE = Provision
