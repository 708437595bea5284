"""Starts the planned services in order, restarts those that fail, and feeds the watchdog."""

import asyncio

from device.core import paths
from device.core.failures import GIVE_UP, Backoff, Failure
from device.runtime.modules import load_service, unload
from device.runtime.service import Service

_FIRST_MS = 1000
_LIMIT_MS = 300000
_STEADY_MS = 60000  # a service that runs this long has recovered
_GIVE_UP_MS = 3600000  # permanent failures are retried after half of this to all of it
_TURN_MS = 1000
_MAX_TOLD = 32  # number of printed tracebacks that are remembered


def _reason(error):
    """Why a service does not run, in one line."""
    if isinstance(error, Failure):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory (%s); switch services off in %s" % (error, paths.CONFIG)
    return "failed: %r" % error


class Supervisor:
    """Owns the tasks of one board's services, and alone retries."""

    def __init__(self, state):
        from device.core import settings, startup

        self._state = state
        self._told = []
        switches = {}
        try:
            switches = settings.switches(state.ports.store.read(paths.CONFIG))
        except Failure as failure:
            state.ports.board.say("start", "%s; all services stay on" % failure)
        self._plan = startup.plan(switches, state.ports.build.SERVICES, state.safe)

    def start(self):
        """Start every planned service."""
        for name, needs in self._plan:
            try:
                service = load_service(name, self._state)
            except Exception as error:  # a broken service must not keep the others from starting
                self._state.ports.board.say(name, "cannot be loaded: " + _reason(error))
                self._tell(error)
                continue
            self._state.services[name] = service
            asyncio.create_task(self._guard(service, needs))
        self._plan = None

    async def _guard(self, service, needs):
        """Run one service, and restart it whenever it fails."""
        clock, board = self._state.ports.clock, self._state.ports.board
        first_ms = board.interval("retry_ms", _FIRST_MS)
        backoff = Backoff(first_ms, _LIMIT_MS, board.random_bytes)
        for need in needs:
            if need in self._state.services:
                await self._state.services[need].ready.wait()
        while True:
            start_ms = clock.ms()
            done = await self._ran(service)
            if done:
                self._finish(service)
                return
            self._state.session.forget(service.name)
            if clock.ms() - start_ms >= board.interval("steady_ms", _STEADY_MS):
                backoff.reset()
            wait_ms = _wait_ms(service.failure, backoff)
            service.say("%s. Trying again in %d s" % (_reason(service.failure), (wait_ms + 999) // 1000))
            self._tell(service.failure)
            await clock.sleep_ms(wait_ms)

    def _finish(self, service):
        """Replace a finished service by a stub, so that its module can be unloaded."""
        ended = Service(service.name, self._state)
        ended.ready = service.ready
        ended.ready.set()
        self._state.services[service.name] = ended
        unload("device.services." + service.name)

    async def _ran(self, service):
        """Run the service; return whether it finished. If not, its `failure` is set."""
        service.failure = None
        service.task = asyncio.create_task(service.run())
        try:
            await service.task
            return True
        except asyncio.CancelledError:
            if service.failure is None:
                raise
        except Exception as error:  # a bug in one service must not stop the others
            service.failure = error
        return False

    def fail(self, name, error):
        """Make a service fail with `error`, as if it had raised it."""
        service = self._state.services.get(name)
        if service and service.task and not service.task.done():
            if service.task is asyncio.current_task():  # called from within its own `run`
                raise error
            service.failure = error
            service.task.cancel()

    def _tell(self, error):
        """Print the traceback of a bug, once: from the field, it is the only evidence."""
        if isinstance(error, Failure):
            return
        try:
            text = self._state.ports.board.traceback(error)
            if hash(text) not in self._told:
                self._told = self._told[-_MAX_TOLD + 1 :] + [hash(text)]
                self._state.ports.board.say("bug", text)
        except MemoryError:
            pass  # the error line is printed already; an exception here would end the retries

    async def watch(self):
        """Feed the watchdog for as long as the event loop runs."""
        while True:
            self._state.ports.board.feed()
            await self._state.ports.clock.sleep_ms(_TURN_MS)


def _wait_ms(failure, backoff):
    """How long to wait before a service is started again."""
    wait_ms = backoff.next_ms()
    if isinstance(failure, Failure) and failure.kind == GIVE_UP:
        return _GIVE_UP_MS // 2 + wait_ms * (_GIVE_UP_MS // 2) // _LIMIT_MS
    return wait_ms
