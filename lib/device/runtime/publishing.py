"""Puts messages into the publish queue and takes them out; loaded when the first message comes.

core.queue decides what is kept where; docs/services.md says what a power cut leaves.
"""

import asyncio

from device.core import paths
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.core.queue import DEFAULTS, Queue
from device.runtime.modules import unload

_LOOK_MS = 1000
_PAUSE_MS = 1000  # after a publish that failed without the connection
_TELL_MS = 10000  # how often dropped messages are told of
_LOST = Failure(AGAIN, "the message was dropped: too many wait", "publish less, or raise the queue's limits")
_STOPPED = Failure(AGAIN, "the queue was stopped", "publish again")


class _Waiter:
    """Somebody who waits until a message is delivered, or (`is_kept`) until it is safe on the flash."""

    def __init__(self, number, is_kept):
        self.number = number
        self.is_kept = is_kept
        self.settled = asyncio.Event()
        self.failure = None

    def settle(self, failure=None):
        self.failure = failure
        self.settled.set()


class Publishing:
    """The queue while it runs, for the service of this name."""

    def __init__(self, service):
        self.state = service.state
        self._service = service
        self._is_closed = False
        self._waiters = []
        self._news = asyncio.Event()  # something was put into the queue
        self._moved = asyncio.Event()  # something was taken out
        self._entry = asyncio.Lock()  # those who wait for room keep their order
        self._sending = 0  # number of the message that is on its way
        self._keeper = None
        self._told = 0  # dropped messages that were told of
        self._told_ms = None
        self._fault = ""
        settings, store = self.state.settings, self.state.ports.store
        limits = settings.queue if settings else DEFAULTS
        self._queue = Queue(limits, self._loaded, bool(store.sizes(paths.QUEUE)))
        if self._queue.count():
            service.say("%d messages wait from before" % self._queue.count())

    async def run(self):
        """Deliver messages for ever."""
        self._keeper = asyncio.create_task(self._keep())
        try:
            await self._drain()
        finally:
            self._keeper.cancel()
            self.flush()
            self._close()

    def owns(self, task):
        """Whether `task` does work of the queue."""
        return task is self._keeper

    def _loaded(self):
        from device.core.backlog import Backlog  # a board that is always online does not need it

        return Backlog(self.state.ports.store)

    # In

    async def deliver(self, topic, payload, is_kept=False):
        """Put a message into the queue; return when the cloud has it, or (`is_kept`) once it is on flash.

        Raises Failure when it was refused, or dropped because too many wait. Who stops waiting takes it back
        while it is in memory.
        """
        size = len(topic) + len(payload)
        async with self._entry:
            await self._room(size)
            waiter = _Waiter(self._queue.put(topic, payload, self._now_ms()), is_kept)
        self._waiters.append(waiter)
        self._news.set()
        try:
            await waiter.settled.wait()
        finally:  # also when cancelled
            if waiter in self._waiters:
                self._waiters.remove(waiter)
                if waiter.number != self._sending:
                    self._queue.take_back(waiter.number)
        if waiter.failure:
            raise waiter.failure

    async def _room(self, size):
        """Wait while the messages before are about to be delivered, rather than write them to the flash."""
        self._check()
        queue, clock = self._queue, self.state.ports.clock
        while not queue.has_room(size) and self.state.session.is_online():
            wait_ms = queue.delay_ms - queue.waits_ms(clock.ms())
            self._moved.clear()
            if wait_ms <= 0 or not await clock.wait(self._moved.wait(), wait_ms):
                break
            self._check()
        self._check()
        lost = queue.make_room(size, clock.ms())
        for waiter in [waiter for waiter in self._waiters if waiter.number in lost]:
            self._waiters.remove(waiter)
            waiter.settle(_LOST)
        self._settle(queue.stored + 1, True)

    def _check(self):
        if self._is_closed:
            raise _STOPPED

    # Out

    async def _drain(self):
        """Send one message after the other, for ever."""
        session = self.state.session
        while True:
            await session.online()  # before a message is read: it would stay in memory
            message = self._queue.first()
            if message is None:
                self._news.clear()
                await self._news.wait()
                continue
            self._settle(message[0], False, _LOST)
            self._sending = message[0]
            failure = await self._send(message[1], message[2])
            self._sending = 0
            if failure and failure.kind != GIVE_UP:
                await self.state.ports.clock.sleep_ms(_PAUSE_MS)
                continue
            if failure:
                self._service.warn("a message was dropped: %s" % failure)
            try:
                self._queue.done(message[0])
            except Failure as fault:  # it will be delivered once more if the power is cut
                self._complain(fault)
            self._settle(message[0] + 1, False, failure)
            self._moved.set()

    async def _send(self, topic, payload):
        """Publish; return None once the cloud has it, otherwise the Failure."""
        try:
            await self.state.session.publish(topic, payload)
        except Failure as failure:
            return failure
        except MemoryError:
            return _LOST
        return None

    def _settle(self, end, is_kept, failure=None):
        """Tell those who wait for messages before number `end`."""
        for waiter in [waiter for waiter in self._waiters if waiter.number < end]:
            if waiter.is_kept or not is_kept:
                self._waiters.remove(waiter)
                waiter.settle(failure)

    # To the flash

    async def _keep(self):
        """Store what waits too long."""
        session = self.state.session
        try:
            while True:
                await self.state.ports.clock.sleep_ms(_LOOK_MS)
                away_ms = session.away_ms()
                away_ms = self._now_ms() if away_ms is None else away_ms
                is_away = not session.is_online() and away_ms >= self._queue.delay_ms
                if self._queue.is_due(self._now_ms(), is_away):
                    self._store()
                self._tell_dropped()
                if not self._queue.is_on_flash():
                    unload("device.core.backlog")
        except Exception as error:
            self.state.supervisor.fail(self._service.name, error)

    def _store(self):
        try:
            self._queue.store(self._now_ms())
        except Failure as failure:
            self._complain(failure)
            return
        self._fault = ""
        self._settle(self._queue.stored + 1, True)

    def _complain(self, failure):
        """Say what the flash has, once."""
        if str(failure) != self._fault:
            self._service.warn("the flash cannot be written, messages stay in memory: %s" % failure)
        self._fault = str(failure)

    def _tell_dropped(self):
        count = self._queue.dropped - self._told
        if count and (self._told_ms is None or self._now_ms() - self._told_ms >= _TELL_MS):
            self._service.warn("%d messages were dropped, the oldest first: too many wait" % count)
            self._told, self._told_ms = self._queue.dropped, self._now_ms()

    def _now_ms(self):
        return self.state.ports.clock.ms()

    # The end

    def flush(self):
        """Store what waits in memory, before the board or the service stops."""
        try:
            self._queue.close(self._now_ms())
            self._settle(self._queue.stored + 1, True)
        except Failure as failure:
            self._service.warn("messages are lost: %s" % failure)

    def forget(self):
        """Drop everything, and take nothing more: the board is given to somebody else."""
        self._queue.clear()
        self._close()

    def _close(self):
        self._is_closed = True
        self._settle(self._queue.last + 1, False, _STOPPED)

    def facts(self):
        """For a page: see core.queue."""
        return self._queue.facts()
