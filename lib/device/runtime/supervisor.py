"""Starts the planned services in order, restarts those that fail, and feeds the watchdog."""

from device.core import paths, startup
from device.core.backoff import Backoff
from device.core.failures import GIVE_UP, Failure
from device.services import load

_FIRST_MS = 1000
_LIMIT_MS = 300000
_STEADY_MS = 60000  # a service that runs so long counts as well again
_GIVE_UP_MS = 3600000  # what only a person or the cloud can mend is looked at again once an hour
_TURN_MS = 1000


def _reason(error):
    """Why a service does not run, in a line for people."""
    if isinstance(error, Failure):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory (%s); switch services off in %s" % (error, paths.CONFIG)
    return "failed: %r" % error


class Supervisor:
    """Owns the tasks of the services of one board."""

    def __init__(self, context):
        self._context = context
        try:
            switches = startup.switches(context.store.read(paths.CONFIG))
        except Failure as failure:
            context.say("start", "%s; all services are on" % failure)
            switches = {}
        self._plan = startup.plan(switches, context.build.SERVICES)

    def start(self, only=None):
        """Start every planned service that does not run yet; `only` names those to start, None means all."""
        for name, needs in self._plan:
            if name in self._context.services or (only is not None and name not in only):
                continue
            try:
                service = load(name, self._context)
            except Exception as error:  # a broken service must not keep the others from starting
                self._context.say(name, "cannot be loaded: " + _reason(error))
                continue
            self._context.services[name] = service
            service.task = self._context.start(self._guard(service, needs))

    async def _guard(self, service, needs):
        """Run one service, again and again as long as it fails."""
        context = self._context
        backoff = Backoff(_FIRST_MS, _LIMIT_MS, context.board.random_bytes)
        for need in needs:
            if need in context.services:
                await context.services[need].ready.wait()
        while True:
            start_ms = context.clock.ticks_ms()
            try:
                await service.run()
                service.failure = None
                service.ready.set()
                return
            except Failure as failure:
                service.failure = failure
            except Exception as error:  # a bug in one service must not stop the others
                service.failure = error
            lasted_ms = context.clock.since_ms(start_ms)
            if not 0 <= lasted_ms < _STEADY_MS:  # the counter wraps: negative is days
                backoff.reset()
            wait_ms = self._wait_ms(service, backoff)
            service.say("%s. Trying again in %d s" % (_reason(service.failure), (wait_ms + 999) // 1000))
            await context.clock.sleep_ms(wait_ms)

    def _wait_ms(self, service, backoff):
        if isinstance(service.failure, Failure) and service.failure.kind == GIVE_UP:
            return _GIVE_UP_MS // 2 + backoff.next_ms() * (_GIVE_UP_MS // 2) // _LIMIT_MS
        return backoff.next_ms()

    async def watch(self):
        """Feed the watchdog for ever; the loop is alive as long as this comes round."""
        self._context.board.start_watchdog()
        while True:
            self._context.board.feed()
            await self._context.clock.sleep_ms(_TURN_MS)
