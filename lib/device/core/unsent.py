"""What of a table's log the cloud does not know yet. Loaded while a table is synchronised, or cleaned.

A table that is sent to the cloud has a position, `unsent`: the cloud knows all that stands before it. The log
goes on after it in the order in which things were changed. So a change and the fact that it is to be sent are
one record, which a power cut leaves whole or not at all; and what was sent twice does no harm.
"""

import json

from device.core import fields, records

_AT_ONCE = 24  # records that are looked at before other tasks run
_MAX_OWED = 16384  # bytes of deletions that wait for the cloud


class Batch:
    """The next changes of a table, as JSON: [key, document], or [key, null] for a deletion."""

    def __init__(self, table):
        self._table = table
        self.changes = []
        self.end = table.unsent  # the cloud knows all before it once it has these
        self.is_full = False  # there is more
        self._room = fields.SYNC_BYTES

    def step(self):
        """Look at some more records; return whether the batch is complete."""
        left = _AT_ONCE
        for segment, at, line in _from(self._table, self.end):
            change = self._change(segment, at, line)
            if change and self.changes and self._room < len(change):
                self.is_full = True
                return True
            if change:
                self.changes.append(change)
                self._room -= len(change) + 1
            self.end = self._table._start(segment) + at + len(line)
            left -= 1
            if not left:
                return False
        return True

    def _change(self, segment, at, line):
        """The change that a record tells of; None when it is silent, damaged, or no longer so."""
        table = self._table
        record = records.parse(line)
        if not record or record[0] in _SILENT:
            return None
        kind, key, raw = record
        if raw is None:
            if table._find(key):
                return None
        else:
            value = segment.places.get(key if kind in records.ODD else records.key_hash(key))
            if value is None or table._offset(value) != at:
                return None
        return b"[" + json.dumps(key).encode() + b"," + (raw or b"null") + b"]"


_SILENT = "".join(records.SILENT.values())


def _from(table, position):
    """Yield (segment, offset, bytes) of each record at or after `position`."""
    for segment in list(table._segments):
        skip = position - table._start(segment)
        if skip < segment.size:
            yield from _lines(table._store, segment, max(skip, 0))


def _lines(store, segment, skip):
    """The same of one segment. What begins before `skip` is no record, and not read as one."""

    def read(offset, size):
        return store.read_at(segment.path, skip + offset, size)

    for offset, line in records.lines(read):
        yield segment, skip + offset, line


def carry(table, oldest):
    """Append the deletions in the oldest segment that the cloud does not know to the end of the log."""
    found = {}
    start = table._start(oldest)
    for _, _, line in _lines(table._store, oldest, max(0, table.unsent - start)):
        record = records.parse(line)
        if record and record[0] in (records.DELETE, records.ODD_DELETE) and not table._find(record[1]):
            found[record[1]] = line
    size = sum([len(line) for line in found.values()])
    oldest.owed = 0
    if size + sum([segment.owed for segment in table._segments]) > _MAX_OWED:
        table.untold += len(found)
    elif found:
        head = table._head(size, 0)
        table._append_to(head, found.values())
        table._moves += 1
        head.owed += size


def told(table):
    """The cloud knows all of the table; return how many deletions it was not told of."""
    for segment in table._segments:
        segment.owed = 0
    count, table.untold = table.untold, 0
    return count
