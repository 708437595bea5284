"""A Pico W that nobody owns: it registers with the builder of the twin, and is claimed on the twin's page.

Everything of the build profile `small` is at work.
"""

import secrets
from collections.abc import Iterator

import pytest

from device.core import claim_ids, fields, paths
from muster import demo_claim
from tests.firmware import needs  # first: it skips this file where something is missing
from tests.firmware.everything import EVERYTHING, LOG
from tests.firmware.network import HOST
from tests.firmware.stage import Load, Stage, booted, running_stage
from tools.twin.browser import Browser

UNCLAIMED_MS = 120_000
CLAIMED_MS = 240_000
REJOIN_MS = 90_000
SETTLED_MS = 20_000
POLL_S = 5


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("claim")
    sides = {"https_port": 0, "page_port": 0, "claim_delay_s": POLL_S}
    with running_stage(needs.FIRMWARE, folder, fields.KEYS_DEVICE, **sides) as opened:
        yield opened


def test_a_board_is_claimed_in_the_browser(stage: Stage) -> None:
    """Afterwards the network, and with it DNS, goes away for a while."""
    twin = stage.twin
    token, password = demo_claim.add_people(twin)
    claim = claim_ids.new(claim_ids.SHORT, secrets.token_bytes)
    serial = stage.new_serial()
    documents = {
        paths.DEVICE: {fields.CLAIM: claim, fields.PRODUCT: token},
        paths.CONFIG: {fields.LOG: LOG, fields.API: {fields.BUILDER: twin.builder_url}},
    }
    roots = {f"{paths.ROOTS}/builder.pem": twin.ca_pem_path.read_bytes()}
    load = Load(EVERYTHING.settings, EVERYTHING.documents | documents, EVERYTHING.files | roots)
    with stage.unclaimed_board(serial, "claimed in the browser", load) as board:
        board.wait_for("not claimed yet; asking again in", UNCLAIMED_MS)
        board.wait_for("page at http", UNCLAIMED_MS)
        browser = Browser(twin)
        browser.sign_in(demo_claim.ACCOUNT, password)
        assert "is yours now" in browser.claim(claim_ids.shown(claim)).seen
        booted(board, CLAIMED_MS)
        board.run(SETTLED_MS)
        assert "Connected now" in browser.get("/boards").seen
        board.network.dns = False
        board.throw_out()
        board.wait_for("Wi-Fi was lost", REJOIN_MS)
        board.network.dns = True
        board.wait_for("connected to " + HOST, REJOIN_MS)
        board.run(SETTLED_MS)
        assert board.figures.resets == []
