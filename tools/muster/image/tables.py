"""The tables of a board's database in its flash image, read by the board's own code."""

from collections.abc import Iterator
from typing import Any

from littlefs import LittleFS, LittleFSError

from device.core import paths, records
from device.core.failures import Failure
from device.core.table import Table
from muster.errors import MusterError

_NO_ENTRY = -2  # LittleFS: there is no such file or folder


class _Flash:
    """What of the store port (device/core/ports.py) reading a table takes."""

    def __init__(self, file_system: LittleFS) -> None:
        self._file_system = file_system

    def read_at(self, path: str, offset: int, size: int) -> bytes:
        try:
            with self._file_system.open(path, "rb") as file:
                file.seek(offset)
                data: bytes = file.read(size)
                return data
        except FileNotFoundError:
            return b""


def read(file_system: LittleFS) -> dict[str, Table]:
    """{name: table} of the database in an image. Raises MusterError when it cannot be read."""
    files: dict[str, list[str]] = {}
    try:
        for folder, _, names in file_system.walk(paths.TABLES):
            for name in names if folder == paths.TABLES else ():
                table, _, end = name.rpartition(".")
                if records.is_table(table):
                    files.setdefault(table, []).append(end)
        return {name: _opened(_Flash(file_system), name, files[name]) for name in sorted(files)}
    except (LittleFSError, OSError) as error:
        if getattr(error, "code", None) == _NO_ENTRY:
            return {}
        raise MusterError(
            f"the file system in the image is damaged: {paths.TABLES} cannot be read."
        ) from None


def _opened(flash: _Flash, name: str, ends: list[str]) -> Table:
    table = Table(flash, name, None, None)
    for _ in table.load(ends):
        pass
    return table


def documents(table: Table) -> Iterator[tuple[str, dict[str, Any]]]:
    """(key, document) of a table, the oldest first. Raises MusterError."""
    try:
        yield from table.find()
    except (Failure, LittleFSError, OSError) as error:
        raise MusterError(f"the table {table.name} cannot be read: {error}.") from None
