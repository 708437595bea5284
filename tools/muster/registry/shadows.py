"""Device shadows, and the messages that commands leave for the twin to publish."""

import json
from typing import Any, NamedTuple

from muster.registry.database import Database

KEPT_MESSAGES = 1000  # that wait for a twin


class Shadow(NamedTuple):
    """One shadow: `state` and `metadata` have the same form; None both: it was deleted.

    `version` outlives a deletion, as on AWS; `changed_s` is Unix seconds.
    """

    state: dict[str, Any] | None
    metadata: dict[str, Any] | None
    version: int
    changed_s: int


class Shadows:
    """The table `shadows`; the name of a thing's classic shadow is empty."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, thing: str, name: str) -> Shadow | None:
        """The shadow, or what is left of a deleted one, or None."""
        row = self._database.row(
            "SELECT document, version, changed_s FROM shadows WHERE thing = ? AND name = ?", thing, name
        )
        if row is None:
            return None
        state, metadata = json.loads(row[0]) if row[0] is not None else (None, None)
        return Shadow(state, metadata, row[1], row[2])

    def put(self, thing: str, name: str, shadow: Shadow) -> None:
        """Create or replace it; the thing must exist."""
        document = None if shadow.state is None else json.dumps([shadow.state, shadow.metadata])
        self._database.write(
            "INSERT INTO shadows (thing, name, document, version, changed_s) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (thing, name) DO UPDATE SET document = excluded.document,"
            " version = excluded.version, changed_s = excluded.changed_s",
            thing, name, document, shadow.version, shadow.changed_s,
        )  # fmt: skip

    def names(self, thing: str, limit: int = -1) -> list[str]:
        """The names of the thing's shadows, sorted, at most `limit` if given; the classic one's is empty."""
        rows = self._database.rows(
            "SELECT name FROM shadows WHERE thing = ? AND document IS NOT NULL ORDER BY name LIMIT ?",
            thing, limit,
        )  # fmt: skip
        return [row[0] for row in rows]


class Outbox:
    """The table `outbox`: what a twin publishes within a tenth of a second, or once it runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, topic: str, payload: bytes) -> None:
        """Leave a message; the oldest are dropped when nobody fetches them."""
        self._database.write("INSERT INTO outbox (topic, payload) VALUES (?, ?)", topic, payload)
        self._database.write(
            "DELETE FROM outbox WHERE number <= (SELECT max(number) FROM outbox) - ?", KEPT_MESSAGES
        )

    def take(self) -> list[tuple[str, bytes]]:
        """Every message that was left, oldest first; none of them is left any more."""
        if self._database.row("SELECT 1 FROM outbox LIMIT 1") is None:
            return []  # reading waits for nobody
        with self._database.transaction():
            rows = self._database.rows("SELECT topic, payload FROM outbox ORDER BY number")
            self._database.write("DELETE FROM outbox")
        return [(topic, bytes(payload)) for topic, payload in rows]
