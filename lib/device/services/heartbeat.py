"""A sign of life on the console, so that a person or a tool can read the state without stopping the board."""

from device.runtime.service import Service

_INTERVAL_MS = 60000


class Heartbeat(Service):
    """Says every minute how the board is."""

    IN_SAFE_MODE = True

    async def run(self):
        self.ready.set()
        state = self.state
        board, clock = state.ports.board, state.ports.clock
        while True:
            await clock.sleep_ms(board.interval("heartbeat_ms", _INTERVAL_MS))
            failing = [name for name in state.services if state.services[name].failure]
            self.say(
                "up %d s, %s, %s, %s"
                % (
                    clock.ms() // 1000,
                    "connected" if state.session.is_online() else "not connected",
                    board.memory_text(),
                    "failing: " + ", ".join(failing) if failing else "all services OK",
                )
            )


SERVICE = Heartbeat
