"""How the documents of a table lie on the flash: one record after the other, each readable on its own.

    newline, CRC-32 of what follows (8 hex digits), kind, key [, tab, document as JSON]

A record begins with the newline, so that one which lacks its end spoils nothing that is appended after it.
"""

import binascii
import json

from device.core import documents
from device.core.failures import GIVE_UP, Failure

MAX_KEY = 64
MAX_DOCUMENT = 1024  # bytes of JSON
MAX_TABLE = 24
MAX_RECORD = 10 + MAX_KEY + 1 + MAX_DOCUMENT
PUT = "="
DELETE = "-"
# The same for a key whose hash another key of the table has: the index knows it by the key itself.
ODD_PUT = "#"
ODD_DELETE = "~"
# The same four for what the cloud must not be told (core.unsent): it comes from there, or is the board's own.
SILENT = {PUT: ":", DELETE: ".", ODD_PUT: ";", ODD_DELETE: ","}
PUTS = "=#:;"
DELETES = "-~.,"
ODD = "#~;,"

_NEWLINE = b"\n"
_PIECE = 1024
_TABLE_SYMBOLS = "abcdefghijklmnopqrstuvwxyz0123456789_-"


def is_table(name):
    """Whether `name` can be the name of a table."""
    if not isinstance(name, str) or not 0 < len(name) <= MAX_TABLE:
        return False
    return all(symbol in _TABLE_SYMBOLS for symbol in name)


def check_table(name):
    """Raise Failure unless `name` can be the name of a table."""
    if not is_table(name):
        raise Failure(
            GIVE_UP,
            "a table cannot be called %r" % (name,),
            "use 1 to %d of a-z, 0-9, _ and -" % MAX_TABLE,
        )


def is_key(key):
    """Whether `key` can be the key of a document."""
    return isinstance(key, str) and 0 < len(key) <= MAX_KEY and all(" " <= symbol <= "~" for symbol in key)


def check_key(key):
    """Raise Failure unless `key` can be the key of a document."""
    if not is_key(key):
        raise Failure(
            GIVE_UP,
            "a document cannot have the key %r" % (key,),
            "use 1 to %d printable ASCII characters" % MAX_KEY,
        )


def text(document):
    """`document` as JSON in bytes. Raises Failure unless it is an object that can be read back."""
    raw = b""
    if isinstance(document, dict):
        try:
            raw = json.dumps(document, separators=(",", ":")).encode()
            if not isinstance(documents.loads(raw), dict):
                raw = b""
        except (ValueError, TypeError, RuntimeError):  # MicroPython writes what it cannot read, such as nan
            raw = b""
    if not raw:
        raise Failure(GIVE_UP, "a document must be a JSON object", "use a dict of strings, numbers and lists")
    if len(raw) > MAX_DOCUMENT:
        raise Failure(GIVE_UP, "a document has %d bytes; the limit is %d" % (len(raw), MAX_DOCUMENT))
    return raw


def key_hash(key):
    """The small number by which the index knows `key`."""
    return binascii.crc32(key.encode()) & 0x3FFFFFFF


def make(kind, key, raw=None):
    """The bytes of a record."""
    body = (kind + key).encode()
    if raw is not None:
        body += b"\t" + raw
    return ("\n%08x" % binascii.crc32(body)).encode() + body


def parse(line):
    """(kind, key, document's bytes or None) of a record; None when it is damaged."""
    body = line[9:]
    if ("\n%08x" % binascii.crc32(body)).encode() != line[:9]:
        return None
    end = body.find(b"\t")
    raw = None
    if end >= 0:
        raw = body[end + 1 :]
        body = body[:end]
    try:
        body = body.decode()
    except ValueError:
        return None
    kind, key = body[:1], body[1:]
    if not is_key(key) or kind not in (DELETES if raw is None else PUTS):
        return None
    return kind, key, raw


def document(raw):
    """The document in the bytes `raw` of a record; None when they are not one."""
    try:
        # Its nesting was checked when it was stored; MicroPython 1.25 would read one without its end.
        value = json.loads(raw.decode()) if raw.endswith(b"}") else None
    except (ValueError, RuntimeError):
        return None
    return value if isinstance(value, dict) else None


def lines(read):
    """Yield (offset, bytes) of each record, damaged ones too.

    `read(offset, size)` gives at most `size` bytes of the file.
    """
    held = b""
    offset = 0
    while True:
        end = held.find(_NEWLINE, 1)
        if end < 0:
            piece = read(offset + len(held), _PIECE)
            if piece:
                if len(held) > MAX_RECORD:  # damage has removed a newline: what follows is read all the same
                    offset += len(held) - 1
                    held = held[-1:]
                held += piece
                continue
            end = len(held)
        if not end:
            return
        yield offset, held[:end]
        offset += end
        held = held[end:]
