"""The nine steps of the start-up on a Pico W whose firmware has the build profile `full` frozen in.

MUSTER_UF2 names such a firmware: `make firmware BOARD=pico_w`.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from device.core import fields, paths
from muster import demo_claim, image
from muster.boards import FULL
from muster.flashing import firmware
from muster.twin.settings import DEFAULT_ROLE_ALIAS
from tests.firmware import needs  # first: it skips this file where something is missing
from tests.firmware.emulator import BOARD, Board
from tests.firmware.network import HOST
from tests.firmware.stage import Load, Stage, booted, running_stage
from tests.firmware.visitor import LOCKED
from tests.system import applications, exported
from tests.system.shadows import desire
from tests.system.steps import APP, LOG, STEPS, TABLES
from tools.twin.browser import Browser

_frozen = firmware.read(needs.FIRMWARE, image.board(BOARD)).frozen
if _frozen is None or _frozen.build != FULL:
    pytest.skip(
        "the nine steps were not walked on a Pico W: that takes a firmware with the profile `full` frozen in",
        allow_module_level=True,
    )

STEP_MS = 240_000
LOOK_MS = 2_000
MOST_LOOKS = 300  # with one TLS connection at a time, each request of the first export waits a minute
POLL_S = 5


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    sides = {"https_port": 0, "page_port": 0, "claim_delay_s": POLL_S}
    folder = tmp_path_factory.mktemp("full")
    with running_stage(needs.FIRMWARE, folder, fields.KEYS_DEVICE, **sides) as opened:
        yield opened


def everything(stage: Stage, token: str, app: dict[str, bytes]) -> Load:
    """What a board has whose every service is wanted; it knows its product and its builder only."""
    twin = stage.twin
    there = {fields.ENDPOINT: HOST, fields.PORT: twin.https_port}
    config = {
        fields.SERVICES: {fields.CLOUD: {"serialize": "auto", fields.SYNC: TABLES}},
        fields.API: {fields.BUILDER: twin.builder_url},
        fields.KEYS: {fields.ROLE_ALIAS: DEFAULT_ROLE_ALIAS, **there},
        fields.LOGS: exported.cloudwatch(twin, **there),
        fields.LOG: LOG,
    }
    documents = {paths.DEVICE: {fields.PRODUCT: token}, paths.CONFIG: config, **LOCKED}
    return Load(
        documents=documents, files=app | {f"{paths.ROOTS}/builder.pem": twin.ca_pem_path.read_bytes()}
    )


def test_the_nine_steps_of_everything(stage: Stage, tmp_path: Path) -> None:
    twin = stage.twin
    token, password = demo_claim.add_people(twin)
    serial = stage.new_serial()
    load = everything(stage, token, applications.compiled(tmp_path / "app", APP))
    with stage.unclaimed_board(serial, "nine steps of everything, program frozen in", load) as board:
        board.wait_for(STEPS["serialize"], STEP_MS)
        claim = re.search(STEPS["serialize"], board.console)
        assert claim is not None
        board.wait_for("not claimed yet; asking again", STEP_MS)
        owner = Browser(twin)
        owner.sign_in(demo_claim.ACCOUNT, password)
        assert "is yours now" in owner.claim(claim[1]).seen
        booted(board, STEP_MS)
        desire(twin, serial, {"led": "on"})
        look_until(board, lambda: not missing(board))
        look_until(board, lambda: any("led" in line for line in exported.messages(twin, serial)))
        assert not re.search("not enough memory|memory is short", board.console), board.console
        assert board.figures.resets == []


def missing(board: Board) -> list[str]:
    """The steps that the board has not said to be done."""
    said = board.console.replace(HOST, "localhost")
    return [step for step, pattern in STEPS.items() if not re.search(pattern, said)]


def look_until(board: Board, is_so: Callable[[], bool]) -> None:
    """Let the board run until `is_so()`."""
    for _ in range(MOST_LOOKS):
        if is_so():
            return
        board.run(LOOK_MS)
    raise AssertionError(f"missing: {missing(board)}; it said: {board.console[-3000:]}")
