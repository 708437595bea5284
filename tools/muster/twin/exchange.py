"""One request of a client and its answer, with the faults that act on it: the same for every step."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from muster.twin import faults
from muster.twin.connection import SERVER_INITIATED, Connection
from muster.twin.faults import Plan

Outcome = TypeVar("Outcome")


class Exchange(Generic[Outcome]):
    """What a request does (`act`, which may have to be awaited), and how it is refused and answered.

    `refuse` and `act` return what is to be answered, None for nothing. `answer` is told how many times.
    """

    def __init__(
        self,
        connection: Connection,
        act: Callable[[], Any],
        refuse: Callable[[Plan], Outcome | None],
        answer: Callable[[Outcome, int], None],
    ) -> None:
        self._connection = connection
        self._act = act
        self._refuse = refuse
        self._answer = answer

    def start(self, plan: Plan) -> Coroutine[Any, Any, None] | None:
        """Carry it out; with faults, or what takes its time, return what remains to be awaited."""
        if plan:
            return self.carry_out(plan)
        outcome = self._act()
        if outcome is not None and self._connection.reason is None:
            self._answer(outcome, 1)
        return None

    async def carry_out(self, plan: Plan) -> None:
        """Carry it out with the faults of `plan`."""
        connection = self._connection
        if plan.delay_s:
            await asyncio.sleep(plan.delay_s)
        if faults.CLOSE_BEFORE in plan:
            connection.hang_up(SERVER_INITIATED, "fault close-before")
        if faults.IGNORE in plan or connection.reason is not None:
            return
        outcome = self._refuse(plan) if plan.is_throttled or faults.REJECT in plan else self._act()
        if inspect.isawaitable(outcome):
            outcome = await outcome
        if connection.reason is not None or outcome is None:
            return
        if faults.CLOSE_AFTER in plan:
            connection.hang_up(SERVER_INITIATED, "fault close-after")
        elif faults.LOSE_ANSWER not in plan:
            self._answer(outcome, 2 if faults.TWICE in plan else 1)
        if faults.CLOSE_ANSWERED in plan:
            connection.hang_up(SERVER_INITIATED, "fault close-answered")
