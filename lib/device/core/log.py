"""The log: levels, how much a source may say, and a ring of the last lines.

The ring is one buffer without pointers into the heap, so that it can lie in memory that outlives a reset:
a head, then records, the oldest first. The head is written after the record that it counts, and both have
checksums: a reset in between costs one line, and memory that lost its power is noticed.
"""

import binascii
import struct

DEBUG = "debug"
INFO = "info"
WARN = "warn"
ERROR = "error"
LEVELS = (DEBUG, INFO, WARN, ERROR)

MAGIC = b"mLg1"  # another number for another format
_HEAD = "<4sHHIIIHHI"  # magic, first byte, bytes used, first number, Unix s, at ms, ending, 0, checksum
_CHECK_AT = 24
HEAD_BYTES = 28
_RECORD = "<HHIBB"  # bytes of all, checksum, ms, level, bytes of the source; then source and text
_RECORD_BYTES = 10
_MAX_SOURCE = 16
_MAX_TEXT = 320  # characters; of a longer text, its begin and its end
_BEGIN = 96
_GAP = " ... "
_PART = 4  # one record takes at most this part of the ring

_BURST = 60  # lines that a source may say at once
_EVERY_MS = 500  # after that, one line
_MAX_SOURCES = 24

_RUNNING, _ORDERLY = 0, 1  # how a run ends

# Why a board started.
POWER_ON = "power-on"
WATCHDOG = "watchdog"
PROGRAM = "program"  # it restarted itself, and said why before
SOFT_RESET = "soft reset"
RESET = "reset"  # by machine.reset() without a word: a tool on the console, or a crash of the firmware


def _check(data):
    return binascii.crc32(data) & 0xFFFFFFFF


def found(buffer, at=0):
    """Whether a ring of the length of its buffer begins at `at`: its head is whole."""
    head = memoryview(buffer)[at : at + HEAD_BYTES]
    if len(head) < HEAD_BYTES or bytes(head[:4]) != MAGIC:
        return False
    return struct.unpack_from("<I", head, _CHECK_AT)[0] == _check(head[:_CHECK_AT])


def number(buffer, at=0):
    """The number of the first line of the ring at `at`."""
    return struct.unpack_from("<I", buffer, at + 8)[0]


class Ring:
    """The last lines, in `buffer`. `save(buffer)` is called after each change, if it is given.

    Goes on after the lines that are in the buffer already, with their numbers.
    """

    def __init__(self, buffer, save=None):
        self._buffer = buffer
        self._save = save
        self._size = len(buffer) - HEAD_BYTES
        self._start = self._used = self._unix_s = self._at_ms = 0
        self._first = 1
        self.count = 0
        self.earlier = 0  # number of the last line of the run before, 0 if none is known
        self.last_unix_s = 0  # when that line was said, 0 if unknown
        self.was_orderly = False  # whether that run ended by `close`
        if found(buffer):
            self._recover()
        self._write_head(_RUNNING)

    def _recover(self):
        _, start, used, first, unix_s, at_ms, ending, _, _ = struct.unpack_from(_HEAD, self._buffer, 0)
        if start >= self._size or used > self._size:
            return
        self._start, self._first = start, first
        last_ms = 0
        while self._used < used:
            record = self._record(self._used)
            if record is None:
                break
            self._used += record[0]
            self.count += 1
            last_ms = record[1]
        self.earlier = self._first + self.count - 1
        self.was_orderly = ending == _ORDERLY
        if unix_s:
            self.last_unix_s = unix_s + max(0, last_ms - at_ms) // 1000

    def _bytes(self, at, count):
        """`count` bytes of the ring, from `at` on."""
        at = HEAD_BYTES + (self._start + at) % self._size
        first = bytes(self._buffer[at : at + count])
        return first + bytes(self._buffer[HEAD_BYTES : HEAD_BYTES + count - len(first)])

    def _record(self, at):
        """(bytes of it, ms, level, source, text) of the record at `at`, or None when it is damaged."""
        size, check, ms, level, length = struct.unpack(_RECORD, self._bytes(at, _RECORD_BYTES))
        if not _RECORD_BYTES + length <= size <= self._size or level >= len(LEVELS):
            return None
        data = self._bytes(at + 4, size - 4)
        if _check(data) & 0xFFFF != check:
            return None
        data = data[_RECORD_BYTES - 4 :]
        try:
            return size, ms, LEVELS[level], data[:length].decode(), data[length:].decode()
        except UnicodeError:
            return None

    def _write_head(self, ending):
        buffer = self._buffer
        head = (MAGIC, self._start, self._used, self._first, self._unix_s, self._at_ms, ending, 0, 0)
        struct.pack_into(_HEAD, buffer, 0, *head)
        struct.pack_into("<I", buffer, _CHECK_AT, _check(memoryview(buffer)[:_CHECK_AT]))
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
                oldest = struct.unpack("<H", self._bytes(0, 2))[0]
                if not _RECORD_BYTES <= oldest <= self._used:  # damaged: nothing after it can be found
                    self._first += self.count
                    self._used = self.count = 0
                    break
                self._start = (self._start + oldest) % self._size
                self._used -= oldest
                self._first += 1
                self.count -= 1
            self._write_head(_RUNNING)  # before the oldest is overwritten
        data = struct.pack("<HH", size, _check(data) & 0xFFFF) + data
        at = HEAD_BYTES + (self._start + self._used) % self._size
        fits = min(size, HEAD_BYTES + self._size - at)
        self._buffer[at : at + fits] = data[:fits]
        if fits < size:
            self._buffer[HEAD_BYTES : HEAD_BYTES + size - fits] = data[fits:]
        self._used += size
        self.count += 1
        self._write_head(_RUNNING)

    def lines(self, after=0, most=1000):
        """[(number, level, source, text, ms)] of the lines after number `after`, the oldest first.

        At most `most`: what keeps them across an `await` asks for few. ms begins anew with each start.
        """
        told = []
        at, number = 0, self._first
        while at < self._used and len(told) < most:
            record = self._record(at)
            if record is None:
                break
            if number > after:
                told.append((number, record[2], record[3], record[4], record[1]))
            at += record[0]
            number += 1
        return told

    def last(self):
        """The number of the newest line."""
        return self._first + self.count - 1

    def stamp(self, unix_s, ms):
        """Remember what time it is, so that the next start knows when this run ended."""
        self._unix_s, self._at_ms = unix_s, ms & 0xFFFFFFFF
        self._write_head(_RUNNING)

    def close(self):
        """Say that this run ends by the program's own will."""
        self._write_head(_ORDERLY)


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
