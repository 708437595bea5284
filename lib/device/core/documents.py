"""JSON from flash and from the network: one whole document, or none.

MicroPython 1.25 takes a document that ends early for a whole one, any MicroPython builds nests that it
cannot write again, and CPython fails at them in its own way. So brackets are counted first.
"""

import json

_DEEPEST = 16  # levels; no document of ours has more than 5
_QUOTE = 0x22
_BACKSLASH = 0x5C


def loads(raw):
    """The value of the JSON text in `raw` (bytes).

    Raises ValueError for everything that is not one whole document of at most 16 levels in UTF-8.
    """
    _check_nesting(raw)
    if max(raw) < 0x80 and min(raw):
        return json.loads(raw)  # plain ASCII needs no copy
    return json.loads(raw.decode())


def _check_nesting(raw):
    depth = at = 0
    while at < len(raw):
        byte = raw[at]
        if byte == _QUOTE:
            at = _string_end(raw, at + 1)
        elif byte in b"{[":
            depth += 1
            if depth > _DEEPEST:
                raise ValueError("JSON: too deep")
        elif byte in b"}]":
            depth -= 1
        at += 1
    if depth:
        raise ValueError("JSON: ends early")


def _string_end(raw, at):
    """Where the string that begins at `at` has its closing quote."""
    while True:
        end = raw.find(b'"', at)
        if end < 0:
            raise ValueError("JSON: ends early")
        at = end + 1
        before = end
        while raw[before - 1] == _BACKSLASH:
            before -= 1
        if (end - before) % 2 == 0:
            return end
