"""The events of the twin's CloudWatch Logs: a file of their own beside the registry, which may be deleted.

One connection for each thread. How much is kept is bounded: the oldest events make room.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

MOST_EVENTS = 100_000
MOST_BYTES = 64 * 1024 * 1024  # of their messages
MOST_STREAMS = 20_000
_SPARE = 0.9  # what is left after room was made: not for each event anew
_WAIT_S = 5.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS log_groups (name TEXT PRIMARY KEY, created_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS log_streams (
    number INTEGER PRIMARY KEY,
    log_group TEXT NOT NULL REFERENCES log_groups(name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    UNIQUE (log_group, name)
);
CREATE TABLE IF NOT EXISTS log_events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    stream INTEGER NOT NULL REFERENCES log_streams(number) ON DELETE CASCADE,
    at_ms INTEGER NOT NULL,                   -- as who sent it says
    ingested_ms INTEGER NOT NULL,
    message TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS log_events_of_stream ON log_events(stream, at_ms, number);
CREATE INDEX IF NOT EXISTS log_events_by_time ON log_events(at_ms, number);
"""
_ARRIVED = (
    "SELECT s.log_group, e.number, s.name, e.at_ms, e.ingested_ms, e.message FROM log_events e"
    " JOIN log_streams s ON s.number = e.stream"
)


class Stream(NamedTuple):
    """A log stream; times in Unix milliseconds, None before the first event."""

    name: str
    created_ms: int
    first_ms: int | None
    last_ms: int | None
    ingested_ms: int | None


class Event(NamedTuple):
    """One event; `number` grows in the order of arrival."""

    number: int
    stream: str
    at_ms: int
    ingested_ms: int
    message: str

    @property
    def place(self) -> tuple[int, int]:
        """Where it is in the order of events."""
        return self.at_ms, self.number


