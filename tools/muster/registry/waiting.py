"""Writing inside an event loop: waiting for another process without stopping the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from muster.registry.failures import BusyError

if TYPE_CHECKING:
    import asyncio  # it loads for longer than most commands run, and only a twin waits here

BUSY_MS = 20  # how long a write inside an event loop may stop everybody
LIMIT_S = 10.0
_RETRY_S = 0.05

T = TypeVar("T")


class Line:
    """The line of those who wait for the write lock; who came first is first served."""

    def __init__(self) -> None:
        self._turn: asyncio.Lock | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nobody waits."""
        return self._turn is None or not self._turn.locked()

    async def patiently(self, function: Callable[[], T], limit_s: float = LIMIT_S) -> T:
        """`function()`, repeated while another process writes.

        `function` writes all or nothing: one statement, or one transaction. Raises BusyError after `limit_s`,
        and what `function` raises.
        """
        import asyncio

        self._turn = self._turn or asyncio.Lock()
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + limit_s
        async with self._turn:
            while True:
                try:
                    return function()
                except BusyError:
                    if loop.time() >= deadline_s:
                        raise
                await asyncio.sleep(_RETRY_S)
