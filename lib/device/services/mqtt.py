"""Keeps the board connected to the cloud as its thing. What the connection does is in runtime.session."""

from device.core import paths
from device.core.failures import GIVE_UP, Expired, Failure
from device.runtime.identity import know_self
from device.runtime.service import Service


class Mqtt(Service):
    """The connection of the running board; fails when it ends, and is then started again."""

    NEEDS = ("provision",)
    IN_SAFE_MODE = True

    async def run(self):
        state, session = self.state, self.state.session
        know_self(state)  # nobody has, when provisioning is switched off
        if state.identity is None:
            advice = "switch provisioning on in " + paths.CONFIG
            raise Failure(GIVE_UP, "the board has no identity", advice)
        try:
            try:
                await session.connect()
            except Expired as expired:
                provision = state.services.get("provision")
                if provision is None:
                    raise
                await provision.replace(expired)
                await session.connect()
            self.ready.set()
            await session.keep()
        finally:
            await session.close()


SERVICE = Mqtt
