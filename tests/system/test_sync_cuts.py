"""One synchronisation, cut at operations of the flash: then the board starts, and both sides are equal."""

import os
import re
import shutil

import pytest

from device.core import paths
from muster.virtual import EXIT_POWER_CUT
from tests.system import applications, mishaps, rig
from tests.system.synced import board, change, in_cloud, on_board, opened, wait_in_cloud

_CUTS = None if os.environ.get("MUSTER_SWEEP") == "full" else 8
_ROWS = ("board_tables", "board_documents", "board_messages")

# Stores the documents that are missing, deletes one, and says when it has what the cloud has changed.
STORE = """
    table = await muster.table("readings")
    for number in range(%d, %d):
        key = "%%04d" %% number
        if table.get(key) is None:
            table.put(key, {"n": number, "text": "x" * 150})
            muster.log("stored %%s" %% key)
        await asyncio.sleep(0)
    table.delete("%04d")
    muster.log("all are stored")
    while table.get("theirs") is None or table.get("0003"):
        await asyncio.sleep(0.02)
    muster.log("complete")
"""


def _rows(twin, serial):
    """What the twin knows of the board's tables."""
    with opened(twin) as registry:
        return {
            name: registry._database.rows(f"SELECT * FROM {name} WHERE device = ?", serial) for name in _ROWS
        }


def _put_back(twin, serial, rows):
    with opened(twin) as registry, registry.transaction():
        for name in _ROWS:
            registry._database.write(f"DELETE FROM {name} WHERE device = ?", serial)
            for row in rows[name]:
                places = ", ".join("?" * len(row))
                registry._database.write(f"INSERT INTO {name} VALUES ({places})", *row)


def _prepared(path, twin, serial, tmp_path):
    """A board in step, whose application and whose cloud change something at the next start."""
    app = applications.compiled(tmp_path / "first", applications.body(STORE % (0, 12, 99)))
    mishaps.edit(path, app)
    with mishaps.powered(path) as machine:
        machine.wait_for("all are stored")
        first = {f"{number:04}": {"n": number, "text": "x" * 150} for number in range(12)}
        wait_in_cloud(twin, serial, "readings", first)
    app = applications.compiled(tmp_path / "second", applications.body(STORE % (12, 20, 5)))
    mishaps.edit(path, app)
    change(twin, serial, "readings", "theirs", {"n": 1})
    change(twin, serial, "readings", "0003", None)
    first.update({f"{number:04}": {"n": number, "text": "x" * 150} for number in range(12, 20)})
    del first["0003"], first["0005"]
    return {**first, "theirs": {"n": 1}}


@pytest.mark.sweep
def test_a_cut_at_block_operations_loses_nothing(twin, serial, tmp_path, capsys):
    whole = board(tmp_path, twin, serial, "", {"readings": "both"})
    rig.boot_to_the_end(whole)
    wanted = _prepared(whole, twin, serial, tmp_path)
    rows = _rows(twin, serial)
    copy = tmp_path / "cut.img"
    shutil.copy(whole, copy)
    with mishaps.powered(copy) as machine:
        machine.wait_for("complete")
        wait_in_cloud(twin, serial, "readings", wanted)
        operations = len(machine.operations)
    assert operations > 20, "the sweep has nothing to cut"
    cuts = stored = 0
    for number in range(1, operations + 1, max(1, operations // _CUTS) if _CUTS else 1):
        shutil.copy(whole, copy)
        _put_back(twin, serial, rows)
        stored += _cut(copy, number)
        with mishaps.powered(copy) as machine:
            machine.wait_for("complete")
            wait_in_cloud(twin, serial, "readings", wanted)
        assert on_board(copy, "readings") == wanted == in_cloud(twin, serial, "readings")
        cuts += 1
    assert stored, "no cut came after a document was stored"
    with capsys.disabled():
        print(f"\nsync: {cuts} power cuts over {operations} block operations, both sides ended equal")


def _cut(copy, number):
    """Cut the power at one operation: what was said to be stored is there. How many documents that were."""
    machine = rig.board(copy, cut_at=number, tear=bool(number % 2)).start()
    try:
        assert machine.wait(60) == EXIT_POWER_CUT, machine.console
    finally:
        machine.stop()
    stored = re.findall(r"stored (\d{4})", machine.console)
    assert set(stored) <= on_board(copy, "readings").keys()
    assert paths.SYNC in rig.on_flash(copy)
    return len(stored)
