"""Boards with a web page and a password, without claim credentials."""

from device.core import fields, paths
from tests.system import mishaps, rig
from tests.system.browser import HASH


def flash(path, *, web=None, config=rig.NO_CLOUD, extra=None, networks=None, **told):
    """An image of a board without claim credentials."""
    documents = rig.documents(1, "cam-1")
    documents[paths.WEB] = {fields.PASSWORD: HASH} if web is None else web
    documents[paths.CONFIG] = config
    if networks is not None:
        documents[paths.WIFI] = {fields.NETWORKS: networks}
    documents[paths.DEVICE] = {fields.CLAIM: "7423F-FA8DT", fields.PRODUCT: "P1"}
    path.write_bytes(rig.build(documents, extra={**mishaps.told(**told), **(extra or {})}))
    return path
