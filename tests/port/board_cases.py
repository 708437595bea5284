"""device.port.board with hardware of our own; run under MicroPython by test_board.py."""

import builtins
import gc
import time

from check import raises
from device.core.failures import GIVE_UP, Failure
from device.core.log import Quota
from device.port import board, clock, pins


class _Watchdog:
    def __init__(self, timeout):
        self.timeout = timeout
        self.fed = 0
        Machine.watchdogs.append(self)

    def feed(self):
        self.fed += 1


class _Timer:
    PERIODIC = 1
    error = None

    def __init__(self, number):
        self.number = number

    def init(self, **options):
        if _Timer.error:
            raise _Timer.error
        self.options = options
        Machine.timers.append(self)

    def deinit(self):
        if self in Machine.timers:
            Machine.timers.remove(self)

    def tick(self, count):
        for _ in range(count):
            self.options["callback"](self)


class _Pin:
    IN, OUT, PULL_UP = "in", "out", "up"
    low = None

    def __init__(self, *how):
        if how[0] == 77:
            raise ValueError("invalid pin")
        self.how = how

    def __call__(self):
        assert self.how[1:] == ("in", "up")
        return 0 if self.how[0] == _Pin.low else 1


class Machine:
    """Stands for `machine`; `cause` is that of the last reset."""

    WDT, Timer, Pin = _Watchdog, _Timer, _Pin
    PWRON_RESET, WDT_RESET = 1, 3
    watchdogs = []
    timers = []
    cause = 1

    @staticmethod
    def reset_cause():
        return Machine.cause

    @staticmethod
    def unique_id():
        return b"\x00\xff\x10"


class Esp32(Machine):
    HARD_RESET, DEEPSLEEP_RESET, SOFT_RESET = 2, 4, 5


class Build:
    """Stands for `_build`."""

    BOARD, WATCHDOG_MS, ESCAPE_PIN = "some_board", 8388, 22
    TIMER, HARD_TIMER, INTERVALS = -1, True, {"ping_ms": 7}


class With:
    """While this lasts, the board has this hardware and these facts, and its watchdog runs or not."""

    def __init__(self, machine=Machine, watchdog=True, **facts):
        self._machine = machine
        self._watchdog = watchdog
        self._build = type("Changed", (Build,), facts)

    def __enter__(self):
        self._real = board.machine, board._build
        board.machine, board._build = pins.machine, pins._build = self._machine, self._build
        board._watchdog = board._timer = _Timer.error = None
        board._gates = 0
        Machine.watchdogs, Machine.timers = [], []
        if self._watchdog:
            board.start_watchdog()
        return Machine.watchdogs[0] if self._watchdog else None

    def __exit__(self, *_):
        board.machine, board._build = pins.machine, pins._build = self._real
        board._watchdog = board._timer = None
        gc.threshold(-1)


def only_timer():
    (timer,) = Machine.timers
    return timer


def test_the_watchdog_is_started_once_with_the_limit_of_the_board():
    with With(WATCHDOG_MS=30000) as watchdog:
        board.start_watchdog()
        assert Machine.watchdogs == [watchdog] and watchdog.timeout == 30000
        board.feed()
        assert watchdog.fed == 1


def test_without_a_watchdog_nothing_is_fed():
    with With(watchdog=False):
        board.feed()
        board.stand_by(True)
        with board.gate(5000):
            pass
        assert not Machine.timers and not Machine.watchdogs


def test_a_gate_feeds_from_a_hard_interrupt_until_its_limit():
    with With(TIMER=2) as watchdog:
        with board.gate(5000):
            before = watchdog.fed
            timer = only_timer()
            assert timer.number == 2 and timer.options["hard"] is True
            assert (timer.options["period"], timer.options["mode"]) == (1000, _Timer.PERIODIC)
            timer.tick(4)
            assert watchdog.fed == before + 4
            timer.tick(10)
            assert watchdog.fed == before + 5, "a hang still resets the board"
        assert not Machine.timers and watchdog.fed > before + 5


def test_a_gate_is_left_whatever_its_body_raises():
    errors = (KeyError(), MemoryError(), KeyboardInterrupt(), GeneratorExit())
    for error, makes_garbage in [(error, kind) for error in errors for kind in (False, True)]:
        with With() as watchdog:
            board.collect_often()
            everyday = gc.threshold()
            try:
                with board.gate(5000, makes_garbage):
                    # MicroPython says "no threshold" as -1 or as a very large number.
                    is_off = not 0 <= gc.threshold() < gc.mem_free()
                    assert is_off != makes_garbage and (is_off or gc.threshold() > everyday)
                    before = watchdog.fed
                    raise error
            except BaseException as found:
                assert found is error
            assert gc.threshold() < everyday * 5 // 4 and not Machine.timers and watchdog.fed == before + 1


def test_the_interrupt_of_a_gate_takes_no_memory():
    import micropython

    with With() as watchdog, board.gate(5000):
        timer = only_timer()
        turn = timer.options["callback"]
        before = watchdog.fed
        micropython.heap_lock()
        try:
            for _ in range(8):
                turn(timer)
        finally:
            micropython.heap_unlock()
        assert watchdog.fed == before + 5


def test_a_board_without_hard_timers_has_none_in_a_gate():
    with With(HARD_TIMER=False) as watchdog:
        with board.gate(5000):
            assert not Machine.timers
        assert watchdog.fed == 2


def test_a_timer_that_is_not_to_be_had_leaves_the_threshold_alone():
    with With():
        board.collect_often()
        everyday = gc.threshold()
        _Timer.error = OSError(12)
        gate = board.gate(5000)
        raises(OSError, gate.__enter__)
        assert gc.threshold() == everyday
        _Timer.error = None
        with gate:
            assert len(Machine.timers) == 1
        assert not Machine.timers


