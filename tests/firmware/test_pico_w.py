"""Good and bad days of a Pico W with its own firmware: what its console shows, and what the twin saw.

They take minutes, so only `make test-firmware` runs them. Each limit is emulated time.
"""

import re
from collections.abc import Iterator

import pytest

from device.core import fields
from tests.firmware import needs  # first: it skips this file where something is missing
from tests.firmware.emulator import CTRL_C, PROMPT
from tests.firmware.network import HOST, Network
from tests.firmware.stage import Provisioned, Stage, booted, running_stage

CONNECTED = "connected to " + HOST
ACCUSED = re.compile("revoked|unknown in this account|policy|another client")
REBOOT_MS = 40_000
# Where the kind of key makes no difference, the quicker one is enough.
one_kind = pytest.mark.parametrize("keys", [fields.KEYS_DEVICE], indirect=True)


@pytest.fixture(scope="session", params=[fields.KEYS_DEVICE, fields.KEYS_CLOUD])
def keys(request: pytest.FixtureRequest) -> str:
    """Who makes the board's key; the claim key is of the same kind, P-256 or RSA."""
    return str(request.param)


@pytest.fixture(scope="session")
def stage(keys: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running_stage(needs.FIRMWARE, tmp_path_factory.mktemp(keys), keys) as opened:
        yield opened


@pytest.fixture(scope="session")
def made(stage: Stage) -> Provisioned:
    """A board that has provisioned itself, for all tests that begin with one."""
    return stage.first_boot()


def accusation(said: str) -> str | None:
    """The line in which the board blames its certificate or policy, which are good in every test here."""
    return next((line for line in said.splitlines() if ACCUSED.search(line)), None)


def test_a_new_board_provisions_itself_and_publishes(stage: Stage, made: Provisioned) -> None:
    assert stage.boots(made.serial) >= 1
    assert made.figures.resets == []


def test_a_provisioned_board_publishes_with_the_identity_that_it_has(stage: Stage, made: Provisioned) -> None:
    boots = stage.boots(made.serial)
    with stage.board_of(made, "reboot") as board:
        booted(board, REBOOT_MS)
        assert stage.boots(made.serial) == boots + 1
        assert board.figures.resets == []
        board.power_off()
        stage.check_identity(board, made.serial)


def test_power_cuts_in_the_first_seconds_leave_one_identity(stage: Stage) -> None:
    serial = stage.new_serial()
    with stage.new_board(serial, "first boot after two cuts") as board:
        for after_ms in (3000, 1500):
            board.run(after_ms)
            board.cut()
        booted(board, REBOOT_MS)
        assert board.figures.resets == []
        board.power_off()
        stage.check_identity(board, serial)


def test_dead_dns_and_ntp_do_not_keep_a_board_from_an_address(stage: Stage, made: Provisioned) -> None:
    network = Network()
    network.dns = network.ntp = False
    boots = stage.boots(made.serial)
    with stage.board_of(made, "DNS and NTP dead", network) as board:
        booted(board, REBOOT_MS)
        assert board.figures.resets == []
        assert stage.boots(made.serial) == boots + 1


@one_kind
def test_two_dead_name_servers_are_named_and_reset_nothing(stage: Stage, made: Provisioned) -> None:
    network = Network(two_name_servers=True)
    network.dns = network.ntp = False
    with stage.board_of(made, "two name servers dead", network, "muster.example") as board:
        said = board.run(60_000)
        assert board.figures.resets == []
        assert re.search("DNS|name server|resolve", said), said
        assert accusation(said) is None


@one_kind
def test_a_lost_wifi_is_named_and_joined_again(stage: Stage, made: Provisioned) -> None:
    with stage.board_of(made, "Wi-Fi lost") as board:
        booted(board, REBOOT_MS)
        before = len(board.console)
        board.throw_out()
        board.wait_for(CONNECTED, 60_000)
        assert board.figures.resets == []
        said = board.console[before:]
        assert accusation(said) is None
        assert "Wi-Fi" in said


@one_kind
def test_a_board_outlives_a_network_that_swallows_its_packets(stage: Stage, made: Provisioned) -> None:
    with stage.board_of(made, "TCP dead for 90 s") as board:
        booted(board, REBOOT_MS)
        board.network.tcp = False
        said = board.run(90_000)
        board.network.tcp = True
        board.wait_for(CONNECTED, 60_000)
        assert board.figures.resets == []
        assert "mqtt" in said, "a minute without an answer, and it noticed nothing"


@one_kind
def test_a_port_on_which_nobody_listens_is_called_so(stage: Stage, made: Provisioned) -> None:
    network = Network()
    network.listening = False
    with stage.board_of(made, "connection refused", network) as board:
        said = board.run(30_000)
        assert board.figures.resets == []
        assert accusation(said) is None
        assert re.search("refuse|listens", said), said


@one_kind
def test_beacons_take_less_than_a_hundredth_of_the_time(stage: Stage, made: Provisioned) -> None:
    """Five looks and one beacon in five seconds, as they come while nothing happens."""
    with stage.board_of(made, "at the prompt, beacons counted") as board:
        booted(board, REBOOT_MS)
        board.wait_for("~M .*;up;.*", 20_000)
        board.type_text(CTRL_C)
        board.wait_for(PROMPT, 5_000)
        for line in (
            "import time; h = state.services['heartbeat']; b = state.ports.board",
            "five = lambda: [state.step() for _ in range(5)][0]",
            "s = time.ticks_us(); b.beacon(h.beacon(five(), 5000)); e = time.ticks_us()",
            "print('took', time.ticks_diff(e, s), 'us')",
        ):
            board.type_text(line + "\r")
            board.wait_for(PROMPT, 5_000)
        took = re.search(r"^took (\d+) us", board.console, re.MULTILINE)
    assert took is not None, board.console
    took_us = int(took[1])
    print(f"five looks and a beacon: {took_us} us")
    assert took_us < 50_000


@one_kind
def test_ctrl_c_gives_a_prompt_that_stays(stage: Stage, made: Provisioned) -> None:
    with stage.board_of(made, "20 s at the prompt") as board:
        booted(board, REBOOT_MS)
        board.type_text(CTRL_C)
        board.wait_for(PROMPT, 5_000)
        board.run(20_000)
        assert board.figures.resets == []
        board.type_text("print(6 * 7)\r")
        board.wait_for("^42$", 5_000)
