"""A Pico W that nobody owns: it registers with the builder of the twin, and is claimed on the twin's page.

Everything of the build profile `small` is at work. The link, and with it DNS, goes away before it has an
identity, and again after it has renewed its certificate.
"""

import re
import secrets
from collections.abc import Iterator

import pytest

from device.core import claim_ids, fields, paths
from muster import demo_claim
from muster.registry.certificates import ACTIVE, REVOKED
from tests.firmware import needs  # first: it skips this file where something is missing
from tests.firmware.emulator import Board
from tests.firmware.everything import EVERYTHING, LOG
from tests.firmware.network import HOST
from tests.firmware.stage import IN_AN_HOUR, Load, Stage, booted, running_stage
from tests.system import renewals
from tools.twin.browser import Browser

UNCLAIMED_MS = 120_000
CLAIMED_MS = 240_000
RENEWED_MS = 240_000
REJOIN_MS = 90_000
SETTLED_MS = 20_000
POLL_S = 5
NOTICED_MS = 500
MOST_TIMES = 60


@pytest.fixture(scope="module", params=[fields.KEYS_DEVICE, fields.KEYS_CLOUD])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    keys = str(request.param)
    folder = tmp_path_factory.mktemp(f"claim-{keys}")
    sides = {"https_port": 0, "page_port": 0, "claim_delay_s": POLL_S}
    with running_stage(needs.FIRMWARE, folder, keys, **sides, **IN_AN_HOUR, clock=renewals.Clock()) as opened:
        yield opened


def test_a_board_is_claimed_in_the_browser_and_renews_its_certificate(stage: Stage) -> None:
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
    with stage.unclaimed_board(serial, "claimed in the browser, renewed", load) as board:
        board.wait_for("not claimed yet; asking again in", UNCLAIMED_MS)
        board.wait_for("page at http", UNCLAIMED_MS)
        browser = Browser(twin)
        browser.sign_in(demo_claim.ACCOUNT, password)
        assert "is yours now" in browser.claim(claim_ids.shown(claim)).seen
        board.wait_for("claimed; connecting to", CLAIMED_MS)
        with renewals.long_ago(twin):  # the certificate is due at once
            lose_the_link(board)
            board.wait_for("provision +identity", CLAIMED_MS)
        booted(board, CLAIMED_MS)
        board.wait_for(renewals.RENEWED, RENEWED_MS)
        board.run(SETTLED_MS)
        assert "Connected now" in browser.get("/boards").seen
        lose_the_link(board)
        board.wait_for("connected to " + HOST, REJOIN_MS)
        board.run(SETTLED_MS)
        assert board.figures.resets == []
    found = renewals.statuses(twin, serial)
    assert sorted(found.values()) == [ACTIVE, REVOKED]


def lose_the_link(board: Board) -> None:
    """The access point throws the board out until it notices; names cannot be looked up meanwhile.

    It may join again at once: a board that is busy for so long does not notice.
    """
    board.network.dns = False
    for _ in range(MOST_TIMES):
        board.throw_out()
        if re.search("lost; joining again|Wi-Fi was lost", board.run(NOTICED_MS)):
            board.network.dns = True
            return
    raise AssertionError("the board does not notice that its link is lost")
