"""The board itself: name, console, watchdog, reset, memory. What differs between boards is in `_build`.

The watchdog has three feeders, one at a time: the event loop; a gate, during blocking work; and a timer,
while no event loop runs: after boot.py, and at the REPL prompt.
"""

import gc
import os
import sys

import machine

from device import _build
from device.port import clock

_COLLECT_EVERY_BYTES = 4096  # at least
_PART_OF_FREE = 8
_PART_IN_GATE = 2
_FEED_EVERY_MS = 1000

_watchdog = None
_timer = None
_missed = [] if _build.LATE_CONSOLE else None  # lines printed before USB was up, until main.py repeats them
_MAX_MISSED = 40


def say(step, text):
    """Print a line for `step`. `text` must not contain secrets: see claim.provision.describe."""
    line = "%7d ms  %-9s  %s" % (clock.ms(), step, text)
    if _missed is not None and len(_missed) < _MAX_MISSED:
        _missed.append(line)
    print(line)


def say_again():
    """Repeat the lines of boot.py: a Pico W starts USB only after it."""
    global _missed
    for line in _missed or ():
        print(line)
    _missed = None


def traceback(error):
    """The traceback of `error` as text, at most a kilobyte."""
    import io

    text = io.StringIO()
    sys.print_exception(error, text)
    return text.getvalue()[-1024:]


def interval(what, default_ms):
    """The interval `what` in milliseconds: `default_ms`, or the value in a test's image."""
    return _build.INTERVALS.get(what, default_ms)


def name():
    """The kind of board and its hardware number, as text."""
    return "%s-%s" % (_build.BOARD, machine.unique_id().hex())


def random_bytes(count):
    """`count` random bytes from the hardware generator."""
    return os.urandom(count)


def reset():
    """Restart the board."""
    machine.reset()


def crashed():
    """Whether this start follows a reset by watchdog or program, not by power or a person."""
    person = [getattr(machine, name, None) for name in ("PWRON_RESET", "SOFT_RESET", "DEEPSLEEP_RESET")]
    return machine.reset_cause() not in person


def held():
    """Whether the escape pin is low: the board then stays off the network."""
    if _build.ESCAPE_PIN is None:
        return False
    return not machine.Pin(_build.ESCAPE_PIN, machine.Pin.IN, machine.Pin.PULL_UP).value()


def free_memory():
    """Bytes free on the Python heap after a collection."""
    gc.collect()
    return gc.mem_free()


def memory_text():
    """Free memory as text; on an ESP32 also the separate heap that TLS and Wi-Fi use."""
    text = "%d bytes free" % free_memory()
    try:
        import esp32

        regions = esp32.idf_heap_info(esp32.HEAP_DATA)
        text += ", IDF %d (largest %d)" % (sum(part[1] for part in regions), max(part[2] for part in regions))
    except (ImportError, AttributeError):
        pass
    return text


def collect_often():
    """Collect garbage early: a heap collected only when full is fragmented.

    TLS needs 16 KB in one piece. If much is free, fragmentation costs less than the collections do.
    """
    gc.threshold(max(_COLLECT_EVERY_BYTES, gc.mem_free() // _PART_OF_FREE))


def start_watchdog():
    """Start the watchdog: the board resets unless fed every few seconds. Cannot be stopped."""
    global _watchdog
    if _watchdog is None:
        _watchdog = machine.WDT(timeout=_build.WATCHDOG_MS)


def feed():
    """Feed the watchdog."""
    if _watchdog:
        _watchdog.feed()


def stand_by(on):
    """Feed without an event loop, without limit: at the REPL prompt, or until main.py starts."""
    feed()  # the last feed may be a while ago, and the timer first fires after a second
    _feed_by_timer(None if on else 0)


def _feed_by_timer(limit_ms):
    """Feed by a timer for `limit_ms`; None means for ever, 0 stops it.

    The interrupt is hard if the port supports it: a soft one does not run inside a TLS handshake.
    """
    global _timer
    if _timer:
        _timer.deinit()
        _timer = None
    if limit_ms == 0 or _watchdog is None:
        return
    turns = [-1 if limit_ms is None else limit_ms // _FEED_EVERY_MS]
    feed_it = _watchdog.feed

    def turn(_):  # runs in an interrupt: must not allocate
        if turns[0]:
            turns[0] -= 1
            feed_it()

    _timer = machine.Timer(_build.TIMER)
    options = {"hard": True} if _build.HARD_TIMER else {}
    _timer.init(period=_FEED_EVERY_MS, mode=machine.Timer.PERIODIC, callback=turn, **options)


class gate:
    """`with gate(limit_ms):` around blocking work, such as a TLS handshake or making a key.

    The watchdog is fed until the limit, so a real hang still resets the board. Garbage is collected before
    the work, but not during it: TLS makes none. It allocates and frees on the heap of a Pico W, which the
    threshold would count, and hundreds of collections double the time (measured). Work that
    `makes_garbage` may fill half of the free heap before the next collection.
    """

    def __init__(self, limit_ms, makes_garbage=False):
        self._limit_ms = limit_ms
        self._makes_garbage = makes_garbage

    def __enter__(self):
        feed()
        gc.collect()
        if _build.HARD_TIMER:
            _feed_by_timer(self._limit_ms)
        # Last, because nothing undoes it when no timer is available.
        gc.threshold(gc.mem_free() // _PART_IN_GATE if self._makes_garbage else -1)

    def __exit__(self, *_):
        if _build.HARD_TIMER:
            _feed_by_timer(0)
        collect_often()
        feed()
