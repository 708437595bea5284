"""Requests that are served beside the connections, so that none of these waits for another."""

import asyncio
from collections import Counter
from collections.abc import Hashable
from typing import Any
from weakref import WeakValueDictionary

from muster.twin.exchange import Exchange
from muster.twin.faults import Plan
from muster.twin.log import log
from muster.twin.settings import Settings
from muster.twin.throttle import Rate

_KEPT_RATES = 10_000

_log = log()


class Serving:
    """The requests of one kind. Those of a line are served in the order in which they came."""

    def __init__(self, settings: Settings, most: int, most_per_s: float) -> None:
        """`most`: of one sender, that are not answered yet; `most_per_s`: with Settings.throttle."""
        self._settings = settings
        self._most = most
        self._most_per_s = most_per_s
        self._in_flight: Counter[Hashable] = Counter()
        self._rates: dict[str, Rate] = {}
        self._lines: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    def admits(self, sender: Hashable, rated: str) -> bool:
        """Whether one more of `sender` is served, and comes within the rate of `rated`."""
        if self._in_flight[sender] >= self._most:
            return False
        if not self._settings.throttle:
            return True
        if len(self._rates) > _KEPT_RATES:
            self._rates.clear()
        rate = self._rates.get(rated)
        if rate is None:
            rate = self._rates[rated] = Rate(self._most_per_s, self._settings.clock)
        return rate.passes()

    def start(self, sender: Hashable, line: str, what: str, exchange: Exchange[Any], plan: Plan) -> None:
        """Begin to serve a request of `sender`, after those before it in the line; `what`: for the log."""
        self._in_flight[sender] += 1
        task = asyncio.create_task(self._serve(sender, line, what, exchange, plan))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End what is being served."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(
        self, sender: Hashable, line: str, what: str, exchange: Exchange[Any], plan: Plan
    ) -> None:
        lock = self._lines.setdefault(line, asyncio.Lock())
        try:
            async with lock:
                await exchange.carry_out(plan)
        except Exception:
            _log.exception("%s failed", what)
        finally:
            self._in_flight[sender] -= 1
            if not self._in_flight[sender]:
                del self._in_flight[sender]
