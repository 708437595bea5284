"""Keeps tables of the database in step with the cloud (docs/sync.md); config.json names them.

Small until there is something to do: runtime.syncing does it, and is unloaded afterwards.
"""

import asyncio

from device.core import fields, paths
from device.runtime.modules import unload, unload_readers
from device.runtime.service import Service

_LOOK_MS = 1000
_MOST = 2  # answers that wait
_MAX_ANSWER_BYTES = 7168  # as core.sync has it: 3 KB of changes, 3 KB of keys


class Sync(Service):
    """Knows what is due. `directions`: {table: direction}; `due`: tables to ask the cloud about.

    `answers`: [(whether accepted, bytes, or None when it was too large)]; `is_renewed`: there was another
    connection since it was set to False; `known`, `number`: see core.sync, runtime.syncing.
    """

    NEEDS = ("database", "mqtt")
    IN_CLOUD = True

    def __init__(self, name, state):
        super().__init__(name, state)
        self.directions = {}
        self.due = []
        self.answers = []
        self.heard = asyncio.Event()
        self.is_renewed = False
        self.topic = ""
        self.known = None
        self.number = 0

    async def run(self):
        filters = self._read()
        if not filters:
            return
        clock, session = self.state.ports.clock, self.state.session
        await session.subscribe(self.name, filters, self._heard, self._renewed, self._left_out)
        self.ready.set()
        while True:
            if self._has_work():
                await self._synchronise()
            await clock.wait(self.heard.wait(), _LOOK_MS)
            self.heard.clear()

    def _read(self):
        """What config.json says; the filters to subscribe to, or () when no table is synchronised."""
        from device.core import board_config, topics

        settings = self.state.settings
        self.directions = board_config.tables(self.state.ports.store.read(paths.CONFIG))
        self.topic = topics.sync(settings.topic_prefix, settings.serial)
        filters = (
            topics.accepted(self.topic),
            topics.rejected(self.topic),
            topics.sync_changed(settings.topic_prefix, settings.serial, "+"),
        )
        unload_readers()
        return filters if self.directions else ()

    def _heard(self, topic, payload):
        name = topic[topic.rfind("/") + 1 :]
        if not topic.startswith(self.topic):
            self._ask(name)
        elif len(self.answers) < _MOST:
            is_small = payload is not None and len(payload) <= _MAX_ANSWER_BYTES
            self.answers.append((topic.endswith("accepted"), payload if is_small else None))
        self.heard.set()

    def _left_out(self, topic):
        self._heard(topic, None)

    def _renewed(self):
        self.answers = []
        self.is_renewed = True
        for name in self.directions:
            self._ask(name)
        self.heard.set()

    def _ask(self, name):
        if self.directions.get(name, fields.UP) != fields.UP and name not in self.due:
            self.due.append(name)

    def table(self, name):
        """The table of this name; None while there is no database. Raises Failure."""
        database = self.state.services.get("database")
        return database.table(name) if hasattr(database, "table") and database.ready.is_set() else None

    def _has_work(self):
        if not self.state.session.is_online():
            return False
        for name in self.directions:
            table = self.table(name)
            if table is None:
                return False
            if name in self.due or (table.unsent is not None and table.unsent < table.end()):
                return True
        return False

    async def _synchronise(self):
        from device.runtime import syncing

        try:
            await syncing.synchronise(self)
        finally:
            unload("device.runtime.syncing", "device.core.sync", "device.core.unsent")
            unload_readers()


SERVICE = Sync
