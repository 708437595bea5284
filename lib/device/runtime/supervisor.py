"""Starts the planned services in order, restarts those that fail, and feeds the watchdog."""

import asyncio

from device.core import paths
from device.core.failures import AGAIN, GIVE_UP, Backoff, Failure
from device.core.log import ERROR, WARN
from device.runtime.modules import load_service, unload, unload_packages, unload_readers
from device.runtime.service import DONE, FAILING, OFF, RUNNING, STOPPED, WAITING, Service

_FIRST_MS = 1000
_LIMIT_MS = 300000
_STEADY_MS = 60000  # a service that runs this long has recovered
_GIVE_UP_MS = 3600000  # permanent failures are retried after half of this to all of it
_TURN_MS = 1000
_STATUS_MS = 10000  # the other services wait so long for the boot status
_LOOK_MS = 50
_SHORT = Failure(AGAIN, "memory is short", "it starts again when there is enough")
_MAX_TOLD = 32  # number of printed tracebacks that are remembered


def _reason(error):
    """Why a service does not run, in one line."""
    if isinstance(error, Failure):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory (%s); switch services off in %s" % (error, paths.CONFIG)
    return "failed: %r" % error


class Supervisor:
    """Owns the tasks of one board's services, and alone retries.

    `off`: {name: why} of the services that are built in and do not start.
    """

    def __init__(self, state):
        from device.core import board_config, startup

        self._state = state
        self._told = []
        self._ending = []  # tasks that are ended when nothing of theirs is being sent
        switches = {}
        try:
            switches = board_config.switches(state.ports.store.read(paths.CONFIG))
        except (Failure, MemoryError) as error:  # anything that came out of here would restart the board
            failure = error
            if isinstance(error, MemoryError):
                failure = Failure(
                    GIVE_UP, paths.CONFIG + ": there is no memory to read it", "make it smaller"
                )
            state.note_fault(paths.CONFIG, failure)
            state.ports.board.say("start", "%s; all services stay on" % failure, WARN)
        self._plan, self.off, notes = startup.plan(switches, state.ports.build.SERVICES, state.safe)
        for note in notes + startup.left_out(self.off):
            state.ports.board.say("start", "%s: %s" % (paths.CONFIG, note))
        self._stop_order = startup.STOP_ORDER

    def start(self):
        """Start every planned service; with an identity, those that the boot status needs come first."""
        first, self._plan = self._plan, []
        if self._state.identity:
            essential = [name for name, _, _, is_safe in self._state.ports.build.SERVICES if is_safe]
            self._plan = [planned for planned in first if planned[0] not in essential]
            first = [planned for planned in first if planned[0] in essential]
        for name, needs in first:
            self._begin(name, needs)
        asyncio.create_task(self._start_rest())

    async def _start_rest(self):
        """Start what is left of the plan, but not while the board connects to publish its boot status."""
        clock = self._state.ports.clock
        end_ms = clock.ms() + _STATUS_MS
        while self._plan:
            try:
                if not self._is_connecting() or clock.ms() >= end_ms:
                    self._begin(*self._plan[0])
                    self._plan.pop(0)
                    await clock.sleep_ms(0)
                else:
                    await clock.sleep_ms(_LOOK_MS)
            except MemoryError:
                await asyncio.sleep_ms(_FIRST_MS)
        self._state.ports.board.end_start()

    def _is_connecting(self):
        """Whether there is a network, and nothing has failed on the way to the boot status."""
        for name in ("mqtt", "status"):
            service = self._state.services.get(name)
            if service is None or service.condition not in (WAITING, RUNNING):
                return False
        return self._state.ports.network.connected()

    def _begin(self, name, needs):
        if self._load(name):
            asyncio.create_task(self._guard(name, needs))

    def facts(self):
        """[(name, condition, why)] of every service that is built in.

        The condition is one of runtime.service; why is "" when all is well.
        """
        services, found = self._state.services, []
        for name, _, _, _ in self._state.ports.build.SERVICES:
            service = services.get(name)
            if not service and any(name == planned[0] for planned in self._plan):
                found.append((name, WAITING, ""))
            elif not service:
                found.append((name, OFF, self.off.get(name, "cannot be loaded")))
            elif service.condition == WAITING:
                needs = [
                    need for need in service.NEEDS if need in services and not services[need].ready.is_set()
                ]
                found.append((name, WAITING, "needs " + ", ".join(needs) if needs else ""))
            else:
                found.append((name, service.condition, _reason(service.failure) if service.failure else ""))
        return found

    def _load(self, name):
        """Create the service; return it, or None when that fails."""
        try:
            service = load_service(name, self._state)
        except Exception as error:  # a broken service must not keep the others from starting
            self._state.ports.board.say(name, "cannot be loaded: " + _reason(error), ERROR)
            self.tell(error)
            return None
        self._state.services[name] = service
        return service

    async def _guard(self, name, needs):
        """Run one service, and restart it whenever it fails or was stopped."""
        board = self._state.ports.board
        backoff = Backoff(board.interval("retry_ms", _FIRST_MS), _LIMIT_MS, board.random_bytes)
        for need in needs:
            if need in self._state.services:
                await self._state.services[need].ready.wait()
        has_ended = False
        while not has_ended:
            try:
                has_ended = await self._turn(name, backoff)
            except MemoryError:  # another service has taken it all: even for the delay nothing was left
                await asyncio.sleep_ms(_FIRST_MS)  # of asyncio itself, which allocates nothing

    async def _turn(self, name, backoff):
        """Run one service, and wait until it may be started again; return whether it is done."""
        clock, board = self._state.ports.clock, self._state.ports.board
        start_ms = clock.ms()
        if await self._ran(self._state.services[name]):
            self._replace(name, DONE)
            return True
        self._state.session.forget(name)
        wait_ms = 0
        if self._state.services[name].condition != STOPPED:
            if clock.ms() - start_ms >= board.interval("steady_ms", _STEADY_MS):
                backoff.reset()
            wait_ms = self._say_failure(self._state.services[name], backoff)
        await clock.wait(self._state.services[name].wake.wait(), wait_ms)
        self._state.services[name].wake.clear()
        if self._state.services[name].condition == STOPPED:
            self._replace(name, STOPPED)
            await self._restored(name)
        return False

    def _say_failure(self, service, backoff):
        """Print why a service failed; return how long to wait before it is started again."""
        service.condition = FAILING
        wait_ms = _wait_ms(service.failure, backoff)
        service.warn("%s. Trying again in %d s" % (_reason(service.failure), (wait_ms + 999) // 1000))
        self.tell(service.failure)
        return wait_ms

    async def _restored(self, name):
        """Wait until a service that was stopped is there again. Nothing here may refer to the old one."""
        while True:
            stub = self._state.services[name]
            await stub.wake.wait()
            stub.wake.clear()
            if self._load(name):
                return

    def _replace(self, name, condition):
        """Put a stub in the place of a service that does not run, so that its modules can be unloaded."""
        service = self._state.services[name]
        stub = Service(name, self._state)
        stub.ready = service.ready
        stub.ROOM_BYTES = service.ROOM_BYTES
        stub.condition = condition
        if condition == DONE:
            stub.ready.set()
        else:
            stub.failure = service.failure
        self._state.services[name] = stub
        unload("device.services." + name)
        unload_packages(service.MODULES)
        unload_readers()

    async def _ran(self, service):
        """Run the service; return whether it finished. If not, its `failure` is set."""
        service.failure = None
        service.condition = RUNNING
        service.task = asyncio.create_task(self._state.ports.clock.alone(service.run()))
        try:
            await service.task
            return service.failure is None
        except asyncio.CancelledError:
            if service.failure is None:
                raise
        except Exception as error:  # a bug in one service must not stop the others
            service.failure = service.failure or error  # the first, which was about to end it
        if not service.task.done():  # there was no memory to wait for it
            service.task.cancel()
        return False

    async def make_room(self, size, piece=0):
        """Stop services, in the order of startup.STOP_ORDER, until there is room; return whether there is.

        Room: `size` bytes are free, `piece` of them in one piece.
        """
        for name in self._stop_order:
            if self.has_room(size, piece):
                return True
            await self.stop(name)
        return self.has_room(size, piece)

    def has_room(self, size, piece=0):
        """Whether `size` bytes are free, `piece` of them in one piece."""
        board = self._state.ports.board
        return board.free_memory() >= size and (not piece or board.has_piece(piece))

    def stopped(self):
        """The services that were stopped, first those that are to be started again first."""
        services = self._state.services
        return [
            name
            for name in reversed(self._stop_order)
            if name in services and services[name].condition == STOPPED
        ]

    async def stop(self, name):
        """Stop a service until `restore`, because memory is short; return whether it ran.

        Its memory can be used then.
        """
        service = self._state.services.get(name)
        if service is None or service.condition not in (RUNNING, FAILING):
            return False
        service.condition = STOPPED
        if service.task.done():  # it is failing, and waits
            service.failure = _SHORT
            service.wake.set()
        else:
            self.fail(name, _SHORT)
        while self._state.services[name] is service:
            await asyncio.sleep_ms(0)
        service.warn("stopped: memory is short")  # now there is memory for saying it
        return True

    async def stop_page(self):
        """Stop the page where it has no room beside TLS; return whether it ran.

        What is loaded for a request comes after that: otherwise it would lie between the pieces of the page.
        """
        return not self._state.ports.build.WEB_BESIDE_TLS and await self.stop("web")

    def restore(self, name):
        """Start a service that was stopped again."""
        service = self._state.services.get(name)
        if service and service.condition == STOPPED:
            service.wake.set()

    def restore_others(self, names):
        """Start every service that was stopped again, but those with these names."""
        for name in self.stopped():
            if name not in names:
                self.restore(name)

    def hurry(self, kind=Exception):
        """Start every service that fails with an error of this kind again now: there is a network again."""
        for service in self._state.services.values():
            if (service.condition == FAILING or service.pauses) and isinstance(service.failure, kind):
                service.wake.set()

    def fail(self, name, error):
        """Make a service fail with `error`, as if it had raised it, once it is not sending a packet."""
        service = self._state.services.get(name)
        if service and service.task and not service.task.done():
            if service.task is asyncio.current_task():  # called from within its own `run`
                raise error
            if service.task not in self._ending:
                service.failure = error
                self._ending.append(service.task)
                asyncio.create_task(self._end(service.task))

    async def _end(self, task):
        """End a service's task; the connection, which is not the service's, loses nothing."""
        await self._state.session.between_packets(task.cancel)
        self._ending.remove(task)

    def tell(self, error):
        """Print the traceback of a bug, once: from the field, it is the only evidence."""
        if isinstance(error, Failure):
            return
        try:
            self.tell_text(self._state.ports.board.traceback(error))
        except MemoryError:
            pass  # the error line is printed already; an exception here would end the retries

    def tell_text(self, traceback):
        """The same for what has been made text already."""
        if hash(traceback) not in self._told:
            self._told = self._told[-_MAX_TOLD + 1 :] + [hash(traceback)]
            self._state.ports.board.say("bug", traceback, ERROR)

    async def watch(self):
        """Feed the watchdog for as long as the event loop runs."""
        while True:
            self._state.ports.board.feed()
            await asyncio.sleep_ms(_TURN_MS)  # of asyncio itself, which allocates nothing


def _wait_ms(failure, backoff):
    """How long to wait before a service is started again."""
    wait_ms = backoff.next_ms()
    wait_s = getattr(failure, "wait_s", 0)
    if wait_s:
        return wait_s * 1000
    if isinstance(failure, Failure) and failure.kind == GIVE_UP:
        return _GIVE_UP_MS // 2 + wait_ms * (_GIVE_UP_MS // 2) // _LIMIT_MS
    return wait_ms
