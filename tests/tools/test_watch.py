"""`muster watch`: listens to the consoles of real boards, and leaves them to mpremote when it wants them."""

import json
import signal
import subprocess
import sys
import threading
import time

import pytest
from tests.system import rig

from cli_in_process import muster
from device.core import fields, paths
from muster import console, short_names
from muster.board_link import BoardLink
from muster.errors import FAILED, GOOD, NO_DEVICE
from muster.image import board_files, read_claim
from muster.watching import SILENT_S, Seen, Watch
from serial_board import SerialBoard

LONG_S = 120


def wait_until(watch, is_so):
    """Until `is_so()`, which is asked after each news of the boards."""
    end_s = time.monotonic() + LONG_S
    while not is_so():
        assert watch.news.wait(end_s - time.monotonic()), watch.seen
        watch.news.clear()


@pytest.fixture
def files(running_twin):
    """A board that finds the twin."""
    claim = read_claim(running_twin.claim_dir, running_twin.ca_pem_path)
    return board_files("virtual", documents=rig.documents(running_twin.port, "watched-1"), claim=claim)


@pytest.fixture(scope="module")
def running_twin(tmp_path_factory):
    """One for all tests here."""
    from muster.twin.server import running_twin as run

    with run(tmp_path_factory.mktemp("twin")) as twin:
        yield twin


def test_a_board_is_seen_until_it_is_up_and_one_that_fails_with_its_reason(files, tmp_path):
    broken = board_files("virtual", documents={paths.CONF: {fields.DEVICE: {fields.SERIAL_ID: "broken-1"}}})
    with (
        SerialBoard(tmp_path / "good.img", files) as good,
        SerialBoard(tmp_path / "broken.img", broken) as bad,
        Watch((good.port, bad.port)) as watch,
    ):
        wait_until(watch, lambda: watch.seen[good.port].is_up())
        wait_until(watch, lambda: watch.seen[bad.port].beacon and watch.seen[bad.port].beacon.error)
        up, failing = watch.seen[good.port], watch.seen[bad.port]
        assert (up.beacon.name, up.step()) == ("watched-1", "up")
        assert failing.beacon.error.startswith("provision: ") and not failing.is_up()


def test_listening_changes_nothing_and_mpremote_goes_first(files, tmp_path):
    with SerialBoard(tmp_path / "flash.img", files) as board, Watch((board.port,)) as watch:
        wait_until(watch, lambda: watch.seen[board.port].is_up())
        up_s = watch.seen[board.port].beacon.up_s
        wait_until(watch, lambda: watch.seen[board.port].beacon.up_s > up_s)
        link = BoardLink(board.port)
        for number in range(5):
            text = "x" * 3000
            assert link.execute(f"print({number}, {text!r})").strip() == f"{number} {text}"
        link.start()
        wait_until(watch, lambda: watch.seen[board.port].is_up())


def test_the_table_of_a_moment(files, tmp_path):
    with SerialBoard(tmp_path / "flash.img", files) as board:
        board.wait_for(rig.DONE)
        done = muster("watch", "--port", board.port, "--once", "-o", "json")
        assert done.returncode == GOOD, done.stdout + done.stderr
        (row,) = json.loads(done.stdout)["response"]
        assert (row["name"], row["step"], row["error"]) == ("watched-1", "up", "")
    with SerialBoard(tmp_path / "other.img", {"/main.py": b"print('mine')\n"}) as other:
        done = muster("watch", "--port", other.port, "--once", "--wait", "1")
        assert done.returncode == FAILED
    done = muster("watch", "--port", tmp_path / "none", "--once", "--wait", "0")
    assert done.returncode == FAILED and "unplugged" in done.stdout


def test_without_boards_it_says_so(monkeypatch):
    monkeypatch.setattr(console, "boards", list)
    done = muster("watch", "--once", "--wait", "0")
    assert done.returncode == NO_DEVICE and "plug one in" in done.stderr
    assert muster("watch", "-o", "json").returncode == 2


def test_a_board_that_is_plugged_in_later_is_taken_and_one_that_goes_is_said(files, tmp_path, monkeypatch):
    plugged_in: list[str] = []
    monkeypatch.setattr(console, "boards", lambda: list(plugged_in))
    with Watch() as watch:
        with SerialBoard(tmp_path / "flash.img", files) as board:
            plugged_in.append(board.port)
            wait_until(watch, lambda: board.port in watch.seen and watch.seen[board.port].is_up())
        wait_until(watch, lambda: watch.seen[board.port].step() == "unplugged")
        assert watch.seen[board.port].beacon is None


def test_a_board_that_says_nothing_is_listened_to_before_it_is_called_silent():
    board = Seen("port", console.HEARD)
    assert board.step() == "listening"
    board.since_s -= SILENT_S
    assert board.step() == "silent"


def test_a_restart_forgets_what_was():
    board = Seen("port", console.HEARD)
    board.hear("~M 900;up;90000;-61;camera-1;pico_w-1;*0000")
    assert board.beacon is None and board.step() == "no program of Muster's"
    text = "900;up;90000;-61;camera-1;pico_w-1;"
    import binascii

    board.hear(f"~M {text}*{binascii.crc32(text.encode()) & 0xFFFF:04x}")
    assert board.is_up()
    board.hear("    890123 ms  heartbeat  up")
    assert board.is_up()
    board.hear("      12 ms  network    joining \x1b[2J")
    assert not board.is_up() and board.step() == "network: joining \\x1b[2J"


def test_a_flood_without_line_ends_takes_no_memory(tmp_path):
    flood = b"while True:\n    print('x' * 1000, end='')\n"
    lines: list[str] = []
    with SerialBoard(tmp_path / "flash.img", {"/main.py": flood}) as board:
        heard = console.Console(board.port)
        over = threading.Event()
        reader = threading.Thread(target=lambda: lines.extend(heard.lines(over.is_set)))
        reader.start()
        board.wait_for("x" * 100)
        over.set()
        reader.join()
    assert max(map(len, lines), default=0) <= 4096 and len(heard._begun) <= 4096


def test_logs_are_followed_with_the_names_of_the_source(tmp_path):
    module, short, name = next(
        (module, short, name)
        for module, names in short_names.long_names().items()
        for short, name in names.items()
        if short != name
    )
    frame = f'  File "{module}", line 7, in {short}'
    program = f"import time\nwhile True:\n    print({frame!r})\n    time.sleep(0.1)\n".encode()
    with SerialBoard(tmp_path / "flash.img", {"/main.py": program}) as board:
        words = [sys.executable, "-m", "muster", "logs", "-f", "--port", board.port]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as following:
            assert following.stdout is not None
            for line in following.stdout:
                if "line 7" in line:
                    break
            following.send_signal(signal.SIGINT)
            _, said = following.communicate(timeout=LONG_S)
    assert line.rstrip("\n") == f'  File "{module}", line 7, in {name}'
    assert following.returncode == GOOD and not said
    assert muster("log", "-f", "--image", tmp_path / "flash.img").returncode == 2
