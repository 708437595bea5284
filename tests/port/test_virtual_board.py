"""The virtual board: boots real LittleFS images as firmware does, and loses power where it is told to."""

import os

import pytest

from muster import interpreter
from muster.errors import MusterError
from muster.image import build_image, read_image
from muster.virtual import (
    EXIT_END,
    EXIT_EXCEPTION,
    EXIT_POWER_CUT,
    EXIT_RESET,
    EXIT_WATCHDOG,
    VirtualBoard,
)
from tests.port.virtual_run import JOIN, TIMEOUT_S, make, run


def test_boot_and_main_share_their_names(tmp_path):
    code, console, _ = run(tmp_path, "print('main', x, __name__)", "x = 7\nprint('boot')")
    assert (code, console) == (EXIT_END, "boot\nmain 7 __main__")


def test_missing_files_are_fine(tmp_path):
    with VirtualBoard(make(tmp_path, {"/other": ""})) as board:
        assert board.wait(TIMEOUT_S) == EXIT_END


def test_an_exception_in_boot_keeps_main_from_running(tmp_path):
    code, console, _ = run(tmp_path, "print('main')", "1/0")
    assert code == EXIT_EXCEPTION
    assert "ZeroDivisionError" in console and "main" not in console.splitlines()


def test_an_exception_in_main_is_shown(tmp_path):
    code, console, _ = run(tmp_path, "raise ValueError('told')")
    assert code == EXIT_EXCEPTION
    assert 'File "/main.py", line 1' in console and "ValueError: told" in console


def test_the_image_is_the_only_file_system(tmp_path):
    program = """
import os, sys
print(os.listdir("/"), sys.path)
try:
    open("/etc/passwd")
except OSError:
    print("none")
"""
    _, console, _ = run(tmp_path, program)
    assert console == "['boot.py', 'main.py'] ['', '.frozen', '/lib']\nnone"


def test_modules_come_from_lib(tmp_path):
    path = make(
        tmp_path, {"/main.py": "from pack import thing\nprint(thing.X)", "/lib/pack/thing.py": "X = 5"}
    )
    with VirtualBoard(path) as board:
        board.wait(TIMEOUT_S)
    assert board.console == "5"


def test_reset_ends_the_run_and_nothing_runs_after_it(tmp_path):
    program = """
import machine
try:
    machine.reset()
except Exception:
    print("caught")
finally:
    open("/after", "w").close()
"""
    code, console, files = run(tmp_path, program)
    assert code == EXIT_RESET
    assert "caught" not in console and "/after" not in files


def test_sys_exit_is_a_soft_reset(tmp_path):
    code, console, _ = run(tmp_path, "print('main')", "import sys\nsys.exit(0)")
    assert code == EXIT_RESET and "main\n" not in console


def test_restart_boots_again_on_what_was_written(tmp_path):
    program = """
import machine, os
print("cause", machine.reset_cause())
if "mark" in os.listdir("/"):
    print("second")
else:
    open("/mark", "w").close()
    machine.reset()
"""
    path = make(tmp_path, {"/main.py": program})
    with VirtualBoard(path, restart=True) as board:
        assert board.wait(TIMEOUT_S) == EXIT_END
    assert (board.lines[0], board.lines[-2:]) == ("cause 1", ["cause 3", "second"])
    assert board.starts == 2


@pytest.mark.parametrize(
    "wait",
    [
        "time.sleep(5)",
        "while True: time.ticks_ms()",
        "asyncio.run(pause())",
        "while True: open('/f', 'w').close()",
    ],
)
def test_watchdog_bites_when_it_is_not_fed(tmp_path, wait):
    program = f"""
import machine, time, asyncio
async def pause():
    await asyncio.sleep_ms(100)
machine.WDT(timeout=50)
try:
    {wait}
except Exception:
    pass
print("late")
"""
    code, console, _ = run(tmp_path, program)
    assert code == EXIT_WATCHDOG
    assert "not fed in time" in console and "late" not in console


def test_watchdog_is_content_while_it_is_fed(tmp_path):
    program = """
import machine, time
dog = machine.WDT(timeout=8000)
for _ in range(5):
    time.sleep_ms(2)
    dog.feed()
"""
    assert run(tmp_path, program)[0] == EXIT_END


def test_watchdog_limit_is_that_of_the_chip(tmp_path):
    program = """
import machine
try:
    machine.WDT(timeout=8389)
    print("ok")
except ValueError:
    print("refused")
"""
    assert run(tmp_path, program)[1] == "refused"
    assert run(tmp_path, program, environment={"KIND": "esp32"})[1] == "ok"


