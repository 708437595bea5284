"""The database on a whole board: without a cloud, over restarts and power cuts."""

import json
import os
import re
import shutil

import pytest

from device.core import fields, paths
from muster.image import mount, tables
from muster.virtual import EXIT_POWER_CUT
from tests.system import mishaps, rig

_STEP = 1 if os.environ.get("MUSTER_SWEEP") == "full" else 3
_STORED = re.compile(r"notes +stored (.*)")

# Stores four documents at each start, two of them at once, and says so each time.
NOTES = """
    database = state.services["database"]
    await database.ready.wait()
    table = database.table("notes")
    start = table.count()
    for number in range(start, start + 2):
        table.put("key %03d" % number, {"number": number, "text": "x" * 600})
        self.say("stored key %03d" % number)
    table.put_all({"key %03d" % number: {"number": number} for number in range(start + 2, start + 4)})
    self.say("stored key %03d, key %03d" % (start + 2, start + 3))
    table.put("count", {"starts": (table.get("count") or {"starts": 0})["starts"] + 1})
    table.delete("count")
    keys = []
    async for key, note in table.find(lambda key, note: note["number"] >= 0):
        keys.append(key)
    self.say("%d keys: %s" % (len(keys), ", ".join(sorted(keys)[-4:])))
    self.ready.set()
"""


def _flash(path, notes=NOTES):
    """A board without credentials, whose cloud services are off."""
    files = {
        **mishaps.told(services=["notes"]),
        **mishaps.service("notes", notes),
        paths.CONFIG: json.dumps({fields.SERVICES: {fields.CLOUD: False}}).encode(),
    }
    path.write_bytes(rig.build(rig.documents(1, "alone"), None, files))
    return path


def _on_flash(path):
    """The documents of the board's table, as the host reads them."""
    found = tables.read(mount(path.read_bytes(), rig.BOARD))
    return dict(tables.documents(found["notes"])) if "notes" in found else {}


def _start(path, count):
    """Start the board, and wait until it has found so many documents."""
    with mishaps.powered(path) as machine:
        machine.wait_for(f"{count} keys: ")
    return machine


def test_what_was_stored_is_there_after_each_start(tmp_path):
    path = _flash(tmp_path / "flash.img")
    for count in (4, 8, 12):
        machine = _start(path, count)
        assert sorted(_on_flash(path)) == [f"key {number:03}" for number in range(count)]
    assert "1 tables, 8 documents" in machine.console
    assert _on_flash(path)["key 004"] == {"number": 4, "text": "x" * 600}


STOPPED = """
    from device.core.failures import Failure
    supervisor = state.supervisor
    await state.services["database"].ready.wait()
    table = state.services["database"].table("notes")
    table.put("before", {"n": 1})
    await supervisor.stop("database")
    try:
        table.put("meanwhile", {})
    except Failure as failure:
        self.say(str(failure))
    supervisor.restore("database")
    while not hasattr(state.services["database"], "table"):
        await state.ports.clock.sleep_ms(10)
    await state.services["database"].ready.wait()
    table = state.services["database"].table("notes")
    table.put("after", {"n": 2})
    self.say("again: %s" % sorted(key for key, _ in table.find()))
    self.ready.set()
"""


def test_a_database_that_was_stopped_starts_again(tmp_path):
    path = _flash(tmp_path / "flash.img", STOPPED)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "database", "stopped: memory is short")
        mishaps.complaint(machine, "notes", "the database was stopped; ask for the table again")
        machine.wait_for("again: ['after', 'before']")
    assert _on_flash(path) == {"before": {"n": 1}, "after": {"n": 2}}


@pytest.mark.sweep
def test_cut_at_block_operations(tmp_path, capsys):
    whole = _flash(tmp_path / "whole.img")
    _start(whole, 4)
    before = _on_flash(whole)
    copy = tmp_path / "cut.img"
    shutil.copy(whole, copy)
    operations = len(_start(copy, 8).operations)
    assert operations > 10, "the sweep has nothing to cut"
    cuts = 0
    for number in range(1, operations + 1, _STEP):
        for tear in (False, True):
            shutil.copy(whole, copy)
            machine = rig.board(copy, cut_at=number, tear=tear).start()
            try:
                assert machine.wait(60) == EXIT_POWER_CUT, machine.console
            finally:
                machine.stop()
            stored = ", ".join(_STORED.findall(machine.console)).split(", ")
            found = _on_flash(copy)
            assert {*before, *filter(None, stored)} <= found.keys(), machine.console
            assert ("key 006" in found) == ("key 007" in found), "put_all stores all or nothing"
            _start(copy, len(found.keys() - {"count"}) + 4)
            cuts += 1
    with capsys.disabled():
        print(f"\ndatabase: {cuts} power cuts over {operations} block operations, nothing stored was lost")
