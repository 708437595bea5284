"""Time: Unix seconds from the real-time clock, milliseconds since the start, waiting."""

import asyncio
import time

import machine

from device.core import calendar

_last = time.ticks_ms()
_passed_ms = 0


def ms():
    """Milliseconds since this module was loaded; the tick counter wraps after days, this value does not."""
    global _last, _passed_ms
    now = time.ticks_ms()
    _passed_ms += time.ticks_diff(now, _last)
    _last = now
    return _passed_ms


def unix():
    """Unix seconds, on every port (ESP32 counts from 2000, the others from 1970)."""
    year, month, day, _, hour, minute, second, _ = machine.RTC().datetime()
    return calendar.unix(year, month, day, hour, minute, second)


def set_unix(unix_s):
    """Set the real-time clock."""
    year, month, day, hour, minute, second = calendar.date(unix_s)
    weekday = (unix_s // 86400 + 3) % 7
    machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))


async def sleep_ms(duration_ms):
    """Sleep while other tasks run."""
    await asyncio.sleep_ms(duration_ms)


async def wait(work, limit_ms):
    """Await the coroutine `work`, at most `limit_ms`; return whether it finished in time."""
    try:
        await limited(work, limit_ms)
        return True
    except asyncio.TimeoutError:
        return False


async def limited(work, limit_ms):
    """The result of the coroutine `work`; raises asyncio.TimeoutError after `limit_ms`."""
    return await asyncio.wait_for_ms(alone(work), limit_ms)


async def alone(work):
    """The result of the coroutine `work`, for a task, which holds nothing of it afterwards.

    asyncio's queue may refer to a task long after its end, and so to all variables of its coroutine.
    """
    try:
        return await work
    finally:
        work = None