CLOCK = """
import machine
print(time.gmtime()[:3], time.gmtime(0)[0], machine.RTC().datetime()[:3])
machine.RTC().datetime((2030, 5, 6, 0, 7, 8, 9, 0))
print(time.gmtime()[:5])
for t in range(0, 1000000000, 86400 * 37 + 11):
    assert time.mktime(time.gmtime(t)) == t, t
"""


@pytest.mark.parametrize(
    ("kind", "epoch", "unix"), [("pico_w", 1970, 1609459200), ("esp32", 2000, 946684800)]
)
def test_clock_starts_in_the_past_and_is_set_by_hand(tmp_path, kind, epoch, unix):
    code, console, _ = run(tmp_path, CLOCK, JOIN, environment={"KIND": kind, "CLOCK": str(unix)})
    year = 2021 if kind == "pico_w" else 2000
    assert (code, console) == (
        EXIT_END,
        f"({year}, 1, 1) {epoch} ({year}, 1, 1)\n(2030, 5, 6, 7, 8)",
    )


NETWORK = """
import network, socket, time
station = network.WLAN(network.STA_IF)
station.active(True)
station.connect("home", "right")
while station.status() == network.STAT_CONNECTING:
    time.sleep_ms(2)
for name in ("GOT_IP", "NO_AP_FOUND", "WRONG_PASSWORD"):
    if station.status() == getattr(network, "STAT_" + name):
        print(name, station.isconnected())
def found(name):
    try:
        socket.getaddrinfo(name, 80)
        return True
    except OSError:
        return False
print(found("127.0.0.1"), found("board.example"))
"""

HOSTS = {"HOSTS": "other=127.0.0.2,board.example=127.0.0.1"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (HOSTS, ["GOT_IP True", "True True"]),
        ({**HOSTS, "NETWORKS": '{"home": "right"}'}, ["GOT_IP True", "True True"]),
        ({**HOSTS, "DNS": "down"}, ["GOT_IP True", "True False"]),
        ({**HOSTS, "NETWORKS": '{"home": "other"}'}, ["WRONG_PASSWORD False", "False False"]),
        ({**HOSTS, "NETWORKS": '{"away": "right"}'}, ["NO_AP_FOUND False", "False False"]),
        ({**HOSTS, "NETWORK": "down"}, ["NO_AP_FOUND False", "False False"]),
        ({**HOSTS, "NETWORK": "drops:0"}, ["NO_AP_FOUND False", "False False"]),
    ],
)
@pytest.mark.parametrize("kind", ["pico_w", "esp32"])
def test_network_behaves_as_it_is_told(tmp_path, environment, expected, kind):
    assert run(tmp_path, NETWORK, environment={**environment, "KIND": kind})[1].splitlines() == expected


def test_unique_id_has_the_length_of_the_chip(tmp_path):
    program = "import machine, binascii\nprint(binascii.hexlify(machine.unique_id()).decode())"
    assert len(run(tmp_path, program)[1]) == 16
    assert len(run(tmp_path, program, environment={"KIND": "esp32"})[1]) == 12
    assert run(tmp_path, program, environment={"UNIQUE_ID": "0011"})[1] == "0011"


WRITER = """
import os
def put(path, content):
    with open(path + ".new", "wb") as file:
        file.write(content)
    os.rename(path + ".new", path)
put("/small", b"new small")
put("/large", b"N" * 9000)
os.mkdir("/folder")
put("/folder/deep", b"deep")
os.remove("/gone")
print("written")
"""
OLD = {"/small": b"old small!", "/large": b"O" * 7000, "/gone": b"x" * 600}


def whole(files):
    """Is every file old or new, never in between?"""
    assert files["/small"] in (OLD["/small"], b"new small")
    assert files["/large"] in (OLD["/large"], b"N" * 9000)
    assert files.get("/gone", OLD["/gone"]) == OLD["/gone"]
    assert files.get("/folder/deep", b"deep") == b"deep"


