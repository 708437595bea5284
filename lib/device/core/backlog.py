"""Messages that wait on the flash: a log of segments of one block, in order, read from its front.

LittleFS keeps a file of 512 bytes within its directory, and copies the whole block when a longer one grows;
so new messages go into a short file, the tail, and from there to the end of the log, many at a time, as in
core.segments. There is no index: messages are read and removed from the front only. A segment goes when all
of it is delivered; how far the front one is delivered stands in the file `MARK`, written now and then. So a
power cut loses nothing, and may bring back at most `MARK_EVERY` messages that were delivered already.

    a message: magic, CRC-32 of what follows, number, bytes of topic, bytes of payload, topic, payload

Its number grows by one with each message, for as long as something of the log is there.
"""

import binascii
import struct

from device.core import paths
from device.core.failures import GIVE_UP, Failure

SEGMENT_BYTES = 4096  # a block of the flash; one longer message is alone in its segment
TAIL_BYTES = 512
RESERVE_BYTES = 32768  # of the flash, which the queue leaves free
MAX_TOPIC = 256
MAX_PAYLOAD = 8192
MARK_EVERY = 16
TAIL = "tail"
MARK = "done"
_MAGIC = b"\nQ"
_HEAD = "<2sIIHH"
HEAD_BYTES = 14
_SUMMED = 6  # where the part with the sum begins
_LOOK_BYTES = 256
_MASK = 0x3FFFFFFF


def record(number, topic, payload):
    """The bytes of one message."""
    name = topic.encode()
    body = struct.pack("<IHH", number, len(name), len(payload)) + name + payload
    return _MAGIC + struct.pack("<I", binascii.crc32(body)) + body


