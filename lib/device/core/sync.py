"""Synchronises tables with the cloud: what a request says, and what its answer does (docs/sync.md).

What a board knows about it is a dict, which outlives this module: BOARD, the random id under which the cloud
knows it; ORIGIN, of which cloud the numbers are; NUMBER, of the last message that may be sent without writing
the flash; and TABLES, {table: [position up to which the cloud has it, number of the cloud's last change]}.
"""

import binascii
import json

from device.core import documents, fields, records
from device.core.failures import Failure

NUMBERS_AT_ONCE = 64  # numbers of messages are used up 64 at a time, so that few are written
_LIMIT = 0x3FFFFFFF
_PUT_BYTES = 3000  # of documents that are stored at once
_ID_BYTES = 6


def origin(endpoint, thing):
    """The number of the cloud that numbers come from."""
    return binascii.crc32((endpoint + " " + thing).encode()) & _LIMIT


def known(raw, cloud, random_bytes):
    """What sync.json says, or a new beginning when there is none, or when it is about another cloud."""
    found = _read(raw)
    if found is None or found[fields.ORIGIN] != cloud:
        board = "".join("%02x" % byte for byte in random_bytes(_ID_BYTES))
        found = {fields.BOARD: board, fields.ORIGIN: cloud, fields.NUMBER: 0, fields.TABLES: {}}
    return found


def sent(directions, raw):
    """{table: position up to which the cloud has it} of the tables that are sent; `raw`: sync.json."""
    tables = _read(raw) or {fields.TABLES: {}}
    found = {}
    for name in directions:
        if directions[name] != fields.DOWN:
            found[name] = tables[fields.TABLES].get(name, (0, 0))[0]
    return found


def _read(raw):
    """The dict in the bytes of sync.json; None when they are not one."""
    try:
        found = documents.loads(raw) if raw else None
        if not found or not isinstance(found[fields.BOARD], str):
            return None
        numbers = [found[fields.ORIGIN], found[fields.NUMBER]]
        for name in found[fields.TABLES]:
            position, seen = found[fields.TABLES][name]
            if not isinstance(position, int) or position < 0:  # a gigabyte of log is more than _LIMIT
                return None
            numbers.append(seen)
        return found if all(_is_number(number) for number in numbers) else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _is_number(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LIMIT


def request(state, name, number, gets, changes):
    """The bytes of message `number` about a table; `gets`: it also asks for changes of the cloud."""
    head = {fields.TABLE: name, fields.BOARD: state[fields.BOARD], fields.NUMBER: number}
    if gets:
        head[fields.SEEN] = state[fields.TABLES][name][1]
    raw = json.dumps(head, separators=(",", ":")).encode()
    return raw[:-1] + b',"' + fields.CHANGES.encode() + b'":[' + b",".join(changes) + b"]}"


class Answer:
    """What the cloud has answered to message `number` about a table. Raises ValueError if that is nonsense.

    `is_ours`: whether it is about that message; else the others mean nothing. `is_cloud_new`: the cloud has
    forgotten what it had. `changes`: (key, document or None, number) of what it has changed.
    """

    def __init__(self, raw, name, number, seen):
        """`seen`: the number of the last change that the board has; None: it did not ask for any."""
        value = _object(raw)
        self.is_ours = value.get(fields.TABLE) == name and value.get(fields.NUMBER) == number
        self.changes, self.seen, self.is_more, self.is_cloud_new = [], seen, False, False
        self.refused = 0
        if not self.is_ours:
            return
        refused = value.get(fields.REFUSED, [])
        if not isinstance(refused, list):
            raise ValueError("%s is no list" % fields.REFUSED)
        self.refused = len(refused)
        if seen is not None:
            self._read_changes(value, seen)

    def _read_changes(self, value, seen):
        self.seen = value.get(fields.SEEN)
        changes = value.get(fields.CHANGES)
        self.is_more = value.get(fields.MORE) is True
        if not _is_number(self.seen) or not isinstance(changes, list):
            raise ValueError("it lacks %s or %s" % (fields.SEEN, fields.CHANGES))
        self.is_cloud_new = self.seen < seen
        last = 0 if self.is_cloud_new else seen
        for change in changes:
            if not isinstance(change, list) or len(change) != 3:
                raise ValueError("a change is no list of 3")
            key, document, number = change
            if not records.is_key(key) or not (document is None or isinstance(document, dict)):
                raise ValueError("a change is not of a document")
            if not _is_number(number) or not last < number <= self.seen:
                raise ValueError("the numbers are not in order")
            last = number
        if self.is_more and last == seen:
            raise ValueError("there is more, but nothing came")
        self.changes = changes


def refusal(raw, name, number):
    """(code, text, number of the last message that the cloud knows or None); None when it is of another."""
    value = _object(raw)
    if value.get(fields.TABLE) != name or value.get(fields.NUMBER) != number:
        return None
    code, text, last = value.get(fields.CODE), value.get(fields.MESSAGE), value.get(fields.SEEN)
    is_last = _is_number(last) and number <= last < _LIMIT - NUMBERS_AT_ONCE
    return (
        code if _is_number(code) else 0,
        text[:100] if isinstance(text, str) else "",
        last if is_last else None,
    )


def _object(raw):
    if raw is None or len(raw) > fields.SYNC_ANSWER_BYTES:
        raise ValueError("it has more than %d bytes" % fields.SYNC_ANSWER_BYTES)
    value = documents.loads(raw) if raw else None
    if not isinstance(value, dict):
        raise ValueError("it is no object")
    return value


def apply(table, changes, warn):
    """Store what the cloud has changed; yields the number of the last change that is stored after each write.

    A document that no table can hold is left out, and `warn(text)` is told. Raises Failure when there is no
    room for one.
    """
    waiting, size, last = {}, 0, None
    for key, document, number in changes:
        room = 0 if document is None else _room(table.name, key, document, warn)
        if waiting and (not room or size + room > _PUT_BYTES):
            table.put_all(waiting, True)
            yield last
            waiting, size = {}, 0
        if room:
            waiting[key] = document
            size += room
        elif document is None:
            table.delete(key, True)
        last = number
        if not waiting:
            yield last
    if waiting:
        table.put_all(waiting, True)
        yield last


def _room(name, key, document, warn):
    """The bytes that a document may take; 0 when no table can hold it."""
    try:
        return len(records.text(document)) + records.MAX_KEY
    except Failure as failure:
        warn("%s: %s of the cloud is left out: %s" % (name, key, failure))
        return 0