@pytest.mark.sweep
@pytest.mark.parametrize("kind", ["pico_w", "esp32"])
@pytest.mark.parametrize("tear", [False, True])
def test_power_cut_at_every_operation_leaves_old_or_new(tmp_path, kind, tear):
    step = 1 if kind == "pico_w" or os.environ.get("MUSTER_SWEEP") == "full" else 4  # of a larger flash
    environment = {"KIND": kind}
    fresh = build_image({**OLD, "/main.py": WRITER.encode()}, kind)
    path = tmp_path / "flash.img"
    path.write_bytes(fresh)
    with VirtualBoard(path, environment=environment) as board:
        assert board.wait(TIMEOUT_S) == EXIT_END
    count = len(board.operations)
    assert count > 20 and set(board.operations) == {"P", "E"}
    seen = set()
    for number in range(1, count + 1, step):
        path.write_bytes(fresh)
        with VirtualBoard(path, cut_at=number, tear=tear, environment=environment) as board:
            assert board.wait(TIMEOUT_S) == EXIT_POWER_CUT
        assert len(board.operations) == number and "written" not in board.console
        files = read_image(path.read_bytes())
        whole(files)
        seen.add(files["/small"])
    assert seen == {OLD["/small"], b"new small"}
    # MicroPython itself reads what the last cut left, and the same program then completes.
    with VirtualBoard(path, environment=environment) as board:
        board.wait(TIMEOUT_S)


def test_a_board_without_power_stays_off_whatever_the_program_does(tmp_path):
    program = """
try:
    open("/a", "w").close()
except BaseException:
    pass
try:
    open("/b", "w").close()
finally:
    print("later")
"""
    code, console, files = run(tmp_path, program, cut_at=1)
    assert code == EXIT_POWER_CUT
    assert not {"/a", "/b"} & set(files)
    assert console == "virtual board: power cut at operation 1", "and then it says nothing"


def test_swallowing_the_cut_does_not_bring_the_board_back(tmp_path):
    program = "try:\n open('/a', 'w').close()\nexcept BaseException:\n pass\n"
    assert run(tmp_path, program, cut_at=1)[0] == EXIT_POWER_CUT


@pytest.mark.parametrize("kind", ["pico_w", "esp32"])
def test_host_and_board_read_each_others_files(tmp_path, kind):
    content = {f"/lib/n{size}": bytes(range(256)) * size for size in (0, 1, 2, 3, 8, 40)}
    content["/lib/short"] = b"s" * 127
    program = b"""
import os
for name in os.listdir("/lib"):
    with open("/lib/" + name, "ab") as file:
        file.write(b"!")
"""
    path = tmp_path / "flash.img"
    path.write_bytes(build_image({**content, "/main.py": program}, kind))
    with VirtualBoard(path, environment={"KIND": kind}) as board:
        assert board.wait(TIMEOUT_S) == EXIT_END, board.console
    files = read_image(path.read_bytes())
    assert {name: files[name] for name in content} == {name: data + b"!" for name, data in content.items()}


def test_a_full_flash_is_an_error_of_the_board(tmp_path):
    program = """
try:
    open("/big", "wb").write(bytes(900000))
except OSError as error:
    print(error.errno)
"""
    assert run(tmp_path, program)[1] == "28"


def test_small_heap_on_the_32_bit_interpreter(tmp_path):
    if interpreter.missing32():
        pytest.skip(interpreter.missing32())
    program = """
import gc, machine, network
gc.collect()
print(gc.mem_free())
with open("/f", "w") as file:
    file.write("x" * 3000)
"""
    code, console, files = run(tmp_path, program, bits=32, heap_kb=64)
    assert code == EXIT_END and len(files["/f"]) == 3000
    assert int(console) > 40000


def test_waiting_for_a_line_tells_the_whole_console(tmp_path):
    path = make(tmp_path, {"/main.py": "print('one')\nprint('two')"})
    with VirtualBoard(path) as board:
        assert board.wait_for("tw", TIMEOUT_S) == "two"
        with pytest.raises(MusterError, match=r"stopped \(exit code 0\) without 'three'(.|\n)*\| one"):
            board.wait_for("three", TIMEOUT_S)


def test_waiting_has_an_end(tmp_path):
    path = make(tmp_path, {"/main.py": "import time\nprint('ready')\ntime.sleep(60)"})
    with VirtualBoard(path) as board:
        board.wait_for("ready", TIMEOUT_S)
        with pytest.raises(MusterError, match="has not printed within 0.01 s 'never'"):
            board.wait_for("never", 0.01)
        with pytest.raises(MusterError, match="still runs"):
            board.wait(0.01)
    assert not board.running


def test_wrong_use_is_a_sentence(tmp_path):
    with pytest.raises(MusterError, match="there is no image"):
        VirtualBoard(tmp_path / "none.img")
    with pytest.raises(MusterError, match="no setting WEATHER"):
        VirtualBoard(make(tmp_path, {}), environment={"WEATHER": "bad"})
    with pytest.raises(MusterError, match="16 bits"):
        VirtualBoard(make(tmp_path, {}), bits=16)
