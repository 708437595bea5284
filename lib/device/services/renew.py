"""Renews the board's certificate in the last part of its life; runtime.renewing does the work."""

from device.runtime.service import Service


class Renew(Service):
    """Looks at the certificate once an hour, and when it is due."""

    NEEDS = ("mqtt",)
    IN_CLOUD = True

    def __init__(self, name, state):
        super().__init__(name, state)
        self.dates = None  # (certificate id, first second, last second, when it is due)
        self.held = None  # why nothing is done although there is a certificate
        self.renewed_ms = None  # when that was last done

    async def run(self):
        if "mqtt" not in self.state.services:
            self.say("not done: mqtt is off")
            return
        self.ready.set()
        while True:
            wait_ms = await self._look()
            self.wake.clear()
            self.pauses = self.failure is not None
            await self.state.ports.clock.wait(self.wake.wait(), wait_ms)
            self.pauses = False

    async def _look(self):
        from device.runtime import renewing

        try:
            return await renewing.look(self)
        finally:
            renewing.forget()


SERVICE = Renew
