"""The web page of a Pico W that belongs to nobody yet, as a browser in its network gets it."""

import re
from pathlib import Path

from device.core import fields
from muster.page import built
from tests.firmware import (
    needs,  # first: it skips this file where something is missing
    report,
)
from tests.firmware.emulator import Board
from tests.firmware.memory import LEAST_FREE, check_memory
from tests.firmware.network import Network
from tests.firmware.stage import Load, documents, files_for, running, running_stage
from tests.firmware.visitor import LOCKED, PASSWORD, Call, request

PAGE = r"web +page at http://10\.0\.0\.2/$"
PORT = 8883  # nobody listens there: connections end in the emulated network
ANSWER_MS = 20_000


def get(board: Board, path: str, **headers: str) -> Call:
    """The answer to one GET; it must be 200."""
    call = board.call(request("GET", path, headers=headers))
    board.answers(call, within_ms=ANSWER_MS)
    assert call.status == 200, call.answer
    return call


def log_in(board: Board, password: str) -> Call:
    """The answer to a log-in."""
    call = board.call(request("POST", "/api/login", {"password": password}))
    board.answers(call, within_ms=ANSWER_MS)
    return call


def test_an_unclaimed_board_serves_its_page(tmp_path: Path) -> None:
    files = files_for(needs.FIRMWARE, documents=documents(PORT, "pico-page") | LOCKED)
    with running(needs.FIRMWARE, files, "unclaimed, page served", Network()) as board:
        board.wait_for(PAGE, 30_000)
        page = get(board, "/")
        assert page.headers["content-encoding"] == "gzip"
        assert page.answer.endswith(built())
        claim = get(board, "/api/claim")
        assert claim.json["board"]["serial"] == "pico-page"
        assert not claim.json["claim"]["claimed"]
        assert log_in(board, "not " + PASSWORD).status == 403
        opened = log_in(board, PASSWORD)
        assert opened.status == 200, opened.answer
        cookie = opened.headers["set-cookie"].partition(";")[0]
        status = get(board, "/api/status", Cookie=cookie)
        assert status.json["session"]["logged_in"]
        assert status.json["memory"]["free"] >= LEAST_FREE
        many = [board.call(request("GET", path)) for path in ("/", "/", "/api/claim", "/", "/api/claim")]
        board.answers(*many, within_ms=3 * ANSWER_MS)
        assert [call.status for call in many] == [200] * len(many)
        assert all(call.answer.endswith(built()) for call in many[:2])
        check_memory(board)
        for what, call in (
            ("page", page),
            ("/api/claim", claim),
            ("log-in", opened),
            ("/api/status", status),
        ):
            report.notes.append(f"{what}: {call.took_ms} ms, {len(call.answer):,} bytes")


def test_the_page_is_there_between_two_tries_to_reach_a_cloud_that_refuses(tmp_path: Path) -> None:
    network = Network()
    network.listening = False
    with (
        running_stage(needs.FIRMWARE, tmp_path, fields.KEYS_DEVICE) as stage,
        stage.new_board(
            stage.new_serial(), "endpoint refuses, page served", Load(documents=LOCKED), network
        ) as board,
    ):
        served = 0
        while served < 2:
            board.wait_for(PAGE, 120_000)
            call = board.call(request("GET", "/"))
            board.answers(call, within_ms=ANSWER_MS)
            served += call.answer.endswith(built())  # not when the next try has just stopped the page
        assert len(re.findall("provision +.*refused the connection", board.console)) >= 3
        check_memory(board)
