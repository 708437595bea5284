"""Finds values in JSON text (bytes) without parsing the rest of it, which may be large."""

from device.core import documents

_SPACES = b" \t\r\n"
_AFTER_VALUE = b",]} \t\r\n"
_QUOTE = 0x22


def member(raw, at, name):
    """(start, end) of the value of `name` in the object that begins at `at`; None when it has none.

    Raises ValueError when there is no object, or it ends too early.
    """
    wanted = b'"' + name.encode() + b'"'
    if raw[at : at + 1] != b"{":
        raise ValueError("JSON: no object")
    at = skipped(raw, at + 1)
    while raw[at : at + 1] == b'"':
        key_end = documents.string_end(raw, at + 1) + 1
        colon = skipped(raw, key_end)
        if raw[colon : colon + 1] != b":":
            raise ValueError("JSON: no colon")
        start = skipped(raw, colon + 1)
        end = _value_end(raw, start)
        if raw[at:key_end] == wanted:
            return start, end
        at = skipped(raw, end)
        if raw[at : at + 1] != b",":
            return None
        at = skipped(raw, at + 1)
    return None


def skipped(raw, at):
    """The place of the next byte that is no white space."""
    while at < len(raw) and raw[at] in _SPACES:
        at += 1
    return at


def _value_end(raw, at):
    """Where the value that starts at `at` ends."""
    depth = 0
    start = at
    while at < len(raw):
        byte = raw[at]
        if byte == _QUOTE:
            at = documents.string_end(raw, at + 1) + 1
            if not depth:
                return at
            continue
        if byte in b"{[":
            depth += 1
        elif byte in b"}]" and depth:
            depth -= 1
            if not depth:
                return at + 1
        elif not depth and byte in _AFTER_VALUE:
            return at
        at += 1
    if depth or at == start:
        raise ValueError("JSON: truncated")
    return at
