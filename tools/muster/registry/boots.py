"""The last boot status of each thing."""

from typing import NamedTuple

from muster.registry.database import Database


class Boot(NamedTuple):
    """The last boot status of a thing, as it was received at `received_s` (Unix seconds)."""

    thing: str
    topic: str
    payload: bytes
    received_s: float


class Boots:
    """The table `boots`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, boot: Boot) -> None:
        """Remember the latest boot status of a thing."""
        self._database.write(
            "INSERT INTO boots (thing, topic, payload, received_s) VALUES (?, ?, ?, ?) ON CONFLICT (thing)"
            " DO UPDATE SET topic = excluded.topic, payload = excluded.payload,"
            " received_s = excluded.received_s",
            *boot,
        )

    def get(self, thing: str) -> Boot | None:
        """The last boot status of this thing, or None."""
        row = self._database.row("SELECT thing, topic, payload, received_s FROM boots WHERE thing = ?", thing)
        return Boot(*row) if row else None

    def all(self) -> list[Boot]:
        """The last boot status of every thing, newest first."""
        return [
            Boot(*row)
            for row in self._database.rows(
                "SELECT thing, topic, payload, received_s FROM boots ORDER BY received_s DESC"
            )
        ]
