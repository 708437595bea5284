"""Everything that the build profile `small` contains, at work at once on a Pico W that is connected by TLS.

What that is: everything.py.
"""

import re
from collections.abc import Iterator

import pytest

from device.core import fields, paths
from tests.firmware import needs  # first: it skips this file where something is missing
from tests.firmware.emulator import Board
from tests.firmware.everything import EVERYTHING
from tests.firmware.memory import check_memory
from tests.firmware.network import HOST, Network
from tests.firmware.stage import Provisioned, Stage, booted, running_stage

CONNECTED = "connected to " + HOST
AT_WORK_MS = 60_000
SETTLED_MS = 20_000
REBOOT_MS = 40_000
REJOIN_MS = 90_000
LATE_MS = 150_000
_UNWANTED = re.compile(
    r"(app|log|database) +stopped|not enough memory|memory is short: |failing: web|keeps the loop busy"
)


@pytest.fixture(scope="module", params=[fields.KEYS_DEVICE, fields.KEYS_CLOUD])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    keys = str(request.param)
    with running_stage(needs.FIRMWARE, tmp_path_factory.mktemp(keys), keys) as opened:
        yield opened


@pytest.fixture(scope="module")
def made(stage: Stage) -> Provisioned:
    """A board with everything, that has provisioned itself."""
    return stage.first_boot("everything of `small`, first boot, Wi-Fi lost", EVERYTHING, work_and_rejoin)


def work_and_rejoin(board: Board) -> None:
    """Let everything work, before and after the Wi-Fi is lost; nothing may be stopped, or called a hang."""
    board.run(AT_WORK_MS)
    board.throw_out()
    board.wait_for(CONNECTED, REJOIN_MS)
    board.run(SETTLED_MS)
    assert not _UNWANTED.search(board.console), board.console


def test_a_board_that_met_no_network_is_provisioned_later(stage: Stage) -> None:
    """There may be no memory for it beside the services: then the board restarts, and boot.py does it."""
    network = Network()
    network.tcp = False
    serial = stage.new_serial()
    with stage.new_board(serial, "provisioned when the network came", EVERYTHING, network) as board:
        board.wait_for("provisioning continues in main.py", REJOIN_MS)
        board.wait_for("app +started", REJOIN_MS)
        network.tcp = True
        booted(board, LATE_MS)
        assert "budget" not in board.console, "no certificate is asked for in vain again and again"
        board.power_off()
        stage.check_identity(board, serial)


def readings(stage: Stage, serial: str) -> int:
    """How many measurements of a board the twin has seen."""
    return sum(message.topic.endswith(f"{serial}/temperature") for message in stage.twin.messages)


def test_a_first_boot_leaves_room(stage: Stage, made: Provisioned) -> None:
    assert readings(stage, made.serial) >= 10
    assert paths.LOG_FILES[1] in made.files
    check_memory(made)


def test_a_reboot_and_lost_connections_leave_room(stage: Stage, made: Provisioned) -> None:
    with stage.board_of(made, "everything of `small`, Wi-Fi and TCP lost") as board:
        booted(board, REBOOT_MS)
        work_and_rejoin(board)
        board.network.tcp = False
        board.wait_for("mqtt +.*(Trying again|lost)", 90_000)
        board.network.tcp = True
        board.wait_for(CONNECTED, REJOIN_MS)
        before = readings(stage, made.serial)
        board.run(SETTLED_MS)
        assert readings(stage, made.serial) > before
        assert not _UNWANTED.search(board.console), board.console
        check_memory(board)
