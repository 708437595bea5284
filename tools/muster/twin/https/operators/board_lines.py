"""The log lines that boards have exported, as one of the sources of the page of log lines."""

import sqlite3

from muster.twin.log_lines import CHARACTERS, Line, matching
from muster.twin.log_store import Event, LogStore

_SEARCHED = 500  # the last ones; `muster twin logs` shows older ones
_PROBLEMS = ("warn", "error")


class BoardLines:
    """Reads the store of the twin's CloudWatch Logs."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

    @property
    def count(self) -> int:
        """The number of the newest line."""
        try:
            return self._store.newest()
        except sqlite3.Error:
            return -1

    def newest(self, limit: int, words: str = "", only_problems: bool = False) -> list[Line]:
        """The newest lines that hold `words`, or are of that board; newest first."""
        try:
            events = [event for _, event in self._store.last(_SEARCHED, self._store.newest(), None, None)]
        except sqlite3.Error as error:
            return [Line(0, 0, True, f"the lines of boards cannot be read: {error}")]
        return matching(map(_line, reversed(events)), limit, words, only_problems)


def _line(event: Event) -> Line:
    level = event.message[:40].split(" ")[1:2]  # number, level, source, text
    is_problem = bool(level) and level[0] in _PROBLEMS
    return Line(event.number, event.at_ms / 1000, is_problem, event.message[:CHARACTERS], event.stream)
