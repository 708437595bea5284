"""Tables in step with the twin on a whole board: all directions, off line, conflicts, hostile answers."""

import contextlib
import json
import re

from device.core import fields, paths, topics
from muster import application
from muster.image import strict_json
from muster.layout import REPO
from muster.relay import Relay
from muster.twin.server import running_twin
from muster.twin.settings import Settings
from tests.system import applications, commanding, listeners, mishaps, rig
from tests.system.synced import (
    KEEPER,
    board,
    change,
    changes_in_cloud,
    in_cloud,
    on_board,
    tell,
    wait_for_keys,
    wait_in_cloud,
)


def test_up_down_and_both(twin, serial, tmp_path):
    directions = {"readings": "up", "settings": "down", "notes": "both"}
    path = board(tmp_path, twin, serial, KEEPER, directions)
    change(twin, serial, "settings", "every", {"s": 5})
    change(twin, serial, "readings", "never", {"for": "the board"})
    with mishaps.powered(path) as machine:
        machine.wait_for("settings: 0 changes sent, 1 fetched")
        tell(twin, serial, "readings", "1", {"celsius": 21.5})
        tell(twin, serial, "settings", "own", {"n": 1})
        tell(twin, serial, "notes", "here", {"text": "sö"})
        wait_in_cloud(twin, serial, "readings", {"1": {"celsius": 21.5}, "never": {"for": "the board"}})
        wait_in_cloud(twin, serial, "notes", {"here": {"text": "sö"}})
        change(twin, serial, "notes", "there", {"text": "ä", "list": [1, 2.5, None]})
        machine.wait_for("notes: 0 changes sent, 1 fetched")
        change(twin, serial, "notes", "here", None)
        machine.wait_for("notes: 0 changes sent, 1 fetched", start=len(machine.lines))
        tell(twin, serial, "notes", "there", None)
        wait_in_cloud(twin, serial, "notes", {})
        change(twin, serial, "notes", "last", {"n": 1})
        machine.wait_for("notes: 0 changes sent, 1 fetched", start=len(machine.lines))
    assert on_board(path, "readings") == {"1": {"celsius": 21.5}}
    assert on_board(path, "settings") == {"every": {"s": 5}, "own": {"n": 1}}
    assert on_board(path, "notes") == {"last": {"n": 1}}
    assert in_cloud(twin, serial, "settings") == {"every": {"s": 5}}


# Says when it is off line; stores what is to be stored then; deletes one.
OFF_LINE = """
    notes = await muster.table("notes")
    if notes.count():
        await asyncio.sleep(3600)
    notes.put_all({"ours": {"n": 1}, "shared": {"n": 1}, "old": {"n": 1}, "both": {"n": 1}})
    while notes.count() < 5:
        await asyncio.sleep(0.02)  # until the cloud's own has come
    while muster.is_online():
        await asyncio.sleep(0.02)
    notes.put_all({"ours": {"n": 2}, "shared": {"board": 2}, "new": {"n": 2}})
    notes.delete("old")
    notes.delete("both")
    muster.log("changed off line")
"""


def test_what_both_change_off_line_meets_after_the_reconnection(twin, serial, tmp_path):
    with contextlib.ExitStack() as link:
        relay = link.enter_context(Relay("127.0.0.1", twin.port))
        path = board(tmp_path, twin, serial, OFF_LINE, {"notes": "both"}, port=relay.port)
        change(twin, serial, "notes", "theirs", {"n": 1})
        with mishaps.powered(path) as machine:
            machine.wait_for("notes: 4 changes sent, 1 fetched")
            link.close()
            machine.wait_for("changed off line")
            change(twin, serial, "notes", "theirs", None)
            change(twin, serial, "notes", "shared", {"cloud": 2})
            change(twin, serial, "notes", "both", {"cloud": 2})
            change(twin, serial, "notes", "other", {"cloud": 2})
    wanted = {
        "ours": {"n": 2},
        "new": {"n": 2},
        "shared": {"cloud": 2},
        "both": {"cloud": 2},
        "other": {"cloud": 2},
    }
    with Relay("127.0.0.1", twin.port, port=relay.port), mishaps.powered(path) as machine:
        machine.wait_for("notes: 2 changes do not count: the cloud has changed the same")
        machine.wait_for("notes: 3 changes sent, 4 fetched")
        assert in_cloud(twin, serial, "notes") == wanted
    assert on_board(path, "notes") == wanted


