"""State shared by the stand-ins of the virtual board: how its run ends, its timers, its settings.

Anything that ends the run (power cut, reset, watchdog) switches the board off; from then on every module
refuses to work, like hardware without power.
"""

import os

import utime

CUT = 137
WATCHDOG = 4
RESET = 3
BOOTLOADER = 5

_off = None  # the exit code, once the board is off
_deadline_ms = None  # of the watchdog, in ticks
has_radio = False  # its chip has started
timers = []  # the running machine.Timer objects
_in_timer = False


class PowerOff(BaseException):
    """The board is off, with an exit code. Of no class that the board's program may catch."""


def setting(name, default=None):
    """The setting MUSTER_BOARD_<name>, or `default` when it is absent or empty."""
    return os.getenv("MUSTER_BOARD_" + name) or default


def switch_off(code, text):
    """End the run with exit `code`; `text` goes to the console."""
    global _off
    if _off is None:
        _off = code
        print("virtual board:", text)
    raise PowerOff(_off)


def watch(timeout_ms):
    """Start or feed the watchdog: the board resets when this is not called again within `timeout_ms`."""
    global _deadline_ms
    check()
    _deadline_ms = utime.ticks_add(utime.ticks_ms(), timeout_ms)


def check(soft=True):
    """Run the timers that are due, then stop if the board is off or the watchdog has expired.

    Soft timers wait while C code runs, as in a TLS handshake (`soft` is False); hard ones are interrupts.
    """
    global _in_timer
    if _off is not None:
        raise PowerOff(_off)
    if _in_timer:
        return
    _in_timer = True
    try:
        for timer in timers:
            timer.run(soft)
    finally:
        _in_timer = False
    if _deadline_ms is not None and utime.ticks_diff(_deadline_ms, utime.ticks_ms()) < 0:
        switch_off(WATCHDOG, "watchdog: not fed in time")
