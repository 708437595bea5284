"""The board itself: name, console, watchdog, reset, memory. What differs between boards is in `_build`.

The watchdog has three feeders, one at a time: the event loop; a gate, during blocking work; and a timer,
while no event loop runs: after boot.py, and at the REPL prompt.
"""

import binascii
import gc
import os
import sys
import time

import machine

from device import _build
from device.core.log import DEBUG, INFO, WARN, Quota
from device.port import clock
from device.port.pins import held, pin  # noqa: F401 (the port has them)

_COLLECT_EVERY_BYTES = 4096  # at least
_FREE_AT_START_BYTES = 32768  # of what is free beyond this, a part may become garbage
_FREE_BYTES = 65536  # the same once the board has started
_PART_OF_FREE = 4
_PART_IN_GATE = 2
_FEED_EVERY_MS = 1000
_BYTES_A_STEP = 64

_watchdog = None
_timer = None
_missed = [] if _build.LATE_CONSOLE else None  # lines printed before USB was up, until main.py repeats them
_MAX_MISSED = 40
_OBEYED = "\x1b\r\b\x9b"  # by a terminal: what comes from a message or a neighbour's Wi-Fi must not steer it

log = None  # the ring of the last lines (core.log.Ring), once it is open
cause = None  # why the board started
_heap_table = None  # (address, bytes), where it is known
_held = None  # the place for the next TLS connection
_quota = Quota()
_is_verbose = False
_is_telling = False
_is_starting = True

_watch = None  # the timer that sees whether the loop turns
_fed_ms = 0  # in ticks
_gates = 0  # how many are open
_is_told = False


def open_log():
    """Take over the lines from before a reset, if the memory has kept them. Called once, at the start."""
    global log, cause, _heap_table
    from device.port import kept

    log = kept.ring()
    cause = kept.cause(log.was_orderly)
    _heap_table = kept.heap_table()
    gc.collect()  # only now does nothing refer any more to what has filled the heap meanwhile


def say(source, text, level=INFO):
    """Print a line of `source` and keep it in the log.

    Only text: a Secret, or the bytes of a key, is refused. A source that says too much at once is held back.
    """
    if not isinstance(text, str):
        raise TypeError("only text can be logged, not %s" % type(text).__name__)
    if level == DEBUG and not _is_verbose:
        return
    now_ms = clock.ms()
    left_out = _quota.take(source, now_ms)
    if left_out < 0:
        return
    if left_out:
        _tell(now_ms, source, "%d lines left out: too many at once" % left_out, WARN)
    _tell(now_ms, source, text, level)


def verbose(on):
    """Whether lines of the level DEBUG are said."""
    global _is_verbose
    _is_verbose = on


def _tell(now_ms, source, text, level):
    global _is_telling
    if log and not _is_telling:  # the last words may come while another line is being added
        _is_telling = True
        try:
            log.add(now_ms, level, source, text)
        finally:
            _is_telling = False
    line = "%7d ms  %-9s  %s" % (now_ms, source, text)
    for symbol in _OBEYED:
        if symbol in line:
            line = line.replace(symbol, "?")
    if _missed is not None and len(_missed) < _MAX_MISSED:
        _missed.append(line)
    print(line)


def beacon(text):
    """Print a line for programs, with a checksum. It is not kept in the log."""
    for symbol in _OBEYED + "\n":
        text = text.replace(symbol, "?")
    print("~M %s*%04x" % (text, binascii.crc32(text.encode()) & 0xFFFF))


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
    """Restart the board; the next start shows the last line as the reason."""
    if log:
        log.close()
    machine.reset()


def crashed():
    """Whether this start follows a reset by watchdog or program, not by power or a person."""
    person = [getattr(machine, name, None) for name in ("PWRON_RESET", "SOFT_RESET", "DEEPSLEEP_RESET")]
    return machine.reset_cause() not in person


def free_memory():
    """Bytes free on the Python heap after a collection; the place that is held for TLS counts as free."""
    gc.collect()
    return gc.mem_free() + len(_held or b"")


def unused_memory():
    """The same without a collection: what is garbage counts as used."""
    return gc.mem_free() + len(_held or b"")


def hold_piece():
    """Hold the place of a TLS connection, where TLS shares the heap, until the next one begins.

    Otherwise what is loaded for connecting lies in it, and the next input buffer in the largest free piece.
    """
    global _held
    if _build.TLS_HEAP_BYTES and _held is None:
        gc.collect()
        try:
            _held = bytearray(_build.TLS_PIECE_BYTES)  # no more: what comes to lie beside it would stay
        except MemoryError:
            pass


