"""Small writes to the registry that nobody waits for, in order, without holding up the event loop."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable

from muster.twin.log import log

_RETRY_S = 0.05
_KEPT = 10_000

_log = log()


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process holds the registry's lock."""
    return isinstance(error, sqlite3.OperationalError) and ("locked" in str(error) or "busy" in str(error))


class Writes:
    """Does a write at once, or as soon as no other process holds the registry's lock."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque(maxlen=_KEPT)
        self._timer: asyncio.TimerHandle | None = None

    def do(self, write: Callable[[], None]) -> None:
        """Do it after those that wait."""
        self._waiting.append(write)
        if self._timer is None:
            self._work()

    def stop(self) -> None:
        """Try once more; what still waits is lost."""
        if self._timer is not None:
            self._timer.cancel()
            self._work()
        if self._timer is not None:
            self._timer.cancel()
            _log.error("%d writes to the registry were lost: it is locked", len(self._waiting))

    def _work(self) -> None:
        self._timer = None
        while self._waiting:
            try:
                self._waiting[0]()
            except sqlite3.Error as error:
                if is_busy(error):
                    self._timer = asyncio.get_running_loop().call_later(_RETRY_S, self._work)
                    return
                _log.error("the registry cannot be written (%s)", error)
            self._waiting.popleft()
