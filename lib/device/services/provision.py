"""Provisioning: the board's identity, from flash or from the cloud."""

from device.runtime.identity import forget, know_self
from device.services import Service

_ONLY_FOR_THE_HANDSHAKE = (
    "runtime.handshake",
    "core.provision",
    "core.answers",
    "core.journal",
    "core.hmac256",
)


class Provision(Service):
    """One-time step: leaves `context.identity`, and mostly an open `context.connection` as well."""

    NAME = "provision"

    def __init__(self, context):
        super().__init__(context)
        self._handshake = None

    async def run(self):
        context = self.context
        know_self(context)
        if context.identity is None:
            await self._provision()
        context.identity.without_files()
        self.say("identity %s" % context.identity.thing_name)

    async def _provision(self):
        from device.claim.handshake import Handshake  # not for a board that has its identity

        if self._handshake is None:
            self._handshake = Handshake(self.context, self.say)
        await self._handshake.attempt()
        self._handshake = None
        forget(_ONLY_FOR_THE_HANDSHAKE)


SERVICE = Provision
