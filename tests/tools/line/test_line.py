"""`muster line`: boards in, working devices out, whatever is unplugged or killed when."""

import contextlib
import csv
import json

import pytest

from boards.esp_board import EspBoard
from muster.errors import GOOD as GOOD_CODE
from muster.errors import INTERRUPTED
from muster.line.ledger import FAILED, PASSED
from muster.registry import flashes
from tools.flashing.conftest import Line
from tools.line.factory_floor import BAD, GOOD, Floor, Running, beacon, says_it_is_up

STATIONS = 4


def mac(number):
    return f"24:0a:c4:00:{number // 256:02x}:{number % 256:02x}"


def rows_of(line):
    folder = line.home / "line"
    rows = [json.loads(text) for text in (folder / "ledger.jsonl").read_text().splitlines()]
    with (folder / "ledger.csv").open(newline="") as file:
        assert [row["device"] for row in csv.DictReader(file)] == [row["device"] for row in rows]
    assert (folder / "ledger.csv").stat().st_mode & 0o777 == 0o600
    return rows


def agree(line, boards):
    """Ledger, registry and boards say the same of every device."""
    passed = {row["device"]: row["board_id"] for row in rows_of(line) if row["result"] == PASSED}
    known = line.known()
    assert {one.device: one.board_id for one in known} == passed
    assert {one.state for one in known} == {flashes.PASSED}
    assert {board.mac: line.on(bytes(board.flash)) for board in boards} == {
        number: device for device, number in passed.items()
    }
    assert len(passed) == len(set(passed.values())) == len(boards)


@pytest.fixture
def start():
    """Start lines; none goes on after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *words: stack.enter_context(Running(*words))


@pytest.fixture
def links(tmp_path):
    return [tmp_path / f"port{number}" for number in range(1, STATIONS + 1)]


def test_a_hundred_boards_with_clumsy_people_and_a_line_that_is_killed_twice(start, tmp_path, links):
    line = Line(tmp_path, 100, "esp32")
    boards = [EspBoard(mac(number), says_it_is_up(line, mac(number))) for number in range(100)]
    running = start(line, links)
    floor = Floor(running, links, boards, seed=7, clumsy=0.15)
    floor.start()
    at = 0
    for kills in (1, 2):
        for _ in range(25):
            _, at = running.wait_for(lambda text: GOOD in text, at)
        running.kill()
        running.start()
        assert running.starts == kills + 1
    floor.join()
    assert running.wait() == GOOD_CODE, running.lines[-20:]
    assert floor.pulled_out > 3
    agree(line, boards)
    assert sum(row["result"] == PASSED for row in rows_of(line)) == 100


def test_a_board_that_fails_says_why_and_holds_up_nobody(start, tmp_path, links):
    line = Line(tmp_path, 4, "esp32")

    def stuck(flash):
        name = line.on(bytes(flash))
        return [beacon(f"9;network;90000;0;{name};esp32-240ac4000000;network: wrong password for lab")]

    def stranger(flash):
        return [beacon("9;up;90000;-60;cam-99;esp32-240ac4000001;")]

    says = [stuck, stranger, says_it_is_up(line, mac(2)), lambda flash: ["boot loop"]]
    boards = [EspBoard(mac(number), say) for number, say in enumerate(says)]
    running = start(line, links, "--limit", "5")
    for board, link in zip(boards, links, strict=True):
        board.plug_in(link)
    told = {}
    for number in range(1, 5):
        told[number], _ = running.wait_for(
            lambda text, mine=f"station {number} (": text.startswith(mine) and (GOOD in text or BAD in text)
        )
    assert "joins the network: network: wrong password for lab" in told[1]
    assert "it is cam-99, not cam-" in told[2]
    assert GOOD in told[3]
    assert "It runs no program of Muster's" in told[4]
    for board in boards:
        board.unplug()
    assert running.interrupt() == INTERRUPTED
    results = {row["board_id"]: row["result"] for row in rows_of(line)}
    assert results == {mac(0): FAILED, mac(1): FAILED, mac(2): PASSED, mac(3): FAILED}
    assert "1 passed, 3 left" in "\n".join(running.lines)


def test_one_that_failed_is_good_at_the_second_try(start, tmp_path, links):
    line = Line(tmp_path, 1, "esp32")
    is_well = []
    good = says_it_is_up(line, mac(0))
    board = EspBoard(mac(0), lambda flash: good(flash) if is_well else ["    1 ms  network    joining"])
    running = start(line, links[:1], "--limit", "3")
    board.plug_in(links[0])
    said, at = running.wait_for(lambda text: BAD in text)
    assert "Its last line: network: joining" in said
    board.unplug()
    is_well.append(True)
    board.plug_in(links[0])
    running.wait_for(lambda text: GOOD in text, at)
    board.unplug()
    assert running.wait() == GOOD_CODE
    assert [row["result"] for row in rows_of(line)] == [FAILED, PASSED]
    agree(line, [board])


def test_a_board_that_has_passed_is_only_greeted(start, tmp_path, links):
    line = Line(tmp_path, 2, "esp32")
    board = EspBoard(mac(0), says_it_is_up(line, mac(0)))
    running = start(line, links[:1])
    board.plug_in(links[0])
    _, at = running.wait_for(lambda text: GOOD in text)
    board.unplug()
    board.plug_in(links[0])
    said, _ = running.wait_for(lambda text: GOOD in text, at)
    assert "it has passed before" in said
    assert running.interrupt() == INTERRUPTED
    board.unplug()
    agree(line, [board])


def test_labels_are_made_and_printed(start, tmp_path, links):
    line = Line(tmp_path, 1, "esp32")
    board = EspBoard(mac(0), says_it_is_up(line, mac(0)))
    running = start(line, links[:1], "--print", f"cp -t {tmp_path}")
    board.plug_in(links[0])
    running.wait_for(lambda text: GOOD in text)
    board.unplug()
    assert running.wait() == GOOD_CODE
    made = line.home / "labels" / "line" / "cam-1.pdf"
    assert made.read_bytes()[:4] == b"%PDF" and (tmp_path / "cam-1.pdf").read_bytes() == made.read_bytes()


def test_a_printer_that_fails_does_not_make_a_board_bad(start, tmp_path, links):
    line = Line(tmp_path, 1, "esp32")
    board = EspBoard(mac(0), says_it_is_up(line, mac(0)))
    running = start(line, links[:1], "--print", "false-is-no-printer")
    board.plug_in(links[0])
    said, _ = running.wait_for(lambda text: GOOD in text)
    assert "the label is not printed" in said and "cam-1.pdf" in said
    board.unplug()
    assert running.wait() == GOOD_CODE
    agree(line, [board])