class Backlog:
    """The log. `dropped`, `damaged`: messages; `written`: bytes given to the flash; `writes`: how often."""

    def __init__(self, store):
        self._store = store
        self._segments = []  # [number of the file, bytes], the oldest first
        self._tail = 0  # bytes
        self._at = 0  # offset of the front in the first of them
        self._done = 0  # number of the last message that was delivered or dropped
        self._marked = 0  # what the file says about that
        self.last = 0  # number of the newest message
        self.damaged = 0
        self.written = 0
        self.writes = 0
        self._load()

    # Reading

    def _place(self, name):
        return paths.QUEUE + "/" + name

    def _path(self, number):
        return self._place("%04x" % number if number else TAIL)

    def _load(self):
        sizes = self._store.sizes(paths.QUEUE)
        for name in sizes:
            try:
                number = int(name, 16)
            except ValueError:
                continue  # the tail, the mark, or a file of others
            if number > 0 and "%04x" % number == name:
                self._segments.append([number, sizes[name]])
        self._segments.sort()
        self._tail = sizes.get(TAIL, 0)
        self._done = self._marked = self.last = self._read_mark()
        for number, size in self._segments[-1:] + [[0, self._tail]]:
            at, head = self._next(number, 0, size)
            while head:
                step = 1  # a damaged head may be wrong about its size
                if self._message(number, at, head):
                    self.last = max(self.last, head[0])
                    step = head[1]
                at, head = self._next(number, at + step, size)
        self.damaged = 0  # counted when they are read in turn
        message = self.first()
        if message:
            self._done = message[0] - 1
            return
        for name in (TAIL, MARK):  # a cut may leave them without a message
            if name in sizes:
                self._store.remove(self._place(name))

    def _read_mark(self):
        raw = self._store.read_at(self._place(MARK), 0, _LOOK_BYTES)
        try:
            number = int(raw[8:16], 16)
            return number if raw == _mark(number) else 0
        except ValueError:
            return 0

    def _head(self, number, at, size):
        """(number of the message, its size, bytes of its topic) at this place; None if none begins there."""
        raw = self._store.read_at(self._path(number), at, HEAD_BYTES)
        if len(raw) < HEAD_BYTES:
            return None
        magic, _, of_message, topic, payload = struct.unpack(_HEAD, raw)
        whole = HEAD_BYTES + topic + payload
        is_good = magic == _MAGIC and 0 < topic <= MAX_TOPIC and payload <= MAX_PAYLOAD
        if not is_good or at + whole > size or not 0 < of_message <= _MASK:
            return None
        return of_message, whole, topic

    def _next(self, number, at, size):
        """(place, head) of the first message at or after this place; (size, None) when there is none."""
        head = self._head(number, at, size) if at < size else None
        if at < size and not head:
            self.damaged += 1
        while at < size and not head:
            at += 1
            piece = self._store.read_at(self._path(number), at, _LOOK_BYTES)
            found = piece.find(_MAGIC)
            if found >= 0:
                at += found
                head = self._head(number, at, size)
            else:
                at = size if len(piece) < _LOOK_BYTES else at + _LOOK_BYTES - 2
        return at if head else size, head

    def _front(self):
        """(number of the file, its bytes) at the front; None when the log is empty."""
        if self._segments:
            return self._segments[0]
        return (0, self._tail) if self._tail else None

    def first(self):
        """(number, topic, payload) of the oldest message, or None. Damaged ones are skipped and counted."""
        while True:
            front = self._front()
            if front is None:
                return None
            self._at, head = self._next(front[0], self._at, front[1])
            if head is None:
                self._leave()
            elif head[0] <= self._done:
                self._at += head[1]
            else:
                message = self._message(front[0], self._at, head)
                if message:
                    return message
                self._at += 1  # its head may be wrong about its size; counted when nothing begins here

    def _message(self, number, at, head):
        raw = self._store.read_at(self._path(number), at, head[1])
        if binascii.crc32(raw[_SUMMED:]) != struct.unpack("<I", raw[2:_SUMMED])[0]:
            return None
        try:
            end = HEAD_BYTES + head[2]
            return head[0], raw[HEAD_BYTES:end].decode(), raw[end:]
        except ValueError:
            return None

    def is_empty(self):
        """Whether nothing is on the flash."""
        return self._front() is None

    @property
    def bytes(self):
        """What waits, and what is not removed of the front segment."""
        return sum([segment[1] for segment in self._segments]) + self._tail - self._at

    def count(self):
        """How many messages wait; those that were dropped from the memory count, too."""
        return self.last - self._done if self._front() else 0

    # Removing

    def done(self, number):
        """The messages up to this number are delivered. Raises Failure; they are then delivered again."""
        if number <= self._done:
            return
        self._done = number
        self._skip()
        if self._front() and self._done - self._marked >= MARK_EVERY:
            self.mark()

    def mark(self):
        """Write down how far the front segment is delivered."""
        if self._front() and self._at and self._marked != self._done:
            self._store.write(self._place(MARK), _mark(self._done))
            self._marked = self._done
            self.writes += 1

    def drop(self):
        """Drop the oldest message; return its number, or None when there is none."""
        message = self.first()
        if message is None:
            return None
        self._done = message[0]
        self._skip()
        return message[0]

    def _skip(self):
        """Go on to the first message that is not done, without reading its payload."""
        while True:
            front = self._front()
            if front is None:
                return
            self._at, head = self._next(front[0], self._at, front[1])
            if head is None:
                self._leave()
            elif head[0] > self._done:
                return
            else:
                self._at += head[1]

    def _leave(self):
        """Remove the file at the front: nothing in it waits."""
        if self._segments:
            self._store.remove(self._path(self._segments[0][0]))
            self._segments.pop(0)
        else:
            self._store.remove(self._path(0))
            self._tail = 0
        self._at = 0
        if not self._front():  # after the messages: without them it says only which number comes next
            self._store.remove(self._place(MARK))
            self._marked = self._done

    # Writing

    def append(self, messages):
        """Store [(number, topic, payload)], in order, in one write. Raises Failure and stores none then."""
        if not self._front():
            self._done = messages[0][0] - 1
        pieces = [record(*message) for message in messages]
        size = sum([len(piece) for piece in pieces])
        if self._tail + size <= TAIL_BYTES:
            self._tail = self._append_to(0, pieces)
        else:
            self._merge(pieces, size)
        self.last = messages[-1][0]

    def _append_to(self, number, pieces):
        end = self._store.append(self._path(number), pieces)[1]
        self.written += end
        self.writes += 1
        return end

    def _merge(self, pieces, size):
        """Append what waits in the tail, and `pieces`, to the last segment, or to a new one."""
        skip = 0 if self._segments else self._at
        if self._tail > skip:
            pieces.insert(0, self._store.read_at(self._path(0), skip, self._tail - skip))
            size += len(pieces[0])
        last = self._segments[-1] if self._segments else None
        if last is None or last[1] + size > SEGMENT_BYTES:
            if self._store.space()[0] < RESERVE_BYTES:
                raise Failure(GIVE_UP, "flash is full", "delete documents or files")
            last = [last[0] + 1 if last else 1, 0]
        last[1] = self._append_to(last[0], pieces)
        if last not in self._segments:
            self._segments.append(last)
            if len(self._segments) == 1:
                self._at = 0
        if self._tail:
            self._store.remove(self._path(0))  # a cut before: its messages are there twice, with one number
            self._tail = 0


def _mark(number):
    text = "%08x" % number
    return ("%08x%s" % (binascii.crc32(text.encode()), text)).encode()
