"""`python stopped_muster.py SIGNAL KIND NUMBER WORDS...`: `muster WORDS`, which gets SIGNAL on its way.

KIND "write": right before its NUMBER-th write to the registry; "file": right before the NUMBER-th time that
it makes, opens or renames something below `batches`.
"""

import os
import signal
import sys
from typing import Any

from muster.cli import main as cli
from muster.registry.database import Database


class Counter:
    """Sends this process a signal when it is called for the n-th time."""

    def __init__(self, number: str, at: str) -> None:
        self._signal = signal.Signals[number]
        self._left = int(at)

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._signal)


def before_writes(count: Counter) -> None:
    write = Database.write

    def counted(database: Database, sql: str, *values: object) -> int:
        count()
        return write(database, sql, *values)

    Database.write = counted  # type: ignore[method-assign]


def before_files(count: Counter) -> None:
    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("open", "os.mkdir", "os.rename") and f"{os.sep}batches" in str(arguments[0]):
            count()

    sys.addaudithook(hook)


if __name__ == "__main__":
    _, name, kind, at, *words = sys.argv
    {"write": before_writes, "file": before_files}[kind](Counter(name, at))
    cli.main(words)
