"""What can be wrong with the registry's file, each in one sentence."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from muster.errors import MusterError

# What SQLite's message contains -> what to tell. SQLite's codes are known to Python 3.11 and newer only.
_SENTENCES = (
    (
        "readonly",
        "{path} is read-only: change its permissions, or copy its folder and name the copy by --home",
    ),
    (
        "not a database",
        "{path} is not a registry ({error}): restore it from a backup, or move it away to start anew",
    ),
    ("malformed", "{path} is damaged ({error}): restore it from a backup"),
    ("disk is full", "{path} cannot be written ({error}): make room, then repeat"),
)
_OTHERWISE = "{path} cannot be used ({error}): check its permissions, or name another --home"
_LEAST_BYTES = 65536  # SQLite needs at least 32 KB for -shm, and some for -wal
_BUSY = "{path} is locked by another process: wait until that has finished or end it, then repeat"


class RegistryError(MusterError, sqlite3.OperationalError):
    """The registry's file cannot be read or written."""


class BusyError(RegistryError):
    """Another process is writing; nothing was done, and it may work a moment later."""


def of(path: Path, error: sqlite3.DatabaseError) -> Exception:
    """`error` as people can read it; itself when it is a mistake of the program."""
    if type(error) not in (sqlite3.DatabaseError, sqlite3.OperationalError):
        return error
    text = str(error)
    if "is locked" in text:
        return BusyError(_BUSY.format(path=path))
    if "disk I/O" in text and _is_full(path):
        text = "the disk is full"  # SQLite found no room for the file that its processes share (-shm)
    sentence = next((sentence for part, sentence in _SENTENCES if part in text), _OTHERWISE)
    return RegistryError(sentence.format(path=path, error=text))


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _LEAST_BYTES
    except OSError:
        return False


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Errors of SQLite and of the file system in the block are raised as RegistryError."""
    try:
        yield
    except RegistryError:
        raise
    except sqlite3.DatabaseError as error:
        raise of(path, error) from error
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise RegistryError(
            f"the folder {path.parent} cannot be used ({why}): name another --home"
        ) from error
