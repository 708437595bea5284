"""Watches heap and loop: stops services before memory is gone, and writes down who keeps the loop busy."""

import asyncio

from device.core import fields, paths
from device.core.log import ERROR
from device.runtime.service import Service

_LOOK_MS = 10000
_STUCK_MS = 5000  # the loop has stood still so long: 3 s are left to write that down on a Pico W
_FLOOR_BYTES = 25600  # free: a reconnection and what comes and goes
_SPARE_BYTES = 4096  # that must be left above the floor when a service is started again
_WAIT_MS = 60000  # before a service that was stopped is started again; doubled each time it is stopped
_MOST_WAIT_MS = 600000


class Health(Service):
    """Keeps the memory floor: services are stopped in the order of core.startup.STOP_ORDER."""

    IN_SAFE_MODE = True

    def __init__(self, name, state):
        super().__init__(name, state)
        self._is_short = False
        self._stuck = None  # (service, ms) of a loop that stands still
        self._since_ms = {}  # service that is stopped -> since when
        self._waits_ms = {}  # service that was stopped -> how long it then waits

    async def run(self):
        board, clock = self.state.ports.board, self.state.ports.clock
        board.watch_loop(board.interval("stuck_ms", _STUCK_MS), self._last_words)
        self.ready.set()
        while True:
            await clock.sleep_ms(board.interval("health_ms", _LOOK_MS))
            self._end_of_words()
            if clock.unix() >= self.state.ports.build.BUILD_TIME:
                self.state.log.stamp(clock.unix(), clock.ms())
            await self._keep_floor()

    async def _keep_floor(self):
        state = self.state
        supervisor, clock = state.supervisor, state.ports.clock
        if state.ports.build.TLS_HEAP_BYTES and state.turns.are_taken() and not state.session.is_online():
            return  # a request, or a connection in the making: room was made for it, and it is soon over
        if await supervisor.make_room(_FLOOR_BYTES, self._piece()):
            self._is_short = False
        elif not self._is_short:
            self._is_short = True  # said once
            self.warn(
                "memory is short: %s, and nothing more can be stopped" % state.ports.board.memory_text()
            )
        for name in supervisor.stopped():
            if name not in self._since_ms:
                self._since_ms[name] = clock.ms()
                self._waits_ms[name] = min(2 * self._waits_ms.get(name, _WAIT_MS // 2), _MOST_WAIT_MS)
            elif self._restored(name):
                return  # the next one has to find room beside it

    def _piece(self):
        """Bytes that must be free in one piece: an open connection has its own, and gives it back first."""
        build = self.state.ports.build
        is_there = build.TLS_HEAP_BYTES and self.state.session.is_online()
        return 0 if is_there else build.TLS_PIECE_BYTES

    def _restored(self, name):
        """Start a service again if its wait is over and there is room for it; return whether."""
        room = self.state.services[name].ROOM_BYTES
        board, clock = self.state.ports.board, self.state.ports.clock
        if clock.ms() - self._since_ms[name] < board.interval("restore_ms", self._waits_ms[name]):
            return False
        if self.state.supervisor.has_room(_FLOOR_BYTES + _SPARE_BYTES + room, self._piece()):
            self.say("there is memory again: %s is started" % name)
            del self._since_ms[name]
            self.state.supervisor.restore(name)
            return True
        return False

    def _last_words(self, stood_ms):
        """The loop stands still. Called from an interrupt, with the watchdog about to reset the board."""
        name = self._busy()
        self._stuck = name, stood_ms
        self.state.write_if_room(paths.WORDS, {fields.SERVICE: name, fields.STOOD_MS: stood_ms})
        self.say("%s keeps the loop busy for %d s" % (name, stood_ms // 1000), ERROR)

    def _end_of_words(self):
        """The loop turns again after its last words: they are not the reason of the next start."""
        if self._stuck:
            self.warn("the loop turns again; %s kept it busy" % self._stuck[0])
            self._stuck = None
            self.state.ports.store.remove(paths.WORDS)

    def _busy(self):
        """The name of the service whose task or function runs."""
        if self.state.busy:
            return self.state.busy
        try:
            task = asyncio.current_task()
        except (RuntimeError, AttributeError):
            return "?"
        for name, service in self.state.services.items():
            if service.owns(task):
                return name
        return "a task of no service"


SERVICE = Health
