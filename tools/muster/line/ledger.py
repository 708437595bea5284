"""The ledger of a line: a row for each board that was done, as JSON lines and as CSV.

The JSON lines are what counts: a row is on the disk before the next board begins, and a row that a power cut
has left in half is cut off at the next start. The CSV is written anew from them, for spreadsheets.
"""

import contextlib
import csv
import datetime
import io
import json
import os
import threading
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from muster import files
from muster.errors import MusterError
from muster.flashing.work import Outcome
from muster.registry.flashes import Flash

PASSED = "passed"
FAILED = "failed"

JSON_NAME = "ledger.jsonl"
CSV_NAME = "ledger.csv"


class Row(NamedTuple):
    """One board that was done. `image`: SHA-256 in hex; `seconds`: from being plugged in to its result.

    `device` and `board_id` are "" where the board failed before they were known.
    """

    time: str
    device: str
    board_id: str
    kind: str
    image: str
    firmware: str
    muster: str
    result: str
    error: str
    seconds: float
    station: int


class Ledger:
    """The ledger in the folder `folder`; several threads may add to it."""

    def __init__(self, folder: Path) -> None:
        """Open it, and mend what a power cut has left. Raises MusterError when it cannot be written."""
        self._json, self.csv_path = folder / JSON_NAME, folder / CSV_NAME
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self.rows = self._mended()
        except OSError as error:
            raise MusterError(f"the ledger {self._json} cannot be written: {error.strerror}.") from None
        self._write_csv()

    def add(self, row: Row) -> None:
        """Add a row; it is on the disk when this returns."""
        text = json.dumps(row._asdict(), ensure_ascii=False) + "\n"
        with self._lock:
            before = self._json.stat().st_size
            try:
                with self._json.open("ab") as file:
                    file.write(text.encode())
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:  # a full disk: half a row must not stay before the next one
                with contextlib.suppress(OSError):
                    os.truncate(self._json, before)
                raise MusterError(f"the ledger {self._json} cannot be written: {error.strerror}.") from None
            self.rows.append(row)
            self._write_csv()

    def _mended(self) -> list[Row]:
        if not self._json.exists():
            files.write(self._json, b"", mode=files.PRIVATE)
        raw = self._json.read_bytes()
        whole = raw[: raw.rfind(b"\n") + 1]
        if whole != raw:
            with self._json.open("r+b") as file:
                file.truncate(len(whole))
        rows = []
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                rows.append(Row(**json.loads(line)))
            except (ValueError, TypeError):
                raise MusterError(
                    f"{self._json}, line {number}, is no row of a ledger: restore the file from a backup, or "
                    "move it away to begin a new one."
                ) from None
        return rows

    def _write_csv(self) -> None:
        text = io.StringIO()
        writer: Any = csv.writer(text, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows([_harmless(value) for value in row] for row in self.rows)
        # A spreadsheet may hold it: it is made anew with the next row.
        with contextlib.suppress(OSError, MusterError):
            files.write(self.csv_path, text.getvalue().encode(), mode=files.PRIVATE)


def row_of(
    done: Outcome | Flash,
    kind: str,
    result: str,
    at_s: float,
    *,
    error: str = "",
    seconds: float = 0.0,
    station: int = 0,
) -> Row:
    """The row of a board that was done at `at_s` (Unix seconds); `done`: what became or is known of it.

    `seconds`, `station`: 0 where nobody knows any more.
    """
    return Row(
        time=datetime.datetime.fromtimestamp(at_s, datetime.timezone.utc).isoformat(timespec="seconds"),
        device=done.device or "",
        board_id=done.board_id or "",
        kind=kind,
        image=done.image,
        firmware=done.firmware or "",
        muster=metadata.version("muster"),
        result=result,
        error=error,
        seconds=seconds,
        station=station,
    )


def _harmless(value: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@" and value else value