# Fills a table as fast as it can, then waits until the cloud's own document has come.
FILL = """
    table = await muster.table("readings")
    for number in range(%d):
        key = "%%04d" %% number
        if table.get(key) is None:
            table.put(key, {"n": number, "text": "x" * 40})
        if number %% 20 == 0:
            await asyncio.sleep(0)
    muster.log("all are stored")
    while table.get("theirs") is None:
        await asyncio.sleep(0.02)
    muster.log("complete")
"""


def filled(count):
    return {f"{number:04}": {"n": number, "text": "x" * 40} for number in range(count)}


def test_links_that_break_in_the_middle(twin, serial, tmp_path):
    count = 300
    with Relay("127.0.0.1", twin.port) as relay:
        path = board(tmp_path, twin, serial, "", {"readings": "both"}, port=relay.port)
        rig.boot_to_the_end(path)
        before = relay.connections
        mishaps.edit(path, applications.compiled(tmp_path / "fill", applications.body(FILL % count)))
        for number in range(50):
            change(twin, serial, "readings", f"cloud {number:02}", {"text": "y" * 200})
        with mishaps.powered(path) as machine:
            for cuts in range(1, 7):
                relay.cut_after_total = relay.bytes_up + relay.bytes_down + 9000
                assert relay.wait_until(lambda relay: relay.cut_after_total is None), "nothing more is sent"
                assert relay.wait_until(lambda relay, wanted=before + cuts + 1: relay.connections >= wanted)
            change(twin, serial, "readings", "theirs", {"n": 1})
            machine.wait_for("complete")
            wanted = {
                **filled(count),
                **{f"cloud {number:02}": {"text": "y" * 200} for number in range(50)},
                "theirs": {"n": 1},
            }
            wait_in_cloud(twin, serial, "readings", wanted)
            assert machine.console.count("connected to") > 3
            assert changes_in_cloud(twin, serial, "readings") == len(wanted), "each change once"
    assert on_board(path, "readings") == wanted


def test_the_twin_is_restarted(serial, tmp_path):
    quick = {"authority_key": "ec", "claim_key": "ec", "key_pool": 0}
    with contextlib.ExitStack() as powered:
        with running_twin(tmp_path / "twin", Settings(**quick)) as twin:
            port = twin.port
            path = board(tmp_path, twin, serial, KEEPER, {"notes": "both"})
            machine = powered.enter_context(mishaps.powered(path))
            machine.wait_for("hears commands")
            tell(twin, serial, "notes", "a", {"n": 1})
            wait_in_cloud(twin, serial, "notes", {"a": {"n": 1}})
        change(twin, serial, "notes", "while", {"it": "is off"})  # its registry is there without it
        with running_twin(tmp_path / "twin", Settings(**quick, mqtt_port=port)) as twin:
            machine.wait_for("notes: 0 changes sent, 1 fetched")
            tell(twin, serial, "notes", "a", {"n": 2})
            wait_in_cloud(twin, serial, "notes", {"a": {"n": 2}, "while": {"it": "is off"}})


def test_many_documents_in_little_memory(twin, serial, tmp_path):
    mishaps.need_interpreter(32)
    path = board(tmp_path, twin, serial, "", {"readings": "both"})
    rig.boot_to_the_end(path)
    mishaps.edit(path, applications.compiled(tmp_path / "fill", applications.body(FILL % 500)))
    for number in range(300):
        change(twin, serial, "readings", f"cloud {number:03}", {"n": number, "text": "y" * 40})
    with mishaps.powered(path, bits=32, heap_kb=300) as machine:
        machine.wait_for("all are stored")
        change(twin, serial, "readings", "theirs", {"n": 1})
        machine.wait_for("complete")
        cloud = {f"cloud {number:03}": {"n": number, "text": "y" * 40} for number in range(300)}
        wait_in_cloud(twin, serial, "readings", {**filled(500), **cloud, "theirs": {"n": 1}})
        machine.wait_for("all services OK", start=len(machine.lines))
        assert "memory is short" not in machine.console, machine.console
    assert on_board(path, "readings") == {**filled(500), **cloud, "theirs": {"n": 1}}


