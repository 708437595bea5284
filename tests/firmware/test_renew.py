"""A renewal on a Pico W with everything of the build profile `small` at work.

The board is connected by TLS, renews its certificate, connects with the new one, and goes on.
"""

import dataclasses
import json
from collections.abc import Iterator

import pytest

from device.core import fields, paths
from muster.registry.certificates import ACTIVE, REVOKED
from tests.firmware import needs  # first: it skips this file where something is missing
from tests.firmware.everything import EVERYTHING, LOG
from tests.firmware.network import HOST
from tests.firmware.stage import IN_AN_HOUR, Stage, booted, running_stage
from tests.system import renewals

REBOOT_MS = 60_000
RENEWED_MS = 240_000
REJOIN_MS = 90_000
SETTLED_MS = 20_000


@pytest.fixture(scope="module", params=[fields.KEYS_DEVICE, fields.KEYS_CLOUD])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    keys = str(request.param)
    folder = tmp_path_factory.mktemp(f"renew-{keys}")
    with running_stage(needs.FIRMWARE, folder, keys, **IN_AN_HOUR, clock=renewals.Clock()) as opened:
        yield opened


def test_a_certificate_is_renewed(stage: Stage) -> None:
    """Then the network goes away for a while, and the board comes back with the new certificate."""
    twin = stage.twin
    off = {paths.CONFIG: {fields.LOG: LOG, fields.SERVICES: {fields.CLOUD: {"renew": False}}}}
    not_yet = dataclasses.replace(EVERYTHING, documents=EVERYTHING.documents | off)
    with renewals.long_ago(twin):
        made = stage.first_boot("to be renewed", not_yet)
    before = renewals.statuses(twin, made.serial)
    files = {**made.files, paths.CONFIG: json.dumps({fields.LOG: LOG}).encode()}
    with stage.board_of(dataclasses.replace(made, files=files), "renewed, Wi-Fi lost") as board:
        booted(board, REBOOT_MS)
        board.wait_for(renewals.RENEWED, RENEWED_MS)
        board.run(SETTLED_MS)
        board.throw_out()
        board.wait_for("connected to " + HOST, REJOIN_MS)
        board.run(SETTLED_MS)
        assert "not enough memory" not in board.console
        assert board.figures.resets == []
        board.power_off()
    old = dict.fromkeys(before, REVOKED)
    after = renewals.statuses(twin, made.serial)
    assert list(before.values()) == [ACTIVE]
    assert after == {**old, **dict.fromkeys(after.keys() - before.keys(), ACTIVE)} and len(after) == 2
