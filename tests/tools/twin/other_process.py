"""Another process that uses a registry: it holds the write lock until it is told to let it go."""

import subprocess
import sys
from pathlib import Path

from muster.registry import FILE_NAME

_HOLD = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
    " c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()"
)


class OtherProcess:
    """Holds the write lock of the registry of `home` from its making to `let_go`, or to the block's end."""

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(home / FILE_NAME)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"held\n"

    def __enter__(self) -> "OtherProcess":
        return self

    def let_go(self) -> None:
        """End; safe to call twice."""
        if self._process.returncode is None:
            self._process.communicate()

    def __exit__(self, *_: object) -> None:
        self.let_go()
