"""The publish queue: delivers messages in order, at least once, over lost links and power cuts.

runtime.publishing does the work; a board that never publishes, and has nothing left to deliver, does without.
"""

import asyncio

from device.core import paths
from device.runtime.service import Service


class Publisher(Service):
    """Owns the queue. `deliver` puts a message into it."""

    IN_CLOUD = True

    def __init__(self, name, state):
        super().__init__(name, state)
        self._wanted = asyncio.Event()
        self._work = None  # runtime.publishing.Publishing

    async def run(self):
        if "mqtt" not in self.state.services:
            self.say("not needed: mqtt is off")
            return
        if self.state.ports.store.sizes(paths.QUEUE):
            self._begin()
        self.ready.set()
        try:
            await self._wanted.wait()
            await self._work.run()
        finally:  # it has stored what waited, and takes nothing more: the next run begins anew
            self.ready.clear()
            self._wanted.clear()
            self._work = None

    def _begin(self):
        if self._work is None:
            from device.runtime.publishing import Publishing

            self._work = Publishing(self)
            self._wanted.set()

    def owns(self, task):
        return super().owns(task) or (self._work is not None and self._work.owns(task))

    async def deliver(self, topic, payload, is_kept=False):
        """Put a message into the queue; return when the cloud has it, or (`is_kept`) once it is on flash.

        Raises Failure when it was refused, or dropped because too many wait. Who stops waiting takes it back
        while it is in memory.
        """
        self._begin()
        await self._work.deliver(topic, payload, is_kept)

    def flush(self):
        """Store what waits in memory, before the board stops."""
        if self._work:
            self._work.flush()

    def forget(self):
        """Drop everything, and take nothing more: the board is given to somebody else."""
        if self._work:
            self._work.forget()

    def facts(self):
        """For a page: see core.queue; {} before the first message."""
        return self._work.facts() if self._work else {}


SERVICE = Publisher
