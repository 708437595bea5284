"""Batches: what was asked for at once, so that the same command finds what it began."""

import datetime
from typing import NamedTuple

from muster.registry.database import Database

OPEN = "open"  # not all of it is created yet: the same command continues
DONE = "done"

_BATCH = "name, group_name, source_sha256, size, state, created_s"


class Batch(NamedTuple):
    """A batch. `name` is its folder's too, `size` is how many devices were asked for; Unix seconds."""

    name: str
    group: str
    source_sha256: str
    size: int
    state: str
    created_s: float


class Batches:
    """The table `batches`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, group: str, source_sha256: str, size: int, now_s: float) -> Batch:
        """The batch of this source, open; a new one, with the next number in its name, when there is none."""
        with self._database.transaction():
            old = self.of_source(source_sha256)
            if old is not None:
                self._set_state(old.name, OPEN)
                return old._replace(state=OPEN)
            last = self._database.row("SELECT seq FROM sqlite_sequence WHERE name = 'batches'")
            day = datetime.datetime.fromtimestamp(now_s, datetime.timezone.utc).date()
            name = f"{day}-{last[0] + 1 if last else 1:03d}-{group}"
            batch = Batch(name, group, source_sha256, size, OPEN, now_s)
            self._database.write(f"INSERT INTO batches ({_BATCH}) VALUES (?, ?, ?, ?, ?, ?)", *batch)
        return batch

    def of_source(self, source_sha256: str) -> Batch | None:
        """The batch that was created from this source, or None."""
        row = self._database.row(f"SELECT {_BATCH} FROM batches WHERE source_sha256 = ?", source_sha256)
        return Batch(*row) if row else None

    def all(self) -> list[tuple[Batch, int]]:
        """Every batch with the number of its devices that exist, oldest first."""
        rows = self._database.rows(
            f"SELECT {_BATCH}, (SELECT COUNT(*) FROM devices WHERE batch = batches.name)"
            " FROM batches ORDER BY number"
        )
        return [(Batch(*row[:-1]), row[-1]) for row in rows]

    def finish(self, name: str) -> None:
        """All devices of the batch are created, and its folder is written."""
        self._set_state(name, DONE)

    def _set_state(self, name: str, state: str) -> None:
        self._database.write("UPDATE batches SET state = ? WHERE name = ?", state, name)
