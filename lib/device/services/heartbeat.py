"""Prints the board's state: a beacon for programs every few seconds, a line for people once a minute.

A beacon is "~M UP_S;STEP;FREE_BYTES;DBM;SERIAL;BOARD;ERROR*CHECK": by it `muster watch` knows what a
board does, without stopping it.
"""

from device.runtime.service import STOPPED, Service

_INTERVAL_MS = 60000
_BEACON_MS = 5000
_LOOK_MS = 1000
_MOST_ERROR = 96  # characters


class Heartbeat(Service):
    """Prints both, the beacon also at each step towards the boot status."""

    IN_SAFE_MODE = True

    async def run(self):
        self.ready.set()
        board, clock = self.state.ports.board, self.state.ports.clock
        every_ms = board.interval("heartbeat_ms", _INTERVAL_MS)
        beat_ms = clock.ms()
        said_ms, said = 0, None
        while True:
            now_ms, step = clock.ms(), self.state.step()
            if step != said or now_ms - said_ms >= board.interval("beacon_ms", _BEACON_MS):
                said_ms, said = now_ms, step
                board.beacon(self.beacon(step, now_ms))
            if now_ms - beat_ms >= every_ms:
                beat_ms = now_ms
                self._beat(now_ms)
            await clock.sleep_ms(min(_LOOK_MS, every_ms))

    def beacon(self, step, now_ms):
        """The text of a beacon."""
        state = self.state
        joined = state.ports.network.facts()
        serial = state.settings.serial if state.settings else ""
        return "%d;%s;%d;%d;%s;%s;%s" % (
            now_ms // 1000,
            step,
            state.ports.board.unused_memory(),
            joined[2] if joined else 0,
            serial.replace(";", ","),
            state.ports.board.name(),
            state.error()[:_MOST_ERROR],
        )

    def _beat(self, now_ms):
        online = self.state.session.is_online()
        failing = [name for name in self.state.services if self._fails(name, online)]
        self.say(
            "up %d s, %s, %s, %s"
            % (
                now_ms // 1000,
                "connected" if online else "not connected",
                self.state.ports.board.memory_text(),
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
