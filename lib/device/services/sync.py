"""Keeps tables of the database in step with the cloud (docs/sync.md); config.json names them.

Small until there is something to do: runtime.syncing does it, and is unloaded afterwards.
"""

import asyncio

from device.core import fields
from device.runtime.modules import unload, unload_readers
from device.runtime.service import Service

_LOOK_MS = 1000
_MOST = 2  # answers that wait


class Sync(Service):
    """Knows what is due. `directions`: {table: direction}; `due`: tables to ask the cloud about.

    `answers`: [(topic, payload, or None when it was too large)] while one is awaited; `is_renewed`:
    there was another connection since it was set to False; `known`: core.sync; `number`: of the last message.
    """

    NEEDS = ("database", "mqtt")
    IN_CLOUD = True

    def __init__(self, name, state):
        super().__init__(name, state)
        self.topic = ""
        self.directions = {}
        self.due = []
        self.answers = None
        self.heard = asyncio.Event()
        self.is_renewed = False
        self.known = None
        self.number = 0

    async def run(self):
        filters = self._prepare()
        if not filters:
            return
        state = self.state
        await state.session.subscribe(self.name, filters, self._heard, self._renewed, self._heard)
        self.ready.set()
        while True:
            if self._has_work():
                await self._work()
                if not self.due:
                    self.heard.clear()  # that was the answer: what is changed within a second is one message
            await state.ports.clock.wait(self.heard.wait(), _LOOK_MS)
            self.heard.clear()

    def _prepare(self):
        from device.runtime.sync_start import prepare

        try:
            return prepare(self)
        finally:
            unload("device.runtime.sync_start")
            unload_readers()

    async def _work(self):
        from device.runtime import syncing

        try:
            await syncing.synchronise(self)
        finally:
            done = "device.runtime.syncing", "device.core.sync", "device.core.unsent", "device.core.records"
            unload(*done)
            unload_readers()

    def _heard(self, topic, payload=None):
        if not topic.startswith(self.topic):
            self._ask(topic[topic.rfind("/") + 1 :])
        elif self.answers is not None and len(self.answers) < _MOST:
            is_large = payload is None or len(payload) > fields.SYNC_ANSWER_BYTES
            self.answers.append((topic, None if is_large else payload))
        self.heard.set()

    def _renewed(self):
        self.is_renewed = True
        for name in self.directions:
            self._ask(name)
        self.heard.set()

    def _ask(self, name):
        if self.directions.get(name, fields.UP) != fields.UP and name not in self.due:
            self.due.append(name)

    def table(self, name):
        """The table of this name; None while there is no database. Raises Failure."""
        database = self.state.services["database"]
        return database.table(name) if hasattr(database, "table") and database.ready.is_set() else None

    def _has_work(self):
        for name in self.directions if self.state.session.is_online() else ():
            table = self.table(name)
            if table is None:
                return False
            if name in self.due or (table.unsent is not None and table.unsent < table.end()):
                return True
        return False


SERVICE = Sync
