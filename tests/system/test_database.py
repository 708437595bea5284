"""The database on a whole board: without a cloud, over restarts and power cuts."""

import json

from device.core import fields, paths
from tests.system import mishaps, rig

# Stores one document at each start and says what it finds.
NOTES = """
    database = state.services["database"]
    await database.ready.wait()
    table = database.table("notes")
    table.put("start %d" % table.count(), {"free": state.ports.board.free_memory()})
    keys = []
    async for key, note in table.find(lambda key, note: note["free"] > 0):
        keys.append(key)
    self.say("keys: " + ", ".join(sorted(keys)))
    self.ready.set()
"""


def _flash(path):
    """A board without credentials, whose cloud services are off."""
    files = {
        **mishaps.told(services=["notes"]),
        **mishaps.service("notes", NOTES),
        paths.CONFIG: json.dumps({fields.SERVICES: {fields.CLOUD: False}}).encode(),
    }
    path.write_bytes(rig.build(rig.documents(1, "alone"), None, files))
    return path


def test_what_was_stored_is_there_after_each_start(tmp_path):
    path = _flash(tmp_path / "flash.img")
    keys = []
    for number in range(3):
        keys.append(f"start {number}")
        with mishaps.powered(path) as machine:
            machine.wait_for("keys: " + ", ".join(keys))
        if number:
            assert f"1 tables, {number} documents" in machine.console
