"""Timers, pins, ticks and Ctrl-C of the virtual board."""

import pytest

from muster import interpreter
from muster.errors import MusterError
from muster.virtual import EXIT_WATCHDOG, VirtualBoard
from tests.port.virtual_run import TIMEOUT_S, lines, make

TIMERS = """
import machine, time
counts = [0, 0, 0]
def count(number):
    def callback(timer):
        counts[number] += 1
    return callback
never = machine.Timer(period=1000, callback=count(2))
never.deinit()
start = time.ticks_ms()
every = machine.Timer(period=20, mode=machine.Timer.PERIODIC, hard=True, callback=count(0))
once = machine.Timer()
once.init(period=20, mode=machine.Timer.ONE_SHOT, callback=count(1))
while counts[0] < 8 or not counts[1]:
    time.sleep_ms(5)
every.deinit()
seen = counts[0]
due = time.ticks_diff(time.ticks_ms(), start) // 20
while time.ticks_diff(time.ticks_ms(), start) < 1100:
    time.sleep_ms(20)
print(8 <= seen <= due, counts[0] == seen, counts[1:])
"""


@pytest.mark.parametrize("bits", [64, 32])
def test_timers_call_back_for_each_period_until_they_are_stopped(tmp_path, bits):
    assert lines(tmp_path, TIMERS, bits=bits) == ["True True [1, 0]"]


@pytest.mark.parametrize("hard", [True, False])
def test_a_hard_callback_cannot_allocate_and_an_exception_stops_the_timer(tmp_path, hard):
    program = f"""
import machine, time
kept = []
machine.Timer(period=10, hard={hard}, callback=lambda timer: kept.append(bytes(len(kept) + 200)))
time.sleep_ms(100)
print(len(kept) > 1)
"""
    found = lines(tmp_path, program)
    assert found[-1] == str(not hard)
    assert sum("uncaught exception in Timer callback" in line for line in found) == hard
    assert sum("MemoryError" in line for line in found) == hard


FED = """
import machine, time
dog = machine.WDT(timeout=150)
end = time.ticks_add(time.ticks_ms(), 500)
def feed(timer):
    if time.ticks_diff(end, time.ticks_ms()) > 0:
        dog.feed()
machine.Timer(period=50, hard=True, callback=feed)
time.sleep_ms(400)
print("alive")
time.sleep_ms(400)
print("late")
"""


@pytest.mark.parametrize("bits", [64, 32])
def test_a_timer_feeds_the_watchdog_as_long_as_it_likes(tmp_path, bits):
    if bits == 32 and interpreter.missing32():
        pytest.skip(interpreter.missing32())
    environment = {"TICKS_START": str(2**30 - 200)}  # its sums leave the small integers of 32 bits
    with VirtualBoard(make(tmp_path, {"/main.py": FED}), bits=bits, environment=environment) as board:
        assert board.wait(TIMEOUT_S) == EXIT_WATCHDOG
    assert board.lines[0] == "alive" and "not fed" in board.lines[-1] and len(board.lines) == 2


def test_a_held_pin_reads_low_as_an_input_only(tmp_path):
    program = """
from machine import Pin
for number in (1, 15, "GP15"):
    print(Pin(number, Pin.IN, Pin.PULL_UP).value(), Pin(number, Pin.OUT, value=1).value())
"""
    assert lines(tmp_path, program, PIN_LOW="15,2") == ["1 1", "0 1", "1 1"]
    assert lines(tmp_path, program) == ["1 1"] * 3


TICKS = """
import time, asyncio
start = time.ticks_ms()
async def late():
    await asyncio.sleep_ms(60000)
async def pause():
    task = asyncio.create_task(late())
    await asyncio.sleep_ms(300)
    try:
        await asyncio.wait_for_ms(asyncio.Event().wait(), 20)
    except asyncio.TimeoutError:
        task.cancel()
asyncio.run(pause())
end = time.ticks_ms()
later, took = time.ticks_diff(start, 2**30 - 200), time.ticks_diff(end, start)
print(0 <= later < 60000, end < 60000, 290 <= took < 60000)
print(time.ticks_add(2**30 - 1, 2), time.ticks_add(0, -1) == 2**30 - 1, time.ticks_diff(0, 2**30 - 5))
import asyncio.core
print(asyncio.core.ticks is time.ticks_ms)
"""


@pytest.mark.parametrize("bits", [64, 32])
def test_ticks_start_where_they_are_told_and_wrap_as_those_of_a_board(tmp_path, bits):
    found = lines(tmp_path, TICKS, bits=bits, TICKS_START=str(2**30 - 200))
    assert found == ["True True True", "1 True 5", "True"]


INTERRUPTED = """
import asyncio, machine
dog = machine.WDT(timeout=1500)
beats = 0
def beat(timer):
    global beats
    beats += 1
    if beats < 4:
        dog.feed()
        print("beat")
async def work():
    print("working")
    while True:
        await asyncio.sleep_ms(20)
        dog.feed()
try:
    asyncio.run(work())
except KeyboardInterrupt:
    machine.Timer(period=30, mode=machine.Timer.PERIODIC, callback=beat)
    raise
"""


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("file", ["/boot.py", "/main.py"])
def test_ctrl_c_gives_a_prompt_where_timers_run_and_the_watchdog_bites(tmp_path, file, bits):
    if bits == 32 and interpreter.missing32():
        pytest.skip(interpreter.missing32())
    path = make(tmp_path, {"/main.py": "print('main')", file: INTERRUPTED})
    with VirtualBoard(path, bits=bits) as board:
        board.wait_for("working", TIMEOUT_S)
        board.interrupt()
        board.wait_for(">>> ", TIMEOUT_S)
        assert board.wait(TIMEOUT_S) == EXIT_WATCHDOG
    prompt = board.lines.index(">>> ")
    assert board.lines[prompt - 1].startswith("KeyboardInterrupt")
    assert board.lines[prompt + 1 : prompt + 4] == ["beat"] * 3
    assert "main" not in board.lines


def test_ctrl_c_at_the_prompt_gives_a_new_one(tmp_path):
    with VirtualBoard(make(tmp_path, {"/main.py": "print('here')\nwhile True:\n    pass"})) as board:
        board.wait_for("here", TIMEOUT_S)
        board.interrupt()
        board.wait_for(">>> ", TIMEOUT_S)
        first = len(board.lines)
        board.interrupt()
        assert board.wait_for(">>> ", TIMEOUT_S, start=first) == ">>> "
        assert board.running
    with pytest.raises(MusterError, match="is off"):
        board.interrupt()
