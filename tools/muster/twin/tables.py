"""The other side of a board's database: a request comes in, and its answer comes out (docs/sync.md).

On AWS a rule, a function and a table of DynamoDB stand here; this has the same messages in SQLite.
"""

import json
import re
from typing import Any, NamedTuple

from device.core import fields, topics
from muster.errors import MusterError
from muster.registry import Registry
from muster.registry.tables import Document
from muster.twin import filters
from muster.twin.log import log

MOST_TABLES = 16  # of a device
MOST_DOCUMENTS = 10_000  # of a table
MAX_DOCUMENT = 1024  # bytes of JSON that a board takes
MAX_REQUEST = 16 * 1024
_MAX_NUMBER = 2**53
_MOST_FOUND = 200  # changes that are looked at for one message
_DEEPEST = 12  # levels of a document: a board reads messages of 16
_log = log()
_TABLE = re.compile(r"[a-z0-9_-]{1,24}")
_KEY = re.compile(r"[ -~]{1,64}")
_BOARD = re.compile(r"[0-9a-zA-Z]{1,32}")


class TableError(Exception):
    """Why a request is refused. `last`: the number of the last message that is known of this board."""

    def __init__(self, code: int, text: str, last: int | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.last = last


class Request(NamedTuple):
    """What a board says and asks; `seen` is None when it wants no changes."""

    table: str
    board: str
    number: int
    seen: int | None
    changes: list[tuple[str, dict[str, Any] | None]]


def request(payload: bytes) -> Request:
    """The request in a payload; raises TableError."""
    if len(payload) > MAX_REQUEST:
        raise TableError(413, f"a request has at most {MAX_REQUEST} bytes")
    try:
        value = json.loads(payload, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise TableError(400, "not JSON") from None
    if not isinstance(value, dict):
        raise TableError(400, "not an object")
    table: Any = value.get(fields.TABLE)
    board: Any = value.get(fields.BOARD)
    changes: Any = value.get(fields.CHANGES)
    _check(isinstance(table, str) and _TABLE.fullmatch(table), fields.TABLE)
    _check(isinstance(board, str) and _BOARD.fullmatch(board), fields.BOARD)
    _check(_is_number(value.get(fields.NUMBER)), fields.NUMBER)
    _check(fields.SEEN not in value or _is_number(value[fields.SEEN]), fields.SEEN)
    _check(isinstance(changes, list), fields.CHANGES)
    for change in changes:
        _check(isinstance(change, list) and len(change) == 2, fields.CHANGES)
        _check(isinstance(change[0], str) and _KEY.fullmatch(change[0]), "a key")
        _check(change[1] is None or isinstance(change[1], dict), "a document")
    pairs = [(key, document) for key, document in changes]
    return Request(table, board, value[fields.NUMBER], value.get(fields.SEEN), pairs)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_NUMBER


def _check(is_good: object, what: str) -> None:
    if not is_good:
        raise TableError(400, f"{what} is wrong or missing")


def serve(registry: Registry, topic: str, asked: Request, now_s: int) -> dict[str, Any]:
    """Carry out a request; the body of the answer. Raises TableError, RegistryError."""
    found = filters.sync_of(topic)
    assert found is not None
    prefix, device = found
    tables = registry.tables
    with registry.transaction():
        last = tables.message(device, asked.board)
        if asked.number <= last:
            raise TableError(409, "this message, or a later one, was here already", last)
        if tables.last(device, asked.table) is None and len(tables.names(device)) >= MOST_TABLES:
            raise TableError(507, f"the device has {MOST_TABLES} tables already")
        refused = [
            key for key, document in asked.changes if not _take(registry, device, asked, key, document, now_s)
        ]
        if tables.count(device, asked.table) > MOST_DOCUMENTS:
            raise TableError(507, f"the table has {MOST_DOCUMENTS} documents already")
        tables.heard(device, asked.board, asked.number, prefix, now_s)
        body = {fields.TABLE: asked.table, fields.NUMBER: asked.number, fields.REFUSED: refused}
        if asked.seen is not None:
            tables.drop_marks(device, asked.table, asked.seen)
            body.update(_page(registry, device, asked))
    return body


def _take(
    registry: Registry, device: str, asked: Request, key: str, document: dict[str, Any] | None, now_s: int
) -> bool:
    """Store one change of the board, if the cloud has not changed the document since; whether it counts."""
    tables = registry.tables
    old = tables.get(device, asked.table, key)
    try:
        text = None if document is None else to_text(document, 2 * MAX_DOCUMENT)  # the board's may be shorter
    except ValueError as error:  # this alone: the others are good
        _log.warning("%s: %s of %s is left out: %s", device, key, asked.table, error)
        return True
    if _conflicts(old, text, asked):
        return False
    if text is None:
        tables.remove(device, asked.table, key)
    elif old is not None and old.text == text:
        tables.own(device, asked.table, key, asked.board)
    else:
        tables.put(device, asked.table, key, text, asked.board, now_s)
    return True


def _conflicts(old: Document | None, text: str | None, asked: Request) -> bool:
    """Whether others have changed it after what the board has seen, and not to the same."""
    if old is None or old.text == text or asked.seen is None:
        return False
    return old.board != asked.board and old.number > asked.seen


def _page(registry: Registry, device: str, asked: Request) -> dict[str, Any]:
    """The next changes of others, as many as a message takes."""
    assert asked.seen is not None
    last = registry.tables.last(device, asked.table) or 0
    found = registry.tables.after(device, asked.table, asked.seen, asked.board, _MOST_FOUND)
    changes: list[tuple[str, Any, int]] = []
    room = fields.SYNC_BYTES
    for one in found:
        room -= len(one.key) + len((one.text or "null").encode()) + len(str(one.number)) + 8
        if changes and room < 0:
            break
        changes.append((one.key, None if one.text is None else json.loads(one.text), one.number))
    is_more = len(changes) < len(found) or len(found) == _MOST_FOUND
    seen = changes[-1][2] if is_more else last
    return {fields.CHANGES: changes, fields.SEEN: seen, fields.MORE: is_more}


def to_text(document: dict[str, Any], most_bytes: int = MAX_DOCUMENT) -> str:
    """A document as it is kept: two that mean the same are the same text. Raises ValueError."""
    if _depth(document) > _DEEPEST:
        raise ValueError(f"it has more than {_DEEPEST} levels")
    text = json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False, allow_nan=False)
    size = len(text.encode())
    if size > most_bytes:
        raise ValueError(f"it has {size} bytes; the limit is {most_bytes}")
    return text


def _depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


def change(
    registry: Registry, device: str, table: str, key: str, document: dict[str, Any] | None, now_s: int
) -> int | None:
    """Change a document as a person in the cloud does, None deletes it; the number of the change.

    A running twin tells the board at once. None when there is nothing to delete. Raises MusterError.
    """
    if not _TABLE.fullmatch(table):
        raise MusterError(f"a table cannot be called {table!r}: use 1 to 24 of a-z, 0-9, _ and -")
    if not _KEY.fullmatch(key):
        raise MusterError(f"a document cannot have the key {key!r}: use 1 to 64 printable ASCII characters")
    try:
        text = None if document is None else to_text(document)
    except ValueError as error:
        raise MusterError(f"the document cannot be stored: {error}") from error
    tables = registry.tables
    with registry.transaction():
        old = tables.get(device, table, key)
        if text is None and (old is None or old.text is None):
            return None
        if old is None and tables.count(device, table) >= MOST_DOCUMENTS:
            raise MusterError(f"the table has {MOST_DOCUMENTS} documents already: delete some")
        number = tables.put(device, table, key, text, None, now_s)
        for prefix in tables.prefixes(device):
            registry.outbox.put(topics.sync_changed(prefix, device, table), b"{}")
    return number
