"""Keeps the board on a network, whatever becomes of the cloud."""

from device.runtime.service import Service

_LOOK_MS = 1000


class Network(Service):
    """Joins a known network, and joins again when it is lost. Is ready once the board can be reached."""

    IN_SAFE_MODE = True

    async def run(self):
        state = self.state
        network, clock = state.ports.network, state.ports.clock
        while True:
            await state.networking.join()
            self.ready.set()
            while network.connected():
                await clock.sleep_ms(_LOOK_MS)
            self.say("lost; joining again")


SERVICE = Network
