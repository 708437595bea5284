"""Log, loop watch and heap of device.port.board; run under MicroPython by test_board.py."""

import gc

import uctypes
from board_cases import Console, Esp32, Machine, With, only_timer

from check import raises
from device.core.log import DEBUG, WARN, Ring
from device.core.secret import Secret
from device.port import board, kept


def test_only_text_is_logged():
    with Console() as lines:
        for value in (Secret("marker-1"), b"marker-1", bytearray(b"marker-1"), ["marker-1"], None, 5):
            error = raises(TypeError, board.say, "app", value)
            assert "marker" not in str(error)
        assert lines == []
        board.say("app", f"the password is {Secret('marker-1')}")
        assert lines[0].endswith("the password is ***")


def test_a_loop_that_logs_is_held_back_and_told():
    with Console() as lines:
        for _ in range(1000):
            board.say("app", "again")
        count = len(lines)
        assert 60 <= count < 100, count
        board.say("network", "joined")
        assert len(lines) == count + 1
        board._quota._sources["app"][1] -= 1000
        board.say("app", "again")
        assert f"{1000 - count} lines left out: too many at once" in lines[-2]


def test_lines_go_into_the_ring_with_their_level():
    with Console():
        board.log = Ring(bytearray(600))
        try:
            board.say("network", "joined")
            board.say("mqtt", "lost", WARN)
            board.say("mqtt", "detail", DEBUG)
            board.verbose(True)
            board.say("mqtt", "detail", DEBUG)
            found = [line[1:4] for line in board.log.lines()]
        finally:
            board.log = None
            board.verbose(False)
    assert found == [
        ("info", "network", "joined"),
        ("warn", "mqtt", "lost"),
        ("debug", "mqtt", "detail"),
    ]


def test_a_loop_that_stands_still_is_told_once_until_it_turns():
    told = []
    with With(LOOP_TIMER=5):
        board.watch_loop(1000, told.append)
        timer = only_timer()
        assert timer.number == 5 and "hard" not in timer.options, "it writes to the flash"
        timer.tick(3)
        assert told == []
        board._fed_ms -= 1500
        timer.tick(3)
        assert len(told) == 1 and told[0] >= 1500
        board.feed()
        timer.tick(1)
        board._fed_ms -= 2500
        timer.tick(2)
        assert len(told) == 2 and told[1] >= 2500
        board.feed()
        with board.gate(5000):
            board._fed_ms -= 9000
            timer.tick(1)
        assert len(told) == 2, "blocking work is allowed in a gate"
        board.stand_by(True)
        assert timer not in Machine.timers, "at the prompt nothing turns"
        board.stand_by(False)


def test_the_cause_of_a_start():
    class Pico(Machine):
        mem32 = {0x40058008: 1}

    real = kept.machine, kept._build
    try:
        kept.machine, kept._build = Pico, type("Facts", (), {"WATCHDOG_REASON": 0x40058008})
        for cause, orderly, reason, wanted in (
            (1, False, 0, "power-on"),
            (1, True, 0, "power-on"),
            (3, False, 1, "watchdog"),
            (3, False, 2, "reset"),
            (3, True, 2, "program"),
        ):
            Machine.cause, Pico.mem32[0x40058008] = cause, reason
            assert kept.cause(orderly) == wanted, (cause, orderly, reason)
        kept.machine, kept._build = Esp32, type("Facts", (), {"WATCHDOG_REASON": None})
        for cause, orderly, wanted in (
            (1, False, "power-on"),
            (2, True, "program"),
            (2, False, "reset"),
            (3, False, "watchdog"),
            (4, False, "soft reset"),
            (5, False, "soft reset"),
        ):
            Machine.cause = cause
            assert kept.cause(orderly) == wanted, (cause, orderly)
    finally:
        Machine.cause = 1
        kept.machine, kept._build = real


def test_pieces_of_the_heap():
    free = board.free_memory()
    largest = board.largest_piece()
    assert 0 < largest <= free and gc.isenabled()
    assert board.has_piece(1024) and not board.has_piece(free + 1)


def test_pieces_by_the_heap_s_own_table():
    table = bytearray(b"\x55" * 128)
    table[10:100] = bytes(90)
    board._heap_table = uctypes.addressof(table), len(table)
    try:
        assert board.largest_piece() == 80 * 64, "in whole pieces of a KB"
        assert board.has_piece(90 * 64) and not board.has_piece(90 * 64 + 1)
    finally:
        board._heap_table = None


def test_a_line_that_comes_while_another_is_added_leaves_the_ring_alone():
    class Interrupted(Ring):
        def add(self, ms, level, source, text):
            if text == "outer":
                board.say("health", "the last words")  # as from the timer
            Ring.add(self, ms, level, source, text)

    with Console() as lines:
        board.log = Interrupted(bytearray(600))
        try:
            board.say("app", "outer")
            board.say("app", "next")
            found = [line[3] for line in board.log.lines()]
        finally:
            board.log = None
    assert found == ["outer", "next"] and len(lines) == 3
