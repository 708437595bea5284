"""The last lines of the twin's log, kept for a page that shows them."""

import logging
from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from muster.twin.log import log

LINES = 2000
CHARACTERS = 500  # of one line


class Line(NamedTuple):
    """One line; `at_s` is Unix seconds. `who` wrote it, `is_problem`: somebody should look."""

    number: int
    at_s: float
    is_problem: bool
    text: str
    who: str = ""


class LogLines(logging.Handler):
    """Hears what the twin logs, connections and requests included, whatever the console shows.

    Lines of the twin hold no secrets; those of tracebacks stay on the console.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: deque[Line] = deque(maxlen=LINES)
        self._level: int | None = None
        self.count = 0

    def start(self) -> None:
        """Listen. The level of the logger is the twin's then; each handler keeps its own."""
        logger = log()
        self._level = logger.level
        if not logger.isEnabledFor(logging.INFO):
            logger.setLevel(logging.INFO)
        logger.addHandler(self)

    def stop(self) -> None:
        """Listen no more; safe to call twice."""
        if self._level is not None:
            log().removeHandler(self)
            log().setLevel(self._level)
            self._level = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line; from any thread."""
        self.count += 1
        text = record.getMessage()[:CHARACTERS]
        self._lines.append(Line(self.count, record.created, record.levelno >= logging.WARNING, text))

    def newest(self, limit: int, words: str = "", only_problems: bool = False) -> list[Line]:
        """The newest lines that hold `words`, in whatever case; newest first."""
        self.acquire()  # a thread may write meanwhile
        try:
            lines = tuple(self._lines)
        finally:
            self.release()
        return matching(reversed(lines), limit, words, only_problems)


def matching(lines: Iterable[Line], limit: int, words: str, only_problems: bool) -> list[Line]:
    """The first `limit` of the lines that hold `words`, in whatever case, or are of that board."""
    wanted = words.casefold()
    found = (
        line
        for line in lines
        if wanted in f"{line.who} {line.text}".casefold() and (line.is_problem or not only_problems)
    )
    return list(islice(found, limit))
