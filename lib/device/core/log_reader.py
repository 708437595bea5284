"""Reads a ring that core.log has written: after a reset, and for whoever shows lines. Loaded when needed."""

import struct

from device.core import log_format
from device.core.log import LEVELS, checksum, part


def found(buffer, at=0):
    """Whether a ring of the length of its buffer begins at `at`: its head is whole."""
    head = memoryview(buffer)[at : at + log_format.HEAD_BYTES]
    if len(head) < log_format.HEAD_BYTES or bytes(head[:4]) != log_format.MAGIC:
        return False
    return struct.unpack_from("<I", head, log_format.CHECK_AT)[0] == checksum(head[: log_format.CHECK_AT])


def number(buffer, at=0):
    """The number of the first line of the ring at `at`."""
    return struct.unpack_from("<I", buffer, at + 8)[0]


def old(buffer):
    """What a ring has from the run before: a tuple, or None when there is no whole one.

    (first byte, bytes used, first number, lines, Unix s of the last line or 0, whether that run ended by
    its own will, number of the last line that was exported). Bytes and lines end before the first damaged
    record.
    """
    if not found(buffer):
        return None
    _, start, used, first, unix_s, at_ms, ending, _ = struct.unpack_from(log_format.HEAD, buffer, 0)
    size = len(buffer) - log_format.HEAD_BYTES
    if start >= size or used > size:
        return None
    at = count = last_ms = 0
    while at < used:
        record = _record(buffer, start + at)
        if record is None:
            break
        at += record[0]
        count += 1
        last_ms = record[1]
    if unix_s:
        unix_s += max(0, last_ms - at_ms) // 1000
    return start, at, first, count, unix_s, ending & 1 == log_format.ORDERLY, ending >> 1


def lines(buffer, after, most):
    """[(number, level, source, text, ms)]; see core.log.Ring.lines."""
    _, start, used, number, _, _, _, _ = struct.unpack_from(log_format.HEAD, buffer, 0)
    told = []
    at = 0
    while at < used and len(told) < most:
        record = _record(buffer, start + at)
        if record is None:
            break
        if number > after:
            told.append((number, record[2], record[3], record[4], record[1]))
        at += record[0]
        number += 1
    return told


def _record(buffer, at):
    """(bytes of it, ms, level, source, text) of the record at `at`, or None when it is damaged."""
    head = part(buffer, at, log_format.RECORD_BYTES)
    size, check, ms, level, length = struct.unpack(log_format.RECORD, head)
    most = len(buffer) - log_format.HEAD_BYTES
    if not log_format.RECORD_BYTES + length <= size <= most or level >= len(LEVELS):
        return None
    data = part(buffer, at + 4, size - 4)
    if checksum(data) & 0xFFFF != check:
        return None
    data = data[log_format.RECORD_BYTES - 4 :]
    try:
        return size, ms, LEVELS[level], data[:length].decode(), data[length:].decode()
    except UnicodeError:
        return None