class LogStore:
    """One connection to the file. Every method raises sqlite3.Error when it cannot be used."""

    def __init__(self, path: Path) -> None:
        """Open `path`, or make it."""
        if not path.exists():
            path.touch(mode=0o600)
        self._connection = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.executescript(_SCHEMA)
        self._kept: tuple[int, int] | None = None  # events, bytes of their messages; None: not counted yet

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def groups(self) -> list[tuple[str, int]]:
        """(name, created ms) of every group, sorted."""
        return self._connection.execute("SELECT name, created_ms FROM log_groups ORDER BY name").fetchall()

    def has_group(self, group: str) -> bool:
        """Whether there is this group."""
        return self._row("SELECT 1 FROM log_groups WHERE name = ?", group) is not None

    def add_group(self, group: str, now_ms: int) -> bool:
        """Make a group; whether there was none."""
        sql = "INSERT OR IGNORE INTO log_groups (name, created_ms) VALUES (?, ?)"
        return self._connection.execute(sql, (group, now_ms)).rowcount > 0

    def add_stream(self, group: str, stream: str, now_ms: int) -> bool:
        """Make a stream in a group that there is; whether there was none."""
        sql = "INSERT OR IGNORE INTO log_streams (log_group, name, created_ms) VALUES (?, ?, ?)"
        return self._connection.execute(sql, (group, stream, now_ms)).rowcount > 0

    def has_stream(self, group: str, stream: str) -> bool:
        """Whether there is this stream."""
        return self._number(group, stream) is not None

    def is_full(self) -> bool:
        """Whether no stream can be made any more."""
        row = self._row("SELECT count(*) FROM log_streams")
        return row is not None and row[0] >= MOST_STREAMS

    def streams(self, group: str, prefix: str = "") -> list[Stream]:
        """The streams of a group whose names begin so, sorted."""
        rows = self._connection.execute(
            "SELECT s.name, s.created_ms, min(e.at_ms), max(e.at_ms), max(e.ingested_ms) FROM log_streams s"
            " LEFT JOIN log_events e ON e.stream = s.number"
            " WHERE s.log_group = ? AND substr(s.name, 1, ?) = ? GROUP BY s.number ORDER BY s.name",
            (group, len(prefix), prefix),
        )
        return [Stream(*row) for row in rows]

    def put(self, group: str, stream: str, events: Sequence[tuple[int, str]], now_ms: int) -> None:
        """Append (ms, message) of each event to a stream that there is, all or none."""
        number = self._number(group, stream)
        with self._transaction():
            count, size = self._kept or self._count()
            self._connection.executemany(
                "INSERT INTO log_events (stream, at_ms, ingested_ms, message) VALUES (?, ?, ?, ?)",
                [(number, at_ms, now_ms, message) for at_ms, message in events],
            )
            count += len(events)
            size += sum(len(message) for _, message in events)
            while count > MOST_EVENTS or size > MOST_BYTES:
                count, size = self._make_room(count, size)
        self._kept = count, size

    def _count(self) -> tuple[int, int]:
        """Events, and bytes of their messages: read once, because all of them are looked at."""
        row = self._row("SELECT count(*), coalesce(sum(length(message)), 0) FROM log_events")
        assert row is not None
        return row[0], row[1]

    def _make_room(self, count: int, size: int) -> tuple[int, int]:
        """Drop a tenth of the events, the first that came; what is left."""
        most = int(count * (1 - _SPARE)) + 1
        rows = self._connection.execute(
            "SELECT number, length(message) FROM log_events ORDER BY number LIMIT ?", (most,)
        ).fetchall()
        self._connection.execute("DELETE FROM log_events WHERE number <= ?", (rows[-1][0],))
        return count - len(rows), size - sum(length for _, length in rows)

    def events(
        self,
        group: str,
        names: Sequence[str] | None = None,
        *,
        after: tuple[int, int] | None = None,
        before: tuple[int, int] | None = None,
        from_ms: int | None = None,
        until_ms: int | None = None,
        most: int,
        newest: bool = False,
    ) -> list[Event]:
        """Events of a group, or of its streams `names`, in the order of time; `newest`: the last ones.

        `after`, `before`: places of events; `from_ms` is included, `until_ms` is not.
        """
        wheres, values = ["s.log_group = ?"], [group, *(names or ())]
        if names is not None:
            wheres.append(f"s.name IN ({', '.join('?' * len(names))})")
        facts: list[str | int] = list(values)
        for sql, value in (("(e.at_ms, e.number) > (?, ?)", after), ("(e.at_ms, e.number) < (?, ?)", before)):
            if value is not None:
                wheres.append(sql)
                facts += value
        for sql, time_ms in (("e.at_ms >= ?", from_ms), ("e.at_ms < ?", until_ms)):
            if time_ms is not None:
                wheres.append(sql)
                facts.append(time_ms)
        order = "DESC" if newest else "ASC"
        rows = self._connection.execute(
            "SELECT e.number, s.name, e.at_ms, e.ingested_ms, e.message FROM log_events e"
            f" JOIN log_streams s ON s.number = e.stream WHERE {' AND '.join(wheres)}"
            f" ORDER BY e.at_ms {order}, e.number {order} LIMIT ?",
            (*facts, most),
        )
        found = [Event(*row) for row in rows]
        return found[::-1] if newest else found

    def last(self, most: int, number: int, group: str | None, stream: str | None) -> list[tuple[str, Event]]:
        """(group, event) of what came last up to event `number`, in the order of arrival.

        None stands for all groups, or all streams.
        """
        rows = self._connection.execute(
            f"{_ARRIVED} WHERE e.number <= ? AND coalesce(?, s.log_group) = s.log_group"
            " AND coalesce(?, s.name) = s.name ORDER BY e.number DESC LIMIT ?",
            (number, group, stream, most),
        )
        return [(row[0], Event(*row[1:])) for row in rows][::-1]

    def newest(self) -> int:
        """The number of the event that came last."""
        row = self._row("SELECT max(number) FROM log_events")
        return int(row[0] or 0) if row is not None else 0

    def since(self, number: int, most: int) -> list[tuple[str, Event]]:
        """(group, event) of what came after the event `number`, in the order of arrival."""
        rows = self._connection.execute(
            f"{_ARRIVED} WHERE e.number > ? ORDER BY e.number LIMIT ?", (number, most)
        )
        return [(row[0], Event(*row[1:])) for row in rows]

    def _number(self, group: str, stream: str) -> int | None:
        row = self._row("SELECT number FROM log_streams WHERE log_group = ? AND name = ?", group, stream)
        return None if row is None else int(row[0])

    def _row(self, sql: str, *values: object) -> tuple | None:
        row: tuple | None = self._connection.execute(sql, values).fetchone()
        return row

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
