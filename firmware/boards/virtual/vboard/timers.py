"""`machine.Timer` on the virtual board: callbacks run whenever a stand-in calls power.check()."""

import sys

import micropython
import utime

from vboard import power


class Timer:
    """A timer of the software. A hard callback is an interrupt: it cannot allocate memory."""

    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id=-1, **options):
        if options:
            self.init(**options)

    def init(self, *, mode=PERIODIC, freq=-1, period=-1, callback=None, hard=False):
        """Start anew: every `period` milliseconds, or `freq` times a second, call `callback(timer)`."""
        self.deinit()
        self._once = mode == self.ONE_SHOT
        self._period_ms = max(period if freq < 0 else int(1000 / freq), 1)
        self._callback = callback
        self._hard = hard
        self._due = utime.ticks_add(utime.ticks_ms(), self._period_ms)
        power.timers.append(self)

    def deinit(self):
        """Stop."""
        if self in power.timers:
            power.timers.remove(self)

    def run(self, soft):
        """Call back once for each period that has passed; those that are not hard only if `soft`."""
        now = utime.ticks_ms()
        while self in power.timers and (soft or self._hard) and utime.ticks_diff(now, self._due) >= 0:
            self._due = utime.ticks_add(self._due, self._period_ms)
            if self._once:
                self.deinit()
            self._call()

    def _call(self):
        failed = None
        if self._hard:
            micropython.heap_lock()
        try:
            if self._callback:
                self._callback(self)
        except Exception as error:
            failed = error
        finally:
            if self._hard:
                micropython.heap_unlock()
        if failed:
            self.deinit()
            print("uncaught exception in Timer callback")
            sys.print_exception(failed)
