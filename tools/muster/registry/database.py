"""The registry's file: SQLite in WAL mode, one connection per thread and process, schema versioned."""

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from muster.errors import MusterError
from muster.registry.schema import STEPS

BUSY_TIMEOUT_MS = 10_000


def _make_private(path: Path) -> None:
    """Make an empty file that only its owner reads; SQLite gives -wal and -shm the same mode.

    It is made under another name: closing any handle of a file takes away the locks that this process holds
    on it, those of SQLite too, and then another process deletes the -wal file that is in use.
    Source: "How To Corrupt An SQLite Database File", section 2.2.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    os.close(handle)
    try:
        with contextlib.suppress(FileExistsError):  # another process was faster
            os.link(name, path)
    finally:
        os.unlink(name)


class Database:
    """One connection to the registry file. Not shared between threads: open another one instead."""

    def __init__(self, path: Path) -> None:
        """Open `path`, making it (mode 0600) and bringing its schema up to date.

        Raises MusterError when the file is no registry, or is one of a newer Muster.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make_private(path)
        self._connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None)
        self._depth = 0
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            raise MusterError(
                f"{path} is not a registry ({error}): move it away or name another --home"
            ) from error

    def _prepare(self) -> None:
        self._connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        if self._version() == len(STEPS):
            return
        with self.transaction():
            version = self._version()  # another process may have been faster
            if version > len(STEPS):
                raise MusterError(f"{self.path} was made by a newer Muster: update Muster to use it")
            for number in range(version, len(STEPS)):
                for statement in STEPS[number].split(";"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {number + 1}")

    def _version(self) -> int:
        return self._connection.execute("PRAGMA user_version").fetchone()[0]

    def generation(self) -> tuple[int, int]:
        """A value that differs as soon as anybody (this connection or another process) has written."""
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version, self._connection.total_changes

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes of the block, or none; nested blocks join the outer one."""
        if self._depth == 0:
            self._connection.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("ROLLBACK")
            raise
        self._depth -= 1
        if self._depth == 0:
            self._connection.execute("COMMIT")

    def rows(self, sql: str, *values: object) -> list[tuple]:
        """Every row of a query."""
        return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: object) -> tuple | None:
        """The first row of a query, or None."""
        return self._connection.execute(sql, values).fetchone()

    def write(self, sql: str, *values: object) -> int:
        """Run one writing statement; how many rows it touched."""
        return self._connection.execute(sql, values).rowcount

    def define(self, name: str, function: Callable[[str], None]) -> None:
        """Let SQL of this connection call `function` with one value."""
        self._connection.create_function(name, 1, function)

    def close(self) -> None:
        """Close this connection; safe to call twice."""
        self._connection.close()
