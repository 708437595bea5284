"""One table of the database: documents by key. core.segments has the flash and the index."""

from device.core import records
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.core.segments import MAX_BATCH, Segments


class Table(Segments):
    """The documents of one table. All calls raise Failure, and change nothing then.

    `allow(table, bytes, documents)` raises Failure when the table may not grow by so much; `pause(ms)` lets
    other tasks run.
    """

    def __init__(self, store, name, allow, pause):
        super().__init__(store, name)
        self._allow = allow
        self._pause = pause

    def _find(self, key):
        """(place, record) of the document `key`, or None."""
        self._check_open()
        for place in (records.key_hash(key), key):
            segment = self._holder(place)
            if segment:
                record = self._record(segment, segment.places[place])
                if record is None:
                    self._spoiled(place)
                elif record[1] == key:
                    return place, record
        return None

    def get(self, key):
        """The document `key`, or None."""
        records.check_key(key)
        found = self._find(key)
        if found is None:
            return None
        document = records.document(found[1][2])
        if document is None:
            self._spoiled(found[0])
        return document

    def count(self):
        """How many documents there are."""
        return sum(len(segment.places) for segment in self._segments)

    def put(self, key, document):
        """Store `document`, a dict, in place of the one that has this key."""
        self.put_all({key: document})

    def put_all(self, documents, is_silent=False):
        """Store several, {key: document}: all of them, or none after a power cut.

        `is_silent`: a table that is synchronised does not tell the cloud.
        """
        data = b""
        spans = {}
        for key in documents:
            records.check_key(key)
            raw = records.text(documents[key])
            found = self._find(key)
            place = found[0] if found else records.key_hash(key)
            if not found and (place in spans or self._holder(place)):
                place = key
            kind = records.ODD_PUT if isinstance(place, str) else records.PUT
            line = records.make(records.SILENT[kind] if is_silent else kind, key, raw)
            spans[place] = (len(data), len(line))
            data += line
            if len(data) > MAX_BATCH:
                raise Failure(GIVE_UP, "more than %d bytes at once" % MAX_BATCH, "store fewer at a time")
        self._allow(self, *self._growth(spans))
        self._store_records(data, spans)

    def delete(self, key, is_silent=False):
        """Remove the document `key`; return whether it was there."""
        records.check_key(key)
        found = self._find(key)
        if found is None:
            return False
        kind = records.ODD_DELETE if isinstance(found[0], str) else records.DELETE
        self._append(records.make(records.SILENT[kind] if is_silent else kind, key), 0)
        self._forget(found[0])
        self._clean_if_worth()
        return True

    def forget(self, key):
        """Remove the document `key` here, not in the cloud, if the cloud has it; whether that was done.

        None when the cloud gets nothing of this table (docs/sync.md).
        """
        records.check_key(key)
        if self.unsent is None:
            return None
        found = self._find(key)
        if found is None:
            return False
        segment = self._holder(found[0])
        if self._start(segment) + self._offset(segment.places[found[0]]) >= self.unsent:
            return False
        return self.delete(key, True)

    def find(self, where=None):
        """Every (key, document), or those for which `where(key, document)` is true, the oldest first.

        For `async for`, which lets other tasks run, or for `for`, which does not. What is stored for the
        first time meanwhile is not among them.
        """
        return _Found(self._scan(where), self._pause)

    def _scan(self, where):
        """Yield (key, document), or None for each document that does not match."""
        find = self._begun_find()
        while True:
            segment, base, values = self._beyond(find)
            if segment is None:
                if find in self._finds:
                    self._finds.remove(find)
                return
            moves = self._moves
            for value in values:
                if moves != self._moves:
                    break  # positions have grown: look for the next one again
                if find not in self._finds:
                    raise Failure(AGAIN, "too many searches of %s at once" % self.name, "finish one before")
                self._finds.remove(find)
                self._finds.append(find)
                find.last = base + self._offset(value)
                yield self._matching(segment, value, where)

    def _matching(self, segment, value, where):
        place = self._place_of(segment, value)
        if place is None:
            return None  # deleted or replaced meanwhile
        record = self._record(segment, value)
        document = record and records.document(record[2])
        if document is None:
            self._spoiled(place)
        elif where is None or where(record[1], document):
            return record[1], document
        return None


class _Found:
    """What `find` gives."""

    def __init__(self, scan, pause):
        self._scan = scan
        self._pause = pause

    def __iter__(self):
        return self

    def __next__(self):
        while True:
            found = next(self._scan)
            if found:
                return found

    def __aiter__(self):
        return self

    async def __anext__(self):
        while True:
            await self._pause(0)
            try:
                found = next(self._scan)
            except StopIteration:
                raise StopAsyncIteration
            if found:
                return found
