"""The log: levels, how much a source may say, and a ring of the last lines.

The ring is one buffer without pointers into the heap, so that it can lie in memory that outlives a reset:
a head, then records, the oldest first. The head is written after the record that it counts, and both have
checksums: a reset in between costs one line, and memory that lost its power is noticed.
"""

import binascii
import struct

from device.core import log_format

DEBUG = "debug"
INFO = "info"
WARN = "warn"
ERROR = "error"
LEVELS = (DEBUG, INFO, WARN, ERROR)

_MAX_SOURCE = 16
_MAX_TEXT = 320  # characters; of a longer text, its begin and its end
_BEGIN = 96
_GAP = " ... "
_PART = 4  # one record takes at most this part of the ring

_BURST = 60  # lines that a source may say at once
_EVERY_MS = 500  # after that, one line
_MAX_SOURCES = 24


def checksum(data):
    """The checksum of bytes of a ring."""
    return binascii.crc32(data) & 0xFFFFFFFF


def part(buffer, at, count):
    """`count` bytes of the ring in `buffer`, from byte `at` of its records on."""
    at = log_format.HEAD_BYTES + at % (len(buffer) - log_format.HEAD_BYTES)
    first = bytes(buffer[at : at + count])
    return first + bytes(buffer[log_format.HEAD_BYTES : log_format.HEAD_BYTES + count - len(first)])


class Ring:
    """The last lines, in `buffer`. `save(buffer)` is called after each change, if it is given.

    Goes on after the lines that are in the buffer already, with their numbers.
    """

    def __init__(self, buffer, save=None):
        from device.core import log_reader

        self._buffer = buffer
        self._save = save
        self._size = len(buffer) - log_format.HEAD_BYTES
        self._unix_s = self._at_ms = 0
        old = log_reader.old(buffer)
        self._start, self._used, self._first, self.count = old[:4] if old else (0, 0, 1, 0)
        self.last_unix_s, self.was_orderly = old[4:6] if old else (0, False)  # see log_reader.old
        self.exported = min(old[6], self.last()) if old else 0  # number of the last line that is elsewhere
        self.earlier = self.last() if old else 0  # number of the last line of the run before
        self._write_head(log_format.RUNNING)

    def _write_head(self, ending):
        buffer = self._buffer
        head = (
            log_format.MAGIC,
            self._start,
            self._used,
            self._first,
            self._unix_s,
            self._at_ms,
            ending + 2 * self.exported,
            0,
        )
        struct.pack_into(log_format.HEAD, buffer, 0, *head)
        struct.pack_into(
            "<I", buffer, log_format.CHECK_AT, checksum(memoryview(buffer)[: log_format.CHECK_AT])
        )
        if self._save:
            self._save(buffer)

    def add(self, ms, level, source, text):
        """Add a line; the oldest ones make room."""
        source = source[:_MAX_SOURCE].encode()
        if len(text) > _MAX_TEXT:
            text = text[:_BEGIN] + _GAP + text[_BEGIN + len(_GAP) - _MAX_TEXT :]
        while len(text) * 4 > self._size // _PART and len(text.encode()) > self._size // _PART:
            text = text[: len(text) * 3 // 4]
        data = struct.pack("<IBB", ms & 0xFFFFFFFF, LEVELS.index(level), len(source)) + source + text.encode()
        size = len(data) + 4
        if self._used + size > self._size:
            while self._used + size > self._size:
                oldest = struct.unpack("<H", part(self._buffer, self._start, 2))[0]
                if (
                    not log_format.RECORD_BYTES <= oldest <= self._used
                ):  # damaged: nothing after it can be found
                    self._first += self.count
                    self._used = self.count = 0
                    break
                self._start = (self._start + oldest) % self._size
                self._used -= oldest
                self._first += 1
                self.count -= 1
            self._write_head(log_format.RUNNING)  # before the oldest is overwritten
        data = struct.pack("<HH", size, checksum(data) & 0xFFFF) + data
        at = log_format.HEAD_BYTES + (self._start + self._used) % self._size
        fits = min(size, log_format.HEAD_BYTES + self._size - at)
        self._buffer[at : at + fits] = data[:fits]
        if fits < size:
            self._buffer[log_format.HEAD_BYTES : log_format.HEAD_BYTES + size - fits] = data[fits:]
        self._used += size
        self.count += 1
        self._write_head(log_format.RUNNING)

    def lines(self, after=0, most=1000):
        """[(number, level, source, text, ms)] of the lines after number `after`, the oldest first.

        At most `most`: what keeps them across an `await` asks for few. ms begins anew with each start.
        """
        from device.core import log_reader

        return log_reader.lines(self._buffer, after, most)

    def last(self):
        """The number of the newest line."""
        return self._first + self.count - 1

    def stamp(self, unix_s, ms):
        """Remember what time it is, so that the next start knows when this run ended."""
        self._unix_s, self._at_ms = unix_s, ms & 0xFFFFFFFF
        self._write_head(log_format.RUNNING)

    def mark(self, number):
        """Remember, as long as the lines themselves, that those up to `number` are exported."""
        self.exported = number
        self._write_head(log_format.RUNNING)

    def close(self):
        """Say that this run ends by the program's own will."""
        self._write_head(log_format.ORDERLY)


class Quota:
    """How much each source may say: a loop that logs must not take console and ring from the others."""

    def __init__(self):
        self._sources = {}  # source -> [lines left, when that was, lines left out]

    def take(self, source, now_ms):
        """How many lines were left out before this one; -1 when this one is left out too."""
        known = self._sources.get(source)
        if known is None:
            if len(self._sources) >= _MAX_SOURCES:
                self._sources.clear()
            known = self._sources[source] = [_BURST, now_ms, 0]
        more = (now_ms - known[1]) // _EVERY_MS
        if more > 0:
            known[0] = min(_BURST, known[0] + more)
            known[1] += more * _EVERY_MS
        if known[0] <= 0:
            known[2] += 1
            return -1
        known[0] -= 1
        left_out, known[2] = known[2], 0
        return left_out
