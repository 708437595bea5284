"""The switches of fault injection, as stored; what a switch does is `muster.twin.faults`."""

from typing import NamedTuple

from muster.registry.database import Database

_COLUMNS = "fault_id, stage, kind, code, number, client, remaining"


class Fault(NamedTuple):
    """One switch: at `stage`, for clients matching the glob `client`, `remaining` times (None: for ever)."""

    fault_id: int
    stage: str
    kind: str
    code: str | None
    number: float | None
    client: str
    remaining: int | None


class Faults:
    """The table `faults`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        stage: str,
        kind: str,
        code: str | None = None,
        number: float | None = None,
        client: str = "*",
        count: int | None = None,
    ) -> int:
        """Set a switch; its number."""
        with self._database.transaction():
            self._database.write(
                "INSERT INTO faults (stage, kind, code, number, client, remaining) VALUES (?, ?, ?, ?, ?, ?)",
                stage, kind, code, number, client, count,
            )  # fmt: skip
            row = self._database.row("SELECT last_insert_rowid()")
        assert row is not None
        return row[0]

    def all(self) -> list[Fault]:
        """Every switch that may still act, in the order they were set."""
        return [
            Fault(*row)
            for row in self._database.rows(
                f"SELECT {_COLUMNS} FROM faults WHERE remaining IS NULL OR remaining > 0 ORDER BY fault_id"
            )
        ]

    def take(self, stage: str, client_id: str) -> list[Fault]:
        """The switches that act now, each counted down by one."""
        found = self._acting(stage, client_id)
        if all(fault.remaining is None for fault in found):
            return found
        with self._database.transaction():
            # Looked for again: one cleared or used up by another process in between no longer acts.
            found = self._acting(stage, client_id)
            for fault in found:
                if fault.remaining is not None:
                    self._count_down(fault.fault_id)
        return found

    def _acting(self, stage: str, client_id: str) -> list[Fault]:
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM faults WHERE stage = ? AND ? GLOB client"
            " AND (remaining IS NULL OR remaining > 0) ORDER BY fault_id",
            stage,
            client_id,
        )
        return [Fault(*row) for row in rows]

    def _count_down(self, fault_id: int) -> None:
        self._database.write("UPDATE faults SET remaining = remaining - 1 WHERE fault_id = ?", fault_id)

    def clear(self, fault_id: int | None = None) -> int:
        """Remove one switch, or all; how many were removed."""
        if fault_id is None:
            return self._database.write("DELETE FROM faults")
        return self._database.write("DELETE FROM faults WHERE fault_id = ?", fault_id)