def release_piece(room=0):
    """Free that place: TLS begins, after a collection; or fewer than `room` bytes are free without it."""
    global _held
    if not room or gc.mem_free() < room:
        _held = None


def _is_free(steps):
    """Whether so many bytes in a row of the heap's table say "free", of four blocks each.

    Trying to allocate would take the memory for a moment, which nobody may do when it is short.
    """
    import uctypes

    return uctypes.bytearray_at(*_heap_table).find(bytes(steps)) >= 0


def _longest_run():
    """How many bytes in a row of the heap's table say "free", in whole pieces of 16."""
    import uctypes

    table = memoryview(uctypes.bytearray_at(*_heap_table))
    piece = bytes(16)
    longest = run = 0
    for at in range(0, len(table), 16):
        run = run + 16 if table[at : at + 16] == piece else 0
        longest = max(longest, run)
    return longest


def has_piece(size):
    """Whether `size` bytes are free in one piece."""
    if _held and len(_held) >= size:
        return True
    if _heap_table:
        gc.collect()
        return _is_free(-(-size // _BYTES_A_STEP))
    try:
        bytearray(size)
        return True
    except MemoryError:
        return False
    finally:
        gc.collect()


def largest_piece():
    """Bytes of the largest free piece, within 2 KB or 3 %; on an ESP32 of the heap that TLS uses."""
    try:
        import esp32

        return max(part[2] for part in esp32.idf_heap_info(esp32.HEAP_DATA))
    except (ImportError, AttributeError):
        pass
    size = free_memory()
    if _heap_table:
        return _longest_run() * _BYTES_A_STEP
    step = max(size // 32, 64)
    gc.disable()  # nothing becomes free by one: only the last try leaves garbage
    try:
        while size > 0:
            try:
                bytearray(size)
                break
            except MemoryError:
                size -= step
    finally:
        gc.enable()
    gc.collect()
    return max(size, 0)


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

    TLS needs 16 KB in one piece. If much is free, fragmentation costs less than the collections do: at the
    start they would take a second, and nothing is there yet to lie between the free pieces.
    """
    enough = _FREE_AT_START_BYTES if _is_starting else _FREE_BYTES
    gc.threshold(max(_COLLECT_EVERY_BYTES, (gc.mem_free() - enough) // _PART_OF_FREE))


def end_start():
    """The boot status is out, or something has failed on the way: from now on collect earlier."""
    global _is_starting
    _is_starting = False
    collect_often()


def start_watchdog():
    """Start the watchdog: the board resets unless fed every few seconds. Cannot be stopped."""
    global _watchdog
    if _watchdog is None:
        _watchdog = machine.WDT(timeout=_build.WATCHDOG_MS)


def feed():
    """Feed the watchdog: the loop turns."""
    global _fed_ms, _is_told
    _fed_ms = time.ticks_ms()
    _is_told = False
    if _watchdog:
        _watchdog.feed()


def watch_loop(limit_ms, on_stuck):
    """Call `on_stuck(ms)` when the loop has not turned for `limit_ms`, and no gate is open.

    Once, until it turns again, from a soft interrupt: that may allocate and write to the flash, which C code
    never leaves in the middle. It must be short, as the watchdog is not fed.
    """
    global _watch

    def look(_):
        global _is_told
        stood_ms = time.ticks_diff(time.ticks_ms(), _fed_ms)
        if stood_ms >= limit_ms and not _gates and not _is_told:
            _is_told = True
            on_stuck(stood_ms)

    feed()
    if _watch is None:
        _watch = machine.Timer(_build.LOOP_TIMER)
    _watch.init(period=limit_ms // 5, mode=machine.Timer.PERIODIC, callback=look)


def _end_watch():
    global _watch
    if _watch:
        _watch.deinit()
        _watch = None


def stand_by(on):
    """Feed without an event loop, without limit: at the REPL prompt, or until main.py starts."""
    if on:
        _end_watch()
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
        global _gates
        feed()
        gc.collect()
        if _build.HARD_TIMER:
            _feed_by_timer(self._limit_ms)
        # These last, because nothing undoes them when no timer is available.
        _gates += 1
        gc.threshold(gc.mem_free() // _PART_IN_GATE if self._makes_garbage else -1)

    def __exit__(self, *_):
        global _gates
        if _build.HARD_TIMER:
            _feed_by_timer(0)
        collect_often()
        feed()
        _gates -= 1  # now: whoever watches the loop waits for the blocking work to return, then looks at once
