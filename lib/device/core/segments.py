"""The log of a table on the flash, and the index that says where in it each document is.

The log consists of segments of one flash block. LittleFS keeps a file of 512 bytes within its directory, and
copies the whole block when a longer one grows; so new records go into a short file, the tail, and from there
to the end of the log, many at a time. When the segments hold more than twice what the documents need, the
oldest is cleaned: what is still valid in it is appended to the log, then its file is removed. So a deletion
needs no record once it is in the oldest segment, and a cut leaves at worst the same record twice.

The log is also what a synchronised table tells the cloud: everything at and after the position `unsent`. A
record never moves towards the beginning, so what the cloud does not know stays after it.
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
# The value of a place in the index: from the right the record's size, its offset, and one bit for each
# unfinished `find` that is not to give it. 28 bits, which a microcontroller has without an object.
_SIZE_BITS = 11
_SIZE_MASK = 0x7FF
_VALUE_MASK = 0xFFFFFF
_FIRST_SKIP = 0x1000000
_FINDS = 4


class _Segment:
    """A file of the log. `places`: {hash of the key, or the key if odd: where its record is}."""

    def __init__(self, number, path):
        self.number = number  # 0: the tail
        self.path = path
        self.size = 0
        self.owed = 0  # bytes of deletions in it that were kept for the cloud
        self.places = {}


class _Find:
    """A `find` that is not finished: its bit in the index, and the position of what it gave last."""

    def __init__(self, bit):
        self.bit = bit
        self.last = -1


class Segments:
    """The records of one table. `damaged`: those that could not be read; `written`: bytes for the flash."""

    def __init__(self, store, name):
        self.name = name
        self.bytes = 0  # of the valid records
        self.damaged = 0
        self.written = 0
        self.unsent = None  # where what the cloud does not know begins; None: the table is not sent
        self.untold = 0  # deletions that were not: too many
        self._store = store
        self._moves = 0  # how often records were moved within the log
        self._finds = []  # those not finished, the one used last at the end
        self._segments = [_Segment(0, self._path(TAIL))]  # the oldest first, the tail last

    @property
    def blocks(self):
        """How many blocks of the flash the log has filled, ever."""
        return self._segments[-2].number if len(self._segments) > 1 else 0

    def _path(self, end):
        return "%s/%s.%s" % (paths.TABLES, self.name, end)

    def load(self, ends):
        """Build the index from the table's files, whose names end with `ends`; yields after each file."""
        numbers = []
        for end in ends:
            try:
                number = int(end, 16)
            except ValueError:
                continue  # the tail, or a file of others
            if number > 0 and "%04x" % number == end:
                numbers.append(number)
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
            if offset >= (2 if segment.number else 1) * SEGMENT_BYTES:  # not written by this program
                self.damaged += 1
                return
            record = records.parse(line)
            if record is None or len(line) > records.MAX_RECORD:
                self.damaged += 1
                continue
            kind, key, raw = record
            place = key if kind in records.ODD else records.key_hash(key)
            self._forget(place)
            if raw is not None:
                self._keep(segment, place, offset << _SIZE_BITS | len(line))

    def _keep(self, segment, place, value):
        segment.places[place] = value
        self.bytes += value & _SIZE_MASK

    def _holder(self, place):
        """The segment that has the document at `place`, or None."""
        for segment in self._segments:
            if place in segment.places:
                return segment
        return None

    def _forget(self, place):
        segment = self._holder(place)
        if segment:
            self.bytes -= segment.places.pop(place) & _SIZE_MASK

    def _line(self, segment, value):
        return self._store.read_at(segment.path, self._offset(value), value & _SIZE_MASK)

    def _record(self, segment, value):
        """(kind, key, document's bytes) of a valid record; None when it is damaged."""
        record = records.parse(self._line(segment, value))
        return record if record and record[2] is not None else None

    def _spoiled(self, place):
        self.damaged += 1
        self._forget(place)

    def _check_open(self):
        if not self._segments:
            raise Failure(AGAIN, "the database was stopped", "ask for the table again")

    def close(self):
        """Nothing can be done with this object any more: another one may be made for the table."""
        self._segments = []

    def _offset(self, value):
        return (value & _VALUE_MASK) >> _SIZE_BITS

    def _place_of(self, segment, value):
        """The place in `segment` of the record with this value; None when it is no longer there."""
        for place in segment.places:
            if segment.places[place] & _VALUE_MASK == value & _VALUE_MASK:
                return place
        return None

    # Searches

    def _begun_find(self):
        """A new entry of `_finds`; one too many takes the place of the one not used longest."""
        if len(self._finds) >= _FINDS:
            self._finds.pop(0)  # left by a `break`, most likely
        bit = _FIRST_SKIP
        while any(bit == find.bit for find in self._finds):
            bit <<= 1
        for segment in self._segments:
            for place in segment.places:
                segment.places[place] &= ~bit
        find = _Find(bit)
        self._finds.append(find)
        return find

    def _beyond(self, find):
        """(segment, its position, sorted values) of the first one with records for `find`."""
        self._check_open()
        for segment in self._segments:
            base = self._start(segment)
            values = []
            for value in segment.places.values():
                plain = value & _VALUE_MASK
                if not value & find.bit and base + (plain >> _SIZE_BITS) > find.last:
                    values.append(plain)
            if values:
                values.sort()
                return segment, base, values
        return None, 0, ()

    def _skips(self, value, start):
        """The bits of the finds that are not to give this record again. Its segment began at `start`."""
        bits = value & ~_VALUE_MASK
        position = start + self._offset(value)
        for find in self._finds:
            if position <= find.last:
                bits |= find.bit
        return bits

    def _skips_of(self, place):
        segment = self._holder(place)
        if segment:
            return self._skips(segment.places[place], self._start(segment))
        return self._skips(0, -2)  # new: no find is to give it

    def _start(self, segment):
        """The position at which a segment begins in the log; that of the tail is the end of the last one."""
        if segment.number or len(self._segments) == 1:
            return segment.number * SEGMENT_BYTES
        last = self._segments[-2]
        return last.number * SEGMENT_BYTES + last.size

    def end(self):
        """The position of the end of the log."""
        return self._start(self._segments[-1]) + self._segments[-1].size

    # Writing

    def _growth(self, spans):
        """(bytes, documents) by which the table grows by new records: spans {place: (offset, size)}."""
        size = count = 0
        for place in spans:
            size += spans[place][1]
            segment = self._holder(place)
            if segment:
                size -= segment.places[place] & _SIZE_MASK
            else:
                count += 1
        return size, count

    def _store_records(self, data, spans):
        """Append `data`, which has the records at `spans`."""
        held = self._segments[-1].size
        if held and len(spans) > 1 and held + len(data) > TAIL_BYTES:
            self._merge(b"", RESERVE_BYTES)  # else a cut could leave the tail's version of one of them
        skips = {place: self._skips_of(place) for place in spans} if self._finds else {}
        segment, base = self._append(data, RESERVE_BYTES)
        for place in spans:
            offset, size = spans[place]
            self._forget(place)
            self._keep(segment, place, base + offset << _SIZE_BITS | size | skips.get(place, 0))
        self._clean_if_worth()

    def _append(self, data, reserve):
        """Append `data` to the log; return (segment, offset)."""
        self._check_open()
        tail = self._segments[-1]
        if tail.size + len(data) <= TAIL_BYTES:
            return tail, self._append_to(tail, (data,))
        return self._merge(data, reserve)

    def _merge(self, data, reserve):
        """Append the tail and `data` to the last segment; return (segment, offset of `data`)."""
        tail = self._segments[-1]
        held = self._store.read_at(tail.path, 0, min(tail.size, SEGMENT_BYTES))
        start = self._start(tail)
        head = self._head(len(held) + len(data), reserve)
        base = self._append_to(head, (held, data))
        self._store.remove(tail.path)
        for place in tail.places:
            value = tail.places[place]
            head.places[place] = (value & _VALUE_MASK) + (base << _SIZE_BITS) | self._skips(value, start)
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
        if self._store.space()[0] < reserve:
            raise Failure(GIVE_UP, "flash is full", "delete documents or files")
        number = head.number + 1 if head else 1
        head = _Segment(number, self._path("%04x" % number))
        self._segments.insert(-1, head)
        return head

    def _clean_if_worth(self):
        """Clean the oldest segment if there are many more than the documents need."""
        needed = self.bytes + sum([segment.owed for segment in self._segments])
        if len(self._segments) > 2 * needed // _PACKED_BYTES + _SPARE:
            try:
                self._clean(self._segments[0])
            except Failure:
                pass  # the document is stored; the next call tries again, or fails for the same reason

    def _clean(self, oldest):
        """Move what is valid in the oldest segment to the end of the log, and remove its file."""
        order = sorted([(oldest.places[place] & _VALUE_MASK, place) for place in oldest.places])
        while order:
            head = self._head(order[0][0] & _SIZE_MASK, 0)
            room = SEGMENT_BYTES - head.size
            count = 0
            while count < len(order) and room >= order[count][0] & _SIZE_MASK:
                room -= order[count][0] & _SIZE_MASK
                count += 1
            self._move(oldest, [place for _, place in order[:count]], head)
            order = order[count:]
        if self.unsent is not None and self._start(oldest) + oldest.size > self.unsent:
            from device.core import unsent  # only while the cloud lacks something of the oldest

            unsent.carry(self, oldest)
        self._store.remove(oldest.path)
        self._segments.remove(oldest)

    def _move(self, segment, places, head):
        """Append the records of these places in `segment` to `head`."""
        moved = []

        def pieces():
            size = 0
            for place in places:
                line = self._line(segment, segment.places[place])
                if records.parse(line):
                    moved.append((place, size << _SIZE_BITS | len(line)))
                    size += len(line)
                    yield line
                else:
                    self.damaged += 1

        base = self._append_to(head, pieces())
        start = self._start(segment)
        for place, value in moved:
            head.places[place] = value + (base << _SIZE_BITS) | self._skips(segment.places[place], start)
            self.bytes += value & _SIZE_MASK
        for place in places:
            self.bytes -= segment.places.pop(place) & _SIZE_MASK
        self._moves += 1
