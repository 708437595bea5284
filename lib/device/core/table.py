"""One table of the database: documents by key, as a log on the flash, with an index in memory.

The log consists of segments of one flash block. LittleFS keeps a file of 512 bytes within its directory, and
copies the whole block when a longer one grows; so new records go into a short file, the tail, and from there
to the end of the log, many at a time. When the segments hold more than twice what the documents need, the
oldest is cleaned: what is still valid in it is appended to the log, then its file is removed. So a deletion
needs no record once it is in the oldest segment, and a cut leaves at worst the same record twice.
"""

from device.core import paths, records
from device.core.failures import AGAIN, GIVE_UP, Failure

SEGMENT_BYTES = 4096  # a block of the flash
TAIL_BYTES = 512
MAX_BATCH = SEGMENT_BYTES - TAIL_BYTES
RESERVE_BYTES = 32768  # of the flash, which documents leave free
TAIL = "tail"
_SPARE = 3  # segments that are not worth cleaning
_PACKED_BYTES = 3000  # of a segment that is full: a record that did not fit is in the next one
_SIZE_BITS = 11
_SIZE_MASK = 2047


class _Segment:
    """A file of the log. `places`: {slot of the key, or the key if odd: offset << 11 | size}."""

    def __init__(self, number, path):
        self.number = number  # 0: the tail
        self.path = path
        self.size = 0
        self.places = {}


