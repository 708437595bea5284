"""Light and button of a Pico W: the profile `small` leaves them out, here they are beside the rest of it.

Without the page, which the profile `full` has beside TLS; and the floor of memory is not asserted.
"""

import dataclasses
from itertools import pairwise
from pathlib import Path

from device.core import fields
from muster import image, mpy
from muster.boards import FULL, Selection, all_services, profile
from tests.firmware import needs  # first: it skips this file where something is missing
from tests.firmware.emulator import BOARD, Board
from tests.firmware.everything import EVERYTHING
from tests.firmware.stage import FIRST_BOOT_MS, booted, running_stage
from tests.system import mishaps

SMALL = {service.name for service in profile(BOARD).services} - {"web"}  # which `full` has beside TLS
WITH_PANEL = Selection(FULL, tuple(set(all_services()) - SMALL - {"panel"}))
BUTTON = image.board(BOARD).escape_pin
AT_WORK_MS = 30_000
HELD_MS = 15_000
CLOSED_MS = 60_000
STEADY_MS = 5_000
BACK_MS = 240_000


def counts(board: Board) -> set[int]:
    """How many blinks there were between two pauses."""
    found, count = set(), 0
    for (before_ms, was_on), (now_ms, is_on) in pairwise(board.light):
        count += is_on and not was_on
        if is_on and now_ms - before_ms > 1000:
            found.add(count - 1)
            count = 1
    return found


def test_it_blinks_while_it_provisions_and_a_held_button_opens_the_access_point(tmp_path: Path) -> None:
    quick = mpy.build_module(
        profile(BOARD, selection=WITH_PANEL), mpy.default_build_time(), {"empty_ms": 10_000}
    )
    files = EVERYTHING.files | mishaps.compiled(quick.name, quick.text.decode())
    with (
        running_stage(needs.FIRMWARE, tmp_path, fields.KEYS_DEVICE) as stage,
        stage.new_board(
            stage.new_serial(),
            "access point by the button",
            dataclasses.replace(EVERYTHING, files=files, selection=WITH_PANEL),
        ) as board,
    ):
        booted(board, FIRST_BOOT_MS)
        assert counts(board) & {1, 2, 3}, board.light
        board.run(AT_WORK_MS)
        assert board.light[-1][1], "it shines"
        before = len(board.light)
        board.run(STEADY_MS)
        assert len(board.light) == before
        board.hold(BUTTON)
        board.wait_for("the button was held: opening the access point", HELD_MS)
        flickers = [is_on for _, is_on in board.light[before:]]
        assert len(flickers) > 60
        board.hold(BUTTON, False)
        board.wait_for("access point muster-.* is open", HELD_MS)
        board.wait_for("access point closed", CLOSED_MS)
        board.wait_for("connected to ", CLOSED_MS)
        assert board.figures.resets == []
        board.wait_for(r"app +.* degrees", BACK_MS)  # it may have been stopped, like the light
        for _ in range(BACK_MS // AT_WORK_MS):
            board.run(AT_WORK_MS)
            if board.light[-1][1]:
                return
        raise AssertionError("the light does not come back")
