"""device.port.clock with a tick counter of our own; run under MicroPython by test_board.py."""

import asyncio
import gc

from device.core import calendar
from device.port import clock

_PERIOD = 1 << 30  # of the ticks of a board
_LARGE = 100000
_HALF = _PERIOD >> 1


class Ticks:
    """Stands for `time`: a counter of 30 bits that says `now`."""

    now = 0

    def ticks_ms(self):
        return self.now % _PERIOD

    def ticks_diff(self, end, start):
        return (end - start + _HALF) % _PERIOD - _HALF


class _At:
    """While this lasts the counter is ours, and the board has just started at `now`."""

    def __init__(self, now):
        self.ticks = Ticks()
        self.ticks.now = now

    def __enter__(self):
        self._real = clock.time, clock._last, clock._passed_ms
        clock.time, clock._last, clock._passed_ms = self.ticks, self.ticks.ticks_ms(), 0
        return self.ticks

    def __exit__(self, *_):
        clock.time, clock._last, clock._passed_ms = self._real


def test_milliseconds_go_on_when_the_counter_wraps():
    for start in (0, 7, _HALF - 3, _PERIOD - 10, _PERIOD - 1):
        with _At(start) as ticks:
            assert clock.ms() == 0
            for step in (1, 3, 100, 0, 86400000, _HALF - 1, 1):
                before = clock.ms()
                ticks.now += step
                assert clock.ms() - before == step, (start, step)


def test_milliseconds_of_a_month():
    with _At(_PERIOD - 5000) as ticks:
        passed = 0
        for _ in range(30):
            ticks.now += 86400000
            passed += 86400000
            assert clock.ms() == passed


def test_unix_time_is_set_and_read():
    for unix_s in (1609459200, 946684800, 1709251199, 1700000001):
        clock.set_unix(unix_s)
        assert 0 <= clock.unix() - unix_s <= 1, unix_s


def test_the_weekday_that_the_clock_is_told():
    told = []

    class Rtc:
        def datetime(self, parts):
            told.append(parts)

    real = clock.machine
    clock.machine = type("Machine", (), {"RTC": Rtc})
    try:
        for unix_s in (0, 1709251200, 1700000001):
            clock.set_unix(unix_s)
            assert told[-1][:3] + told[-1][4:7] == calendar.date(unix_s)
    finally:
        clock.machine = real
    assert [parts[3] for parts in told] == [3, 4, 1]  # Thursday, Friday, Tuesday; Monday is 0


def test_waiting_tells_whether_it_came_to_its_end():
    async def ends():
        await clock.sleep_ms(1)

    async def fails():
        raise KeyError

    async def case():
        assert await clock.wait(ends(), 1000) is True
        assert await clock.wait(asyncio.Event().wait(), 5) is False
        try:
            await clock.wait(fails(), 1000)
            raise AssertionError("no error")
        except KeyError:
            pass

    asyncio.run(case())


async def _work():
    data = bytearray(_LARGE)
    await clock.sleep_ms(1)
    return len(data)


def _started(wrapped):
    """A task, made in a frame that is gone when it runs: a frame that waits could hold its work as well."""
    return asyncio.create_task(wrapped(_work()))


def _is_held(wrapped):
    """Whether a task that has ended still holds the variables of its work."""

    async def case():
        gc.collect()
        before = gc.mem_alloc()
        task = _started(wrapped)
        assert await task == _LARGE
        gc.collect()
        return gc.mem_alloc() - before >= _LARGE and task.done()

    return asyncio.run(case())


def test_a_task_that_has_ended_holds_nothing_of_its_work():
    assert _is_held(lambda work: work), "or clock.alone is not needed"
    assert not _is_held(clock.alone)