class Table:
    """The documents of one table. All calls raise Failure, and change nothing then.

    `allow(table, bytes, documents)` raises Failure when the table may not grow by so much; `pause(ms)` lets
    other tasks run. `damaged`: records that could not be read; `written`: bytes given to the flash.
    """

    def __init__(self, store, name, allow, pause):
        self.name = name
        self.bytes = 0  # of the valid records
        self.damaged = 0
        self.written = 0
        self._store = store
        self._allow = allow
        self._pause = pause
        self._moves = 0  # how often records were moved within the log
        self._segments = [_Segment(0, self._path(TAIL))]  # the oldest first, the tail last

    def _path(self, end):
        return "%s/%s.%s" % (paths.TABLES, self.name, end)

    # Reading the log

    def load(self, ends):
        """Build the index from the table's files, whose names end with `ends`; yields after each file."""
        numbers = []
        for end in ends:
            try:
                numbers.append(int(end, 16))
            except ValueError:
                pass  # the tail, or a file of others
        for number in sorted(numbers):
            self._segments.insert(-1, _Segment(number, self._path("%04x" % number)))
        for segment in list(self._segments):
            self._read_segment(segment)
            yield

    def _read_segment(self, segment):
        def read(offset, size):
            return self._store.read_at(segment.path, offset, size)

        for offset, line in records.lines(read):
            segment.size = offset + len(line)
            record = records.parse(line)
            if record is None or len(line) > records.MAX_RECORD:
                self.damaged += 1
                continue
            kind, key, raw = record
            place = key if kind in (records.ODD_PUT, records.ODD_DELETE) else records.slot(key)
            self._forget(place)
            if raw is not None:
                self._keep(segment, place, offset << _SIZE_BITS | len(line))

    def _keep(self, segment, place, value):
        segment.places[place] = value
        self.bytes += value & _SIZE_MASK

    def _forget(self, place):
        for segment in self._segments:
            value = segment.places.pop(place, None)
            if value is not None:
                self.bytes -= value & _SIZE_MASK

    def _record(self, segment, value):
        """(kind, key, document's bytes) of a valid record; None when it is damaged."""
        line = self._store.read_at(segment.path, value >> _SIZE_BITS, value & _SIZE_MASK)
        record = records.parse(line)
        return record if record and record[2] is not None else None

    def _find(self, key):
        """(place, record) of the document `key`, or None."""
        self._check_open()
        for place in (records.slot(key), key):
            for segment in self._segments:
                value = segment.places.get(place)
                if value is not None:
                    record = self._record(segment, value)
                    if record is None:
                        self._spoiled(place)
                    elif record[1] == key:
                        return place, record
        return None

    def _spoiled(self, place):
        self.damaged += 1
        self._forget(place)

    def _has(self, place):
        return any(place in segment.places for segment in self._segments)

    def _check_open(self):
        if not self._segments:
            raise Failure(AGAIN, "the database was stopped", "ask for the table again")

    def close(self):
        """Nothing can be done with this object any more: another one may be made for the table."""
        self._segments = []

    # For the application

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

    def put_all(self, documents):
        """Store several, {key: document}: all of them, or none after a power cut."""
        data = b""
        values = {}
        freed = added = 0
        for key in documents:
            records.check_key(key)
            raw = records.text(documents[key])
            found = self._find(key)
            if found:
                place = found[0]
                freed += self._size_of(place)
            else:
                place = records.slot(key)
                if place in values or self._has(place):
                    place = key
                added += 1
            line = records.make(records.ODD_PUT if place is key else records.PUT, key, raw)
            values[place] = len(data) << _SIZE_BITS | len(line)
            data += line
            if len(data) > MAX_BATCH:
                raise Failure(GIVE_UP, "more than %d bytes at once" % MAX_BATCH, "store fewer at a time")
        self._allow(self, len(data) - freed, added)
        segment, base = self._append(data, RESERVE_BYTES)
        for place in values:
            self._forget(place)
            self._keep(segment, place, values[place] + (base << _SIZE_BITS))
        self._clean_if_worth()

    def delete(self, key):
        """Remove the document `key`; return whether it was there."""
        records.check_key(key)
        found = self._find(key)
        if found is None:
            return False
        kind = records.ODD_DELETE if found[0] == key else records.DELETE
        self._append(records.make(kind, key), 0)
        self._forget(found[0])
        self._clean_if_worth()
        return True

    def find(self, where=None):
        """Every (key, document), or those for which `where(key, document)` is true, the oldest first.

        For `async for`, which lets other tasks run, or for `for`, which does not. What is stored meanwhile
        may be among them; a document that is stored again meanwhile may come twice.
        """
        return _Found(self._scan(where), self._pause)

    def _size_of(self, place):
        return sum(segment.places.get(place, 0) & _SIZE_MASK for segment in self._segments)

    def _scan(self, where):
        """Yield (key, document), or None for each document that does not match."""
        last = -1
        while True:
            segment, base, values = self._beyond(last)
            if segment is None:
                return
            moves = self._moves
            for value in values:
                if moves != self._moves:
                    break  # positions have grown: look for the next one again
                last = base + (value >> _SIZE_BITS)
                yield self._matching(segment, value, where)

    def _beyond(self, last):
        """(segment, position of its begin, values) of the first segment with documents beyond `last`.

        The tail's positions are those that its records get at the end of the log.
        """
        self._check_open()
        base = 0
        for segment in self._segments:
            if segment.number:
                base = segment.number * SEGMENT_BYTES
            values = sorted(value for value in segment.places.values() if base + (value >> _SIZE_BITS) > last)
            if values:
                return segment, base, values
            base += segment.size
        return None, 0, ()

    def _matching(self, segment, value, where):
        record = self._record(segment, value)
        if record is None:
            for place in list(segment.places):
                if segment.places[place] == value:
                    self._spoiled(place)
            return None
        kind, key, raw = record
        place = key if kind == records.ODD_PUT else records.slot(key)
        if segment.places.get(place) != value:
            return None  # deleted or replaced meanwhile
        document = records.document(raw)
        if document is None:
            self._spoiled(place)
        elif where is None or where(key, document):
            return key, document
        return None

    # Writing the log

    def _append(self, data, reserve):
        """Append `data` to the log; return (segment, offset)."""
        self._check_open()
        tail = self._segments[-1]
        if tail.size + len(data) <= TAIL_BYTES:
            return tail, self._append_to(tail, (data,))
        held = self._store.read_at(tail.path, 0, tail.size)
        head = self._head(len(held) + len(data), reserve)
        base = self._append_to(head, (held, data))
        self._store.remove(tail.path)
        for place in tail.places:
            head.places[place] = tail.places[place] + (base << _SIZE_BITS)
        tail.places = {}
        tail.size = 0
        self._moves += 1
        return head, base + len(held)

    def _append_to(self, segment, pieces):
        base, segment.size = self._store.append(segment.path, pieces)
        self.written += segment.size  # LittleFS writes the block anew
        return base

    def _head(self, size, reserve):
        """The last segment of the log if `size` bytes fit into it, else a new one."""
        head = self._segments[-2] if len(self._segments) > 1 else None
        if head and head.size + size <= SEGMENT_BYTES:
            return head
        if reserve and not self._store.has_room(reserve):
            raise Failure(GIVE_UP, "flash is full", "delete documents or files")
        number = head.number + 1 if head else 1
        head = _Segment(number, self._path("%04x" % number))
        self._segments.insert(-1, head)
        return head

    def _clean_if_worth(self):
        """Clean the oldest segment if there are many more than the documents need."""
        if len(self._segments) > 2 * self.bytes // _PACKED_BYTES + _SPARE:
            try:
                self._clean(self._segments[0])
            except Failure:
                pass  # the document is stored; the next call tries again, or fails for the same reason

    def _clean(self, oldest):
        """Move what is valid in the oldest segment to the end of the log, and remove its file."""
        values = sorted(oldest.places.values())
        while values:
            head = self._head(values[0] & _SIZE_MASK, 0)
            room = SEGMENT_BYTES - head.size
            count = 0
            while count < len(values) and room >= values[count] & _SIZE_MASK:
                room -= values[count] & _SIZE_MASK
                count += 1
            self._move(oldest, values[:count], head)
            values = values[count:]
        self._store.remove(oldest.path)
        self._segments.remove(oldest)

    def _move(self, segment, values, head):
        """Append the records of `segment` with these `values` to `head`."""
        moved = []

        def pieces():
            size = 0
            for value in values:
                line = self._store.read_at(segment.path, value >> _SIZE_BITS, value & _SIZE_MASK)
                record = records.parse(line)
                if record is None:
                    self.damaged += 1
                    continue
                place = record[1] if record[0] == records.ODD_PUT else records.slot(record[1])
                moved.append((place, size << _SIZE_BITS | len(line)))
                size += len(line)
                yield line

        base = self._append_to(head, pieces())
        for value in values:
            self.bytes -= value & _SIZE_MASK
        for place in [place for place in segment.places if segment.places[place] in values]:
            del segment.places[place]
        for place, value in moved:
            self._keep(head, place, value + (base << _SIZE_BITS))
        self._moves += 1


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
