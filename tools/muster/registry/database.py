"""The registry's file: SQLite in WAL mode, one connection per thread and process, schema versioned."""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from muster import files
from muster.errors import MusterError
from muster.registry import failures, snapshot
from muster.registry.schema import STEPS, statements

BUSY_MS = 10_000  # how long a command waits while another process writes


def _make_private(path: Path) -> None:
    """Create an empty file that only its owner reads; SQLite gives -wal and -shm the same mode.

    Created under another name: closing any handle of a file takes away the locks that this process holds on
    it, those of SQLite too, and then another process deletes the -wal file that is in use.
    Source: "How To Corrupt An SQLite Database File", section 2.2.
    """
    with contextlib.suppress(FileExistsError):  # another process was faster
        files.write(path, b"", mode=files.PRIVATE, replace=False)


class Database:
    """One connection to the registry file. Not shared between threads: open another one instead.

    Every method raises RegistryError when the file cannot be used: BusyError while another process writes
    for longer than `busy_ms`, others when it is read-only or damaged, or when the disk is full.
    """

    def __init__(self, path: Path, busy_ms: int = BUSY_MS) -> None:
        """Open `path`, making it (mode 0600) and bringing its schema up to date.

        A file or folder that this user cannot write is opened for reading (`is_read_only`).
        Raises MusterError when the file is not a registry, or is one of a newer Muster.
        """
        self.path = path
        self._depth = 0
        with failures.translated(path):
            self.is_read_only = path.exists() and not _is_writable(path)
            if self.is_read_only:
                self._connection = snapshot.of(path)
            else:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                if not path.exists():
                    _make_private(path)
                self._connection = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None)
            self._prepare(busy_ms)

    def _prepare(self, busy_ms: int) -> None:
        if not self.is_read_only:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        if self._version() != len(STEPS):
            self._migrate()
        if self.is_read_only:
            self._connection.execute("PRAGMA query_only = ON")
        self._connection.execute(f"PRAGMA busy_timeout = {busy_ms}")

    def _migrate(self) -> None:
        with self.transaction():
            version = self._version()  # another process may have been faster
            if version > len(STEPS):
                raise MusterError(f"{self.path} was written by a newer Muster: update Muster to use it")
            for number in range(version, len(STEPS)):
                for statement in statements(STEPS[number]):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {number + 1}")

    def _version(self) -> int:
        return self._connection.execute("PRAGMA user_version").fetchone()[0]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes of the block, or none; nested blocks join the outer one."""
        if self._depth == 0:
            self._execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
            if self._depth == 1:
                self._execute("COMMIT")
        except BaseException:
            # A COMMIT that failed leaves the transaction open; some errors have ended it already.
            if self._depth == 1 and self._connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            raise
        finally:
            self._depth -= 1

    def _execute(self, sql: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, values)
        except sqlite3.DatabaseError as error:
            raise failures.of(self.path, error) from error

    def rows(self, sql: str, *values: object) -> list[tuple]:
        """Every row of a query."""
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise failures.of(self.path, error) from error

    def row(self, sql: str, *values: object) -> tuple | None:
        """The first row of a query, or None."""
        try:
            return self._connection.execute(sql, values).fetchone()
        except sqlite3.DatabaseError as error:
            raise failures.of(self.path, error) from error

    def write(self, sql: str, *values: object) -> int:
        """Run one writing statement; how many rows it touched."""
        return self._execute(sql, values).rowcount

    def define(self, name: str, function: Callable[[str], None]) -> None:
        """Let SQL of this connection call `function` with one value."""
        self._connection.create_function(name, 1, function)

    def close(self) -> None:
        """Close this connection; safe to call twice."""
        self._connection.close()


def _is_writable(path: Path) -> bool:
    """Whether SQLite can write: it needs the folder too, for its -wal and -shm files."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
