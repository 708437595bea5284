"""Prints the board's state regularly, so that a person or a tool can read it without stopping the board."""

from device.runtime.service import STOPPED, Service

_INTERVAL_MS = 60000


class Heartbeat(Service):
    """Prints the state once a minute."""

    IN_SAFE_MODE = True

    async def run(self):
        self.ready.set()
        state = self.state
        board, clock = state.ports.board, state.ports.clock
        while True:
            await clock.sleep_ms(board.interval("heartbeat_ms", _INTERVAL_MS))
            online = state.session.is_online()
            failing = [name for name in state.services if self._fails(name, online)]
            self.say(
                "up %d s, %s, %s, %s"
                % (
                    clock.ms() // 1000,
                    "connected" if online else "not connected",
                    board.memory_text(),
                    "failing: " + ", ".join(failing) if failing else "all services OK",
                )
            )

    def _fails(self, name, online):
        """Whether a service is failing; the connection also counts while it is being retried.

        The page of a board that has no memory for it beside TLS is meant to be stopped.
        """
        service = self.state.services[name]
        if name == "web" and service.condition == STOPPED and not self.state.ports.build.WEB_BESIDE_TLS:
            return False
        return service.failure or (name == "mqtt" and not online)


SERVICE = Heartbeat
