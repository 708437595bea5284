"""runtime.turns under MicroPython's event loop; run by test_turns.py."""

import asyncio

from device.core.failures import AGAIN, Failure
from device.port import clock
from device.runtime.turns import Turns


class _State:
    """As much of a state as turns want."""

    def __init__(self, sessions):
        self.ports = self.build = self
        self.clock = clock
        self.TLS_SESSIONS = sessions


async def _settle():
    for _ in range(10):
        await asyncio.sleep_ms(0)


def _run(case, sessions=1):
    asyncio.run(case(Turns(_State(sessions))))


def test_as_many_as_there_is_memory_for():
    async def case(turns):
        await turns.take("a", 0)
        await turns.take("b", 0)
        await turns.take("a", 0)  # has it already
        try:
            await turns.take("c", 20)
            raise AssertionError("three of two")
        except Failure as failure:
            assert failure.kind == AGAIN and "a is not finished, b is not finished" in str(failure), str(
                failure
            )
        turns.give("c")  # has none
        turns.give("b")
        await turns.take("c", 0)
        assert turns.held("a") and turns.held("c") and not turns.held("b")

    _run(case, 2)


def test_first_come_first_served():
    async def case(turns):
        order = []

        async def work(name):
            await turns.take(name, 5000)
            order.append(name)
            await asyncio.sleep_ms(0)
            turns.give(name)

        await turns.take("first", 0)
        tasks = []
        for name in ("a", "b", "c"):
            tasks.append(asyncio.create_task(work(name)))
            await _settle()
        turns.give("first")
        await asyncio.gather(*tasks)
        assert order == ["a", "b", "c"]
        assert not turns._holders and not turns._waiting

    _run(case)


def test_who_comes_later_does_not_overtake():
    async def case(turns):
        await turns.take("first", 0)
        task = asyncio.create_task(turns.take("waits", 5000))
        await _settle()
        turns.give("first")
        try:
            await turns.take("late", 10)
            raise AssertionError("overtaken")
        except Failure:
            pass
        await task
        assert turns.held("waits")

    _run(case)


def test_a_holder_lends_its_turn():
    async def case(turns):
        asked = []

        async def lending():
            turns.give("mqtt")
            await turns.take("mqtt", 5000, lend)

        def lend():
            asked.append(asyncio.create_task(lending()))
            return ""

        await turns.take("mqtt", 0, lend)
        await turns.take("url", 5000)
        assert turns.held("url") and not turns.held("mqtt") and len(asked) == 1
        turns.give("url")
        await _settle()
        assert turns.held("mqtt")

    _run(case)


def test_a_holder_says_why_not():
    async def case(turns):
        await turns.take("mqtt", 0, lambda: "lent its connection 3 s ago")
        try:
            await turns.take(object(), 20)
            raise AssertionError("it was not lent")
        except Failure as failure:
            assert "mqtt lent its connection 3 s ago" in str(failure), str(failure)
        assert turns.held("mqtt") and not turns._waiting

    _run(case)


def test_a_request_names_no_object():
    async def case(turns):
        await turns.take(object(), 0)
        try:
            await turns.take("mqtt", 20)
            raise AssertionError("it was not lent")
        except Failure as failure:
            assert "another request is not finished" in str(failure), str(failure)

    _run(case)


def test_who_gives_up_waiting_leaves_no_turn_behind():
    async def case(turns):
        await turns.take("first", 0)
        task = asyncio.create_task(turns.take("cancelled", 5000))
        await _settle()
        task.cancel()
        await _settle()
        assert not turns._waiting
        turns.give("first")
        assert not turns._holders

    _run(case)


def test_who_is_cancelled_at_the_moment_of_the_turn_gives_it_back():
    async def case(turns):
        await turns.take("first", 0)
        task = asyncio.create_task(turns.take("cancelled", 5000))
        await _settle()
        turns.give("first")
        task.cancel()
        await _settle()
        assert task.done() and not turns._holders and not turns._waiting
        await turns.take("next", 0)

    _run(case)
