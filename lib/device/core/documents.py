"""JSON from flash and network: exactly one complete document.

MicroPython 1.25 accepts a truncated document, every MicroPython parses nesting too deep for it to write
back, and CPython raises other exceptions for that. So the brackets are counted first.
"""

import json

from device.core.failures import GIVE_UP, Failure

MAX_OTHER_BYTES = 4096  # of wifi.json and config.json: what is read of them takes several times as much
_DEEPEST = 16  # levels; no document of ours has more than 5
_QUOTE = 0x22
_BACKSLASH = 0x5C


def loads(raw):
    """The value of the JSON text in `raw` (bytes).

    Raises ValueError unless it is exactly one complete UTF-8 document of at most 16 levels.
    """
    _check_nesting(raw)
    if max(raw) < 0x80 and min(raw):
        return json.loads(raw)  # plain ASCII needs no copy
    return json.loads(raw.decode())


def wrong(path, cause, advice=""):
    """The Failure for a file of the board's that a person has to correct."""
    return Failure(GIVE_UP, path + ": " + cause, advice or "correct the file and restart")


def _check_nesting(raw):
    depth = at = 0
    while at < len(raw):
        byte = raw[at]
        if byte == _QUOTE:
            at = string_end(raw, at + 1)
        elif byte in b"{[":
            depth += 1
            if depth > _DEEPEST:
                raise ValueError("JSON: too deep")
        elif byte in b"}]":
            depth -= 1
        at += 1
    if depth:
        raise ValueError("JSON: truncated")


def string_end(raw, at):
    """Return the index of the closing quote of the string that starts at `at`."""
    while True:
        end = raw.find(b'"', at)
        if end < 0:
            raise ValueError("JSON: truncated")
        at = end + 1
        before = end
        while raw[before - 1] == _BACKSLASH:
            before -= 1
        if (end - before) % 2 == 0:
            return end