def test_the_sensor_keeps_its_readings_in_the_cloud(twin, serial, tmp_path):
    config = {fields.SERVICES: {fields.CLOUD: {fields.SYNC: {"readings": "up"}}}}
    files = {**application.files_of(REPO / "examples/sensor"), paths.CONFIG: strict_json(config)}
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra=files, app={"every_s": 1})
    for start in (1, 2):
        with mishaps.powered(path) as machine:
            machine.wait_for(f"reading {start}-3")
            stored = re.findall(r"reading (\d+-\d+)", machine.console)
            wait_for_keys(twin, serial, "readings", stored)
    assert changes_in_cloud(twin, serial, "readings") == len(in_cloud(twin, serial, "readings"))
    assert len(on_board(path, "readings")) < 8, "what the cloud has is removed from the board"
    heard = {message.topic for message in twin.messages}
    assert topics.sync("cameraDevice", serial) in heard, "the table takes this way"
    assert f"cameraDevice/{serial}/temperature" not in heard


# At the second start: deletes what the cloud has, and writes until the log has been cleaned several times.
CLEANED = """
    notes = await muster.table("notes")
    if notes.get("old") is None and not notes.count():
        notes.put_all({"old": {"n": 1}, "kept": {"n": 1}})
    elif notes.get("old"):
        notes.delete("old")
        for number in range(400):
            notes.put("hot", {"n": number, "text": "x" * 100})
            await asyncio.sleep(0)
    muster.log("done, %d documents" % notes.count())
"""


def test_a_deletion_of_a_board_that_starts_off_line_is_told(twin, serial, tmp_path):
    port = listeners.silent()
    path = board(tmp_path, twin, serial, CLEANED, {"notes": "both"}, port=port)
    with Relay("127.0.0.1", twin.port, port=port), mishaps.powered(path):
        wait_in_cloud(twin, serial, "notes", {"old": {"n": 1}, "kept": {"n": 1}})
    with mishaps.powered(path) as machine:
        machine.wait_for("done, 2 documents")
        assert machine.console.count("connected to") == 0
    logs = [name for name in rig.on_flash(path) if name.startswith(f"{paths.TABLES}/notes.")]
    assert f"{paths.TABLES}/notes.0001" not in logs, "the oldest file was cleaned"
    with Relay("127.0.0.1", twin.port, port=port), mishaps.powered(path):
        hot = {"n": 399, "text": "x" * 100}
        wait_in_cloud(twin, serial, "notes", {"kept": {"n": 1}, "hot": hot})
    assert on_board(path, "notes") == {"kept": {"n": 1}, "hot": hot}


def test_a_released_board_begins_anew(twin, serial, tmp_path):
    path = board(tmp_path, twin, serial, KEEPER, {"notes": "both"})
    with mishaps.powered(path) as machine:
        machine.wait_for("hears commands")
        tell(twin, serial, "notes", "a", {"n": 1})
        wait_in_cloud(twin, serial, "notes", {"a": {"n": 1}})
        first = json.loads(twin.wait_for_publish(topics.sync("cameraDevice", serial)).payload)
        commanding.send(twin, serial, fields.RELEASE)
        machine.wait_for("released by the cloud")
        machine.wait()
    assert paths.SYNC not in rig.on_flash(path)
    with mishaps.powered(path) as machine:
        machine.wait_for("notes: 1 changes sent, 0 fetched")
    known = json.loads(rig.on_flash(path)[paths.SYNC])
    assert known[fields.BOARD] != first[fields.BOARD]
    assert changes_in_cloud(twin, serial, "notes") == 1, "it was there already"
