"""The network without a cloud: joined, lost, joined again, whatever else the board lacks."""

import json

from device.core import fields, paths
from tests.system import mishaps, rig

NO_CLOUD = {paths.CONFIG: json.dumps({fields.SERVICES: {fields.CLOUD: False}}).encode()}


def flash(path, extra=None, *, wifi=None, conf=None, **told):
    """The image of a board that has no claim credentials and no cloud; `wifi`, `conf`: other files."""
    documents = rig.documents(1, "lone")
    if wifi is not None:
        documents[paths.WIFI] = wifi
    if conf is not None:
        documents[paths.CONF] = conf
    path.write_bytes(rig.build(documents, extra={**mishaps.told(**told), **NO_CLOUD, **(extra or {})}))
    return path


def test_a_board_without_a_cloud_joins_and_joins_again(tmp_path):
    path = flash(tmp_path / "flash.img")
    with mishaps.powered(path, environment={"NETWORK": "drops:1"}) as machine:
        machine.wait_for("network    joined")
        lost = machine.wait_for("network    lost; joining again")
        machine.wait_for("network    joined", start=machine.lines.index(lost))
