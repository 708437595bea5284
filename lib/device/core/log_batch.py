"""Batches of log lines for CloudWatch Logs: when a line was said, how many fit, in which order.

Loaded for one export, then unloaded. Source: CloudWatch Logs API Reference, PutLogEvents. A batch is far
below its limits (10,000 events, 1 MB), because it has to fit into a board's memory.
"""

import json

from device.core import fields

_MAX_BYTES = 1400  # of messages
_EVENT_BYTES = 26  # that each event counts beside its message
_MAX_TEXT = 1000  # characters of one message
_DAY_MS = 86400000
_OLDEST_MS = 14 * _DAY_MS - 3600000  # older ones are refused; an hour for the way, and for clocks
_PAGE = 4  # lines that are read at once
_JITTER_MS = 1500  # the clock counts whole seconds
_TIMESTAMP = fields.TIMESTAMP.encode()
_MESSAGE = fields.MESSAGE.encode()
_WRAP = 0xFFFFFFFF  # the ring counts milliseconds with 32 bits


def started(now_ms, unix_s, before):
    """The Unix milliseconds of this run's start, from the clock of now; `before`: what it was, or None.

    So lines that were said before the clock was known get the right time. It changes only with the clock,
    not from second to second: lines of two batches keep their order.
    """
    start = unix_s * 1000 - (now_ms & _WRAP)
    return start if before is None or abs(start - before) > _JITTER_MS else before


def starts(log, start):
    """[(number of a run's last line, Unix ms of its start)] of the runs in a ring, the oldest first.

    `start`: that of this run, whose number is None. A run before ended, at the latest, when the next began.
    """
    ends = []
    number, last_ms, at_ms = 0, 0, 0
    lines = log.lines(0, _PAGE)
    while lines:
        for line in lines:
            at_ms = line[4]
            if number and (number == log.earlier or at_ms < last_ms):
                ends.append((number, last_ms))
            number, last_ms = line[0], at_ms
        lines = log.lines(number, _PAGE)
    if number and number == log.earlier:  # nothing was said since the start
        ends.append((number, last_ms))
    found = [(None, start)]
    for number, last_ms in reversed(ends):
        if number == log.earlier and log.last_unix_s:
            start = min(start, log.last_unix_s * 1000)
        start -= last_ms
        found.insert(0, (number, start))
    return found


def when(found, number, ms):
    """The Unix milliseconds of a line, with what `starts` has found."""
    for last, start in found:
        if last is None or number <= last:
            return start + ms
    return found[-1][1] + ms


class Batch:
    """The lines of one request, in the order of time; its payload begins with `begin`, bytes."""

    def __init__(self, now_ms, most, begin=b"["):
        self._now_ms = now_ms
        self._most = most
        self._payload = bytearray(begin)
        self._count = self._bytes = self._left_out = 0
        self._first_ms = self._last_ms = 0

    def add(self, at_ms, message):
        """Take a line; return False when it has to wait for the next batch."""
        at_ms = min(at_ms, self._now_ms)
        if at_ms < self._now_ms - _OLDEST_MS:
            self._left_out += 1
            return True
        if len(message) > _MAX_TEXT:
            message = message[:_MAX_TEXT]
        size = len(message.encode()) + _EVENT_BYTES
        if self._count:
            is_full = self._count >= self._most or self._bytes + size > _MAX_BYTES
            if is_full or at_ms < self._last_ms or at_ms - self._first_ms > _DAY_MS - 1000:
                return False
            self._payload.extend(b",")
        else:
            self._first_ms = at_ms
        self._payload.extend(b'{"%s":%d,"%s":' % (_TIMESTAMP, at_ms, _MESSAGE))
        self._payload.extend(json.dumps(message).encode())
        self._payload.extend(b"}")
        self._last_ms = at_ms
        self._count += 1
        self._bytes += size
        return True

    def closed(self, end, place):
        """(payload, events, lines that were too old for CloudWatch, `place`); `end`: of the payload."""
        self._payload.extend(end)
        return self._payload, self._count, self._left_out, place
