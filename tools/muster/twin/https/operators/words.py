"""Moments, sizes and payloads as people read them; what devices send is shown harmless and short."""

import datetime

from muster.printable import printable

_MARK = " …"


def moment(unix_s: float) -> str:
    """2026-11-29 06:08:29 UTC."""
    return f"{_utc(unix_s):%Y-%m-%d %H:%M:%S} UTC"


def clock(unix_s: float) -> str:
    """06:08:29."""
    return f"{_utc(unix_s):%H:%M:%S}"


def day(unix_s: float) -> str:
    """2026-11-29."""
    return f"{_utc(unix_s):%Y-%m-%d}"


def _utc(unix_s: float) -> datetime.datetime:
    try:
        return datetime.datetime.fromtimestamp(unix_s, datetime.timezone.utc)
    except (ValueError, OverflowError, OSError):  # what a program has stored
        return datetime.datetime.fromtimestamp(0, datetime.timezone.utc)


def short(text: str, limit: int) -> str:
    """`text` on one line, without control characters, cut off where it is too long."""
    safe = printable(text[: limit + 1])
    return safe if len(text) <= limit else safe[:limit] + _MARK


def payload(data: bytes, limit: int) -> str:
    """The beginning of a payload as text; bytes that are none as escapes."""
    return short(data[: limit * 4].decode(errors="backslashreplace"), limit)


def counted(number: int, what: str) -> str:
    """3 bytes."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
