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
from tests.firmware.stage import Provisioned, Stage, booted, note, running_stage
from tests.system.listeners import silent

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
    """What the board said against certificate or policy, which are good in every test here."""
    found = ACCUSED.search(said)
    return found and said[: found.end()].splitlines()[-1]


def test_a_new_board_provisions_itself_and_publishes(stage: Stage, made: Provisioned) -> None:
    assert stage.boots(made.serial) >= 1
    assert made.figures.resets == []


def test_a_provisioned_board_publishes_with_the_identity_that_it_has(stage: Stage, made: Provisioned) -> None:
    boots = stage.boots(made.serial)
    with stage.board_of(made) as board:
        board.power_on()
        published_ms = booted(board, REBOOT_MS)
        note(f"reboot, {stage.keys} key", board, published_ms)
        assert stage.boots(made.serial) == boots + 1
        assert board.figures.resets == []
        board.power_off()
        stage.check_identity(board, made.serial)


def test_power_cuts_in_the_first_seconds_leave_one_identity(stage: Stage) -> None:
    serial = stage.new_serial()
    with stage.new_board(serial) as board:
        board.power_on()
        for after_ms in (3000, 1500):
            board.run(after_ms)
            board.cut()
        published_ms = booted(board, REBOOT_MS)
        note(f"first boot after two cuts, {stage.keys} key", board, published_ms)
        assert board.figures.resets == []
        board.power_off()
        stage.check_identity(board, serial)


def test_dead_dns_and_ntp_do_not_keep_a_board_from_an_address(stage: Stage, made: Provisioned) -> None:
    network = Network()
    network.dns = network.ntp = False
    boots = stage.boots(made.serial)
    with stage.board_of(made, network) as board:
        board.power_on()
        try:
            published_ms = booted(board, REBOOT_MS)
        finally:
            note(f"DNS and NTP dead, {stage.keys} key", board)
        assert board.figures.resets == []
        assert stage.boots(made.serial) == boots + 1
        assert published_ms < REBOOT_MS


@one_kind
def test_two_dead_name_servers_are_named_and_reset_nothing(stage: Stage, made: Provisioned) -> None:
    network = Network(two_name_servers=True)
    network.dns = network.ntp = False
    named = {fields.ENDPOINT_URL: "muster.example"}
    with stage.board_of(made, network, {fields.DEVICE: named}) as board:
        board.power_on()
        said = board.run(60_000)
        note("two name servers dead, endpoint by name", board)
        assert board.figures.resets == []
        assert re.search("DNS|name server|resolve", said)
        assert accusation(said) is None


@one_kind
def test_a_lost_wifi_is_named_and_joined_again(stage: Stage, made: Provisioned) -> None:
    with stage.board_of(made) as board:
        board.power_on()
        booted(board, REBOOT_MS)
        board.throw_out()
        before = len(board.console)
        board.wait_for(CONNECTED, 60_000)
        said = board.console[before:]
        note("Wi-Fi lost while connected", board)
        assert board.figures.resets == []
        assert "Wi-Fi" in said
        assert accusation(said) is None


@one_kind
def test_a_board_outlives_a_network_that_swallows_its_packets(stage: Stage, made: Provisioned) -> None:
    with stage.board_of(made) as board:
        board.power_on()
        booted(board, REBOOT_MS)
        board.network.tcp = False
        board.run(90_000)
        board.network.tcp = True
        board.wait_for(CONNECTED, 60_000)
        note("TCP dead for 90 s", board)
        assert board.figures.resets == []


@one_kind
def test_a_port_on_which_nobody_listens_is_called_so(stage: Stage, made: Provisioned) -> None:
    with stage.board_of(made, changes={fields.MQTT: {fields.PORT: silent()}}) as board:
        board.power_on()
        said = board.run(30_000)
        note("connection refused", board)
        assert board.figures.resets == []
        assert accusation(said) is None
        assert re.search("refuses|nothing listens|nobody listens", said)


@one_kind
def test_ctrl_c_gives_a_prompt_that_stays(stage: Stage, made: Provisioned) -> None:
    with stage.board_of(made) as board:
        board.power_on()
        booted(board, REBOOT_MS)
        board.type_text(CTRL_C)
        board.wait_for(PROMPT, 5_000)
        board.run(20_000)
        note("20 s at the prompt", board)
        assert board.figures.resets == []
        board.type_text("print(6 * 7)\r")
        board.wait_for("^42$", 5_000)
