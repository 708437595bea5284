"""Time: Unix seconds from the real-time clock, milliseconds from the tick counter, NTP, waiting."""

import asyncio
import time

from device.core import calendar


def unix():
    """Unix seconds, on every port (ESP32 counts from 2000, the others from 1970)."""
    import machine

    year, month, day, _, hour, minute, second, _ = machine.RTC().datetime()
    return calendar.unix(year, month, day, hour, minute, second)


def set_unix(unix_s):
    """Set the real-time clock."""
    import machine

    year, month, day, hour, minute, second = calendar.date(unix_s)
    weekday = (unix_s // 86400 + 3) % 7
    machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))


def ask_network(hosts):
    """Set the clock by NTP from the first of `hosts` that answers; False when none does.

    Each try blocks for at most a second or two (one packet, no retry).
    """
    import ntptime

    for host in hosts:
        ntptime.host = host
        try:
            ntptime.settime()
            return True
        except (OSError, ValueError, IndexError, OverflowError):
            continue
    return False


def ticks_ms():
    """A counter of milliseconds that wraps; only differences mean anything."""
    return time.ticks_ms()


def since_ms(start_ms):
    """Milliseconds since `start_ms`, right also when the counter has wrapped."""
    return time.ticks_diff(time.ticks_ms(), start_ms)


async def sleep_ms(duration_ms):
    """Let other tasks work for this long."""
    await asyncio.sleep_ms(duration_ms)


async def wait(awaitable, limit_ms):
    """Wait for `awaitable`, at most `limit_ms`; whether it came to its end in time."""
    try:
        await asyncio.wait_for_ms(awaitable, limit_ms)
        return True
    except asyncio.TimeoutError:
        return False
