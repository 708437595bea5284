"""Ticks that start at TICKS_START and wrap after 30 bits, as on a board; loaded only for that setting."""

import sys

import utime

import vboard

_MASK = 0x3FFFFFFF
_HALF = 0x20000000


def _signed(ticks):
    return ((ticks + _HALF) & _MASK) - _HALF


_ahead = _signed(int(vboard.setting("TICKS_START")) - utime.ticks_ms())


def counter():
    """The board's milliseconds; does not allocate, because interrupts call it."""
    return utime.ticks_add(utime.ticks_ms(), _ahead) & _MASK


if sys.maxsize >> 32:

    def ticks_add(ticks, delta):
        """As in MicroPython, with 30 bits."""
        return (ticks + delta) & _MASK

    def ticks_diff(end, start):
        """As in MicroPython, with 30 bits."""
        return _signed(end - start)

else:
    from utime import ticks_add, ticks_diff  # noqa: F401  (have 30 bits here)
