"""Places of a Python source that are given other text, on the lines where they are.

Nothing moves to another line: a traceback of the compiled module names the line of the source.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Edit(NamedTuple):
    """Text to put into a place of the source: 1-based line, byte columns."""

    line: int
    start: int
    end: int
    text: str


def edited(source: str, edits: Iterable[Edit]) -> str:
    """`source` with all `edits`, which do not overlap."""
    lines = [line.encode() for line in source.splitlines(keepends=True)]  # columns count bytes
    for edit in sorted(edits, reverse=True):
        line = lines[edit.line - 1]
        lines[edit.line - 1] = line[: edit.start] + edit.text.encode() + line[edit.end :]
    return b"".join(lines).decode()
