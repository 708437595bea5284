"""The database: tables of documents on the flash, for the application (docs/services.md)."""

from device.core import fields, paths
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.runtime.modules import unload, unload_readers
from device.runtime.service import Service

_LIMITS = (8, 65536, 1000)  # while there is no valid ento.conf
_IDLE_MS = 3600000


class Database(Service):
    """Owns the tables. Their calls are plain functions: each writes at most a few blocks of the flash."""

    ROOM_BYTES = 24576
    MODULES = ("device.core.table", "device.core.segments", "device.core.records")

    def __init__(self, name, state):
        super().__init__(name, state)
        self._tables = None  # {name: Table} once they are read
        self._sent = {}  # {table: position} of those that are sent to the cloud

    async def run(self):
        try:
            await self._load()
            self.ready.set()
            while True:
                await self.state.ports.clock.sleep_ms(_IDLE_MS)
        finally:
            for table in (self._tables or {}).values():
                table.close()
            self._tables = None

    async def _load(self):
        """Read what is on the flash, and let other tasks run after each file."""
        store, clock = self.state.ports.store, self.state.ports.clock
        self._sent = self._known()
        files = {}
        for name in store.sizes(paths.TABLES):
            table, _, end = name.rpartition(".")
            files.setdefault(table, []).append(end)
        tables = {}
        for name in sorted(files):
            try:
                tables[name] = self._made(name)
            except Failure:
                continue  # a file of others
            for _ in tables[name].load(files[name]):
                await clock.sleep_ms(0)
            if tables[name].unsent is not None and tables[name].unsent > tables[name].end():
                tables[name].unsent = 0  # the log is not the one that was sent
        self._tables = tables
        for name in sorted(tables):
            if tables[name].damaged:
                self.warn("%s: %d damaged records were skipped" % (name, tables[name].damaged))
        if tables:
            self.say("%d tables, %d documents" % (len(tables), sum(self.counts().values())))

    def _made(self, name):
        """The table `name`. Raises Failure when that is no name of a table."""
        from device.core import records  # a board without tables does not need them
        from device.core.table import Table

        records.check_table(name)
        table = Table(self.state.ports.store, name, self._allow, self.state.ports.clock.sleep_ms)
        table.unsent = self._sent.get(name)
        return table

    def _known(self):
        """{table: how far the cloud knows it}, of those that config.json sends to the cloud."""
        if not any(service[0] == fields.SYNC for service in self.state.ports.build.SERVICES):
            return {}  # there is no `sync` in this image
        from device.core import board_config

        store = self.state.ports.store
        try:
            directions = board_config.tables(store.read(paths.CONFIG))
            if not directions:
                return {}
            from device.core import sync

            return sync.sent(directions, store.read(paths.SYNC))
        except Failure:
            return {}  # the service `sync` tells of it
        finally:
            unload("device.core.sync")
            unload_readers()

    def _limits(self):
        return self.state.settings.database if self.state.settings else _LIMITS

    def _allow(self, table, size, count):
        """Raise Failure unless `table` may grow by `size` bytes and `count` documents."""
        _, most_bytes, most_documents = self._limits()
        if size > 0 and table.bytes + size > most_bytes:
            raise Failure(
                GIVE_UP,
                "the table %s is full (%d bytes)" % (table.name, table.bytes),
                "delete documents, or raise %s.%s" % (fields.DATABASE, fields.TABLE_BYTES),
            )
        if count and sum(self.counts().values()) + count > most_documents:
            raise Failure(
                GIVE_UP,
                "the database is full (%d documents)" % most_documents,
                "delete documents, or raise %s.%s" % (fields.DATABASE, fields.MAX_DOCUMENTS),
            )

    def table(self, name):
        """The table `name`; it is made when the first document is stored. Raises Failure."""
        if not self.ready.is_set() or self._tables is None:
            raise Failure(AGAIN, "the database is not ready", "wait for it")
        table = self._tables.get(name) if isinstance(name, str) else None
        if table is None:
            if len(self._tables) >= self._limits()[0]:
                raise Failure(
                    GIVE_UP,
                    "there are %d tables already" % len(self._tables),
                    "raise %s.%s" % (fields.DATABASE, fields.TABLES),
                )
            table = self._tables[name] = self._made(name)
        return table

    def counts(self):
        """{table: documents}."""
        return {name: self._tables[name].count() for name in self._tables or {}}

    def facts(self):
        """For a page: {"tables": {name: documents}} and numbers of all tables together.

        "bytes" is what the documents take, "written" what was given to the flash since the start, "blocks"
        how many blocks of the flash the logs have filled in the board's life.
        """
        facts = {"tables": self.counts()}
        for name in ("bytes", "written", "damaged", "blocks"):
            facts[name] = sum(getattr(table, name) for table in (self._tables or {}).values())
        return facts


SERVICE = Database
