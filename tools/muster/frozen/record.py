"""What a firmware says of the program frozen into it: one line of text among its constants.

It stands in device/_build.py, so the firmware's file carries it, whatever the file is called.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

NAME = "FROZEN"  # of the constant

_MARK = "muster-frozen 1"
_RECORD = re.compile(
    _MARK.encode() + rb";([a-z0-9_]{1,30});([a-z]{1,20});([a-z0-9_,]{0,400});([\w.+-]{1,40});([0-9a-f]{16});"
)


class Record(NamedTuple):
    """A frozen program: for which board, of which build profile without which services, and which one.

    `version`: Muster's; `digest`: of its sources, 16 hex digits, without the time at which it was built.
    """

    board: str
    build: str
    without: tuple[str, ...]
    version: str
    digest: str

    def text(self) -> str:
        """The line, as the firmware has it."""
        return ";".join(
            (_MARK, self.board, self.build, ",".join(self.without), self.version, self.digest, "")
        )

    def __str__(self) -> str:
        without = f" without {', '.join(self.without)}" if self.without else ""
        return f"{self.build}{without}, {self.version} {self.digest[:8]}"


def find(parts: Iterable[bytes]) -> Record | None:
    """The record in a firmware's `parts`; None when no program is frozen in."""
    for part in parts:
        if found := _RECORD.search(part):
            board, build, without, version, digest = (word.decode() for word in found.groups())
            return Record(board, build, tuple(filter(None, without.split(","))), version, digest)
    return None
