"""A registry that this user cannot write: read as it is now, into memory.

SQLite needs to write beside a file in WAL mode even to read it, so a backup or a read-only home cannot be
opened in the ordinary way.
"""

import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path
from urllib.parse import quote


def of(path: Path) -> sqlite3.Connection:
    """A copy of the database in memory. Raises sqlite3.DatabaseError or OSError when it cannot be read."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    wal = path.with_name(path.name + "-wal")
    try:
        _fill(copy, path, "mode=ro")  # while somebody else has it open
    except sqlite3.OperationalError:
        if not wal.exists() or wal.stat().st_size == 0:
            _fill(copy, path, "immutable=1")
        else:  # what a killed process left: its last writes are in the -wal file
            with tempfile.TemporaryDirectory() as folder:
                for file in (path, wal):
                    shutil.copy(file, folder)
                _fill(copy, Path(folder) / path.name, "mode=rw")
    return copy


def _fill(copy: sqlite3.Connection, path: Path, how: str) -> None:
    uri = f"file:{quote(str(path.absolute()))}?{how}"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as source:
        source.backup(copy)