def test_whoever_watches_the_loop_sees_no_hang_in_a_gate_nor_at_its_end():
    told = []
    collect = board.collect_often

    def stand_still():
        board._fed_ms = time.ticks_add(time.ticks_ms(), -6000)

    with With(LOOP_TIMER=1):
        board.watch_loop(5000, told.append)
        look = board._watch.options["callback"]
        try:
            with board.gate(20000):
                stand_still()
                look(None)
                board.collect_often = lambda: look(None)  # what waited for the C code to return runs now
            look(None)
            assert told == []
            _Timer.error = OSError(12)
            raises(OSError, board.gate(5000).__enter__)
            stand_still()
            look(None)
            assert len(told) == 1, "a gate that could not be opened is not open"
        finally:
            _Timer.error, board.collect_often = None, collect
            board._end_watch()


def test_standing_by_feeds_without_end_until_it_is_over():
    for hard in (True, False):
        with With(HARD_TIMER=hard) as watchdog:
            board.stand_by(True)
            board.stand_by(True)
            timer = only_timer()
            assert timer.options.get("hard", False) is hard
            fed = watchdog.fed
            assert fed, "at once, too: the timer's first turn is a second away"
            timer.tick(5000)
            assert watchdog.fed == fed + 5000
            board.stand_by(False)
            board.stand_by(False)
            assert not Machine.timers


def test_garbage_is_collected_early_but_not_all_the_time():
    class Gc:
        threshold = gc.threshold

        @staticmethod
        def mem_free():
            return Gc.free

    was_starting, board.gc = board._is_starting, Gc
    try:
        for board._is_starting in (True, False):
            enough = board._FREE_AT_START_BYTES if board._is_starting else board._FREE_BYTES
            for Gc.free, threshold in (
                (1000, 4096),
                (enough, 4096),
                (enough + 8192 * board._PART_OF_FREE, 8192),
                (1 << 24, ((1 << 24) - enough) // board._PART_OF_FREE),
            ):
                board.collect_often()
                assert threshold - 64 < gc.threshold() <= threshold  # it counts in blocks
        board._is_starting, Gc.free = True, 2 * board._FREE_BYTES
        board.collect_often()
        at_start = gc.threshold()
        board.end_start()
        assert gc.threshold() < at_start
    finally:
        board._is_starting, board.gc = was_starting, gc
        gc.threshold(-1)


def test_resets_that_count_as_a_crash():
    with With():
        for Machine.cause, crashed in ((1, False), (3, True)):
            assert board.crashed() is crashed
    with With(Esp32):
        for Machine.cause, crashed in ((1, False), (2, True), (3, True), (4, False), (5, False)):
            assert board.crashed() is crashed, Machine.cause


def test_the_escape_pin():
    for pin, low, held in ((22, 22, True), (22, None, False), (0, 0, True), (None, None, False)):
        with With(ESCAPE_PIN=pin):
            _Pin.low = low
            assert board.held() is held


def test_pins():
    with With():
        assert board.pin(None) is None and board.pin(None, True) is None
        assert board.pin("LED", True).how == ("LED", "out")
        assert board.pin(0).how == (0, "in", "up")
        for is_output in (True, False):
            failure = raises(Failure, board.pin, 77, is_output)
            assert failure.kind == GIVE_UP and "this board has no pin 77" in str(failure)


def test_name_and_intervals():
    with With():
        assert board.name() == "some_board-00ff10"
        assert board.interval("ping_ms", 1000) == 7 and board.interval("other_ms", 1000) == 1000


def test_random_bytes():
    assert len(board.random_bytes(16)) == 16 and board.random_bytes(16) != board.random_bytes(16)


def test_memory():
    assert board.free_memory() > 0
    assert board.memory_text().endswith(" bytes free")


class Console:
    """While this lasts, `lines` is what is printed; `missed` as at a start with a late console."""

    def __init__(self, missed=None):
        self.lines = []
        self._missed = missed

    def __enter__(self):
        self._real = board._missed
        board._missed = self._missed
        board._quota = Quota()
        board.print = lambda line: self.lines.append(line)
        return self.lines

    def __exit__(self, *_):
        board._missed = self._real
        board.print = builtins.print


def test_lines_begin_with_the_time_and_the_step():
    with Console() as lines:
        board.say("network", "joined")
        board.say_again()
    before, after = lines[0].split(" ms  ")
    assert 0 <= int(before) <= clock.ms() and after == "network    joined" and len(lines) == 1


def test_a_text_does_not_steer_the_terminal():
    with Console() as lines:
        board.say("app", "\x1b[2J\x9b2Ja\rb\bc\nd")
        assert lines[0].split("  app        ")[1] == "?[2J?2Ja?b?c\nd", lines


def test_lines_that_nobody_could_see_are_said_again_once():
    with Console([]) as lines:
        board.say("a", "1")
        board.say("b", "2")
        first = list(lines)
        board.say_again()
        assert lines == first * 2
        board.say("c", "3")
        board.say_again()
        assert len(lines) == 5, "what was seen is not said again"


def test_only_so_many_lines_are_kept():
    with Console([]) as lines:
        for number in range(100):
            board.say("a" if number % 2 else "b", str(number))
        board.say_again()
        assert len(lines) == 140 and lines[-1] == lines[39]


def test_a_traceback_is_text_of_a_kilobyte_at_most():
    def deep(left):
        if left:
            deep(left - 1)
        raise KeyError("the cause")

    for depth in (0, 40):
        text = board.traceback(raises(KeyError, deep, depth))
        assert "KeyError: the cause" in text and len(text) <= 1024
        assert depth or text.startswith("Traceback")
