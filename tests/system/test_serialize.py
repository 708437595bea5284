"""The claim ID of a board: made at its first start, also without any cloud, and the same ever after."""

import json

from device.core import claim_ids, fields, paths
from tests.system import mishaps, rig


def _claim(path):
    return json.loads(rig.on_flash(path)[paths.DEVICE])[fields.CLAIM]


def test_a_board_without_cloud_makes_its_claim_id_once(tmp_path):
    path = tmp_path / "flash.img"
    path.write_bytes(rig.build({}))  # no ento.conf, no wifi.json
    for _ in range(2):
        with mishaps.powered(path) as machine:
            line = machine.wait_for("serialize  claim ID ")
        shown = claim_ids.shown(_claim(path))
        assert shown in line
        assert len(_claim(path)) == claim_ids.SHORT


def test_two_boards_of_one_image_have_two_claim_ids(tmp_path):
    images = [tmp_path / f"{number}.img" for number in range(2)]
    for path in images:
        path.write_bytes(rig.build({}, extra={paths.DEVICE: b'{"claimLength": 16}'}))
        with mishaps.powered(path) as machine:
            machine.wait_for("serialize  claim ID ")
    claims = {_claim(path) for path in images}
    assert len(claims) == 2 and {len(claim) for claim in claims} == {claim_ids.LONG}


def test_switched_off_with_the_cloud(tmp_path):
    path = tmp_path / "flash.img"
    config = json.dumps({"services": {"cloud": False}}).encode()
    path.write_bytes(rig.build({}, extra={**mishaps.told(), paths.CONFIG: config}))
    with mishaps.powered(path) as machine:
        mishaps.still_runs(machine)
        assert "serialize  " not in machine.console
    assert paths.DEVICE not in rig.on_flash(path)
