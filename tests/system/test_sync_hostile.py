"""A cloud that throttles, falls silent, or says what it should not, while tables are synchronised."""

import json

from device.core import fields, topics
from muster.twin import faults
from tests.system import mishaps
from tests.system.synced import (
    KEEPER,
    board,
    change,
    changes_in_cloud,
    on_board,
    tell,
    tell_until_heard,
    wait_in_cloud,
)


def test_throttling_silence_and_doubles_are_not_the_end(twin, serial, tmp_path):
    path = board(tmp_path, twin, serial, KEEPER, {"notes": "both"}, intervals={"answer_ms": 1500})
    wanted = {}
    with mishaps.powered(path) as machine:
        machine.wait_for("hears commands")
        for kind, number in (
            (faults.REJECT, 429),
            (faults.REJECT, 500),
            (faults.LOSE_ANSWER, None),
            (faults.CLOSE_BEFORE, None),
            (faults.CLOSE_AFTER, None),
            (faults.TWICE, None),
            (faults.IGNORE, None),
        ):
            twin.registry.faults.add(faults.SYNC, kind, number=number, client=serial, count=1)
            key = f"{kind} {number}"
            wanted[key] = {"n": number}
            tell_until_heard(machine, twin, serial, "notes", key, {"n": number})
            wait_in_cloud(twin, serial, "notes", wanted)
        change(twin, serial, "notes", "theirs", {"n": 1})
        machine.wait_for("notes: 0 changes sent, 1 fetched")
        for line in ("the cloud refused: 429 ", "the cloud refused: 500 ", "no answer from the cloud"):
            machine.wait_for("notes: " + line)
        assert changes_in_cloud(twin, serial, "notes") == 8, "each change once"
        assert not [one for one in twin.registry.faults.all() if one.client == serial]
    assert on_board(path, "notes") == {**wanted, "theirs": {"n": 1}}


def test_hostile_messages_change_nothing(twin, serial, tmp_path):
    path = board(tmp_path, twin, serial, KEEPER, {"notes": "both"})
    with mishaps.powered(path) as machine:
        machine.wait_for("hears commands")
        tell(twin, serial, "notes", "a", {"n": 1})
        wait_in_cloud(twin, serial, "notes", {"a": {"n": 1}})
        request = topics.sync("cameraDevice", serial)
        accepted, rejected = topics.accepted(request), topics.rejected(request)
        evil = [["a", {"evil": 1}, 99]]
        for number in (1, 2, 3, 64, 65, "1", None):
            body = {"table": "notes", "number": number, "seen": 99, "changes": evil, "refused": []}
            twin.send(accepted, json.dumps(body).encode())
            twin.send(rejected, json.dumps({**body, "code": 409, "seen": 10**12}).encode())
        for payload in (b"", b"nonsense", b"[" * 5000, b"x" * 14_000, b"\xff\xfe"):
            for topic in (accepted, rejected, topics.sync_changed("cameraDevice", serial, "notes")):
                twin.send(topic, payload)
        twin.send(topics.sync_changed("cameraDevice", serial, "no-such-table"), b"{}")
        twin.send(accepted, b"x" * 60_000)
        machine.wait_for("left out a message of 60")
        tell(twin, serial, "notes", "b", {"n": 2})
        wait_in_cloud(twin, serial, "notes", {"a": {"n": 1}, "b": {"n": 2}})
        assert machine.console.count("connected to") == 1
        machine.wait_for("all services OK", start=len(machine.lines))
    assert on_board(path, "notes") == {"a": {"n": 1}, "b": {"n": 2}}


def test_answers_of_nonsense_are_told_and_survived(twin, serial, tmp_path):
    path = board(tmp_path, twin, serial, KEEPER, {"notes": "both"})
    request = topics.sync("cameraDevice", serial)
    twin.registry.faults.add(faults.SYNC, faults.IGNORE, client=serial)  # the test answers
    with mishaps.powered(path) as machine:
        body = {"table": "notes", "number": 1, "refused": [], "seen": "five", "changes": []}
        asked = twin.wait_for_publish(request)
        body["number"] = json.loads(asked.payload)["number"]
        twin.send(topics.accepted(request), json.dumps(body).encode())
        machine.wait_for("notes: the cloud's answer cannot be used: it lacks seen or changes")
        asked = twin.wait_for_publish(request, count=2)
        body["number"] = json.loads(asked.payload)["number"]
        body["changes"] = [["a", {"text": "x" * 9000}, 5]]
        twin.send(topics.accepted(request), json.dumps(body).encode())
        machine.wait_for("the cloud's answer cannot be used: it has more than 7168 bytes")
        machine.wait_for("notes: no answer from the cloud; look whether the cloud serves")
        for fault in twin.registry.faults.all():
            if fault.client == serial:
                twin.registry.faults.clear(fault.fault_id)
        tell(twin, serial, "notes", "a", {"n": 1})
        wait_in_cloud(twin, serial, "notes", {"a": {"n": 1}})


def test_a_full_table_waits_for_room_and_the_others_go_on(twin, serial, tmp_path):
    path = board(
        tmp_path,
        twin,
        serial,
        KEEPER,
        {"full": "both", "other": "both"},
        database={fields.TABLE_BYTES: 4096},
    )
    documents = {f"d{number}": {"text": "x" * 900} for number in range(5)}
    for key, document in documents.items():
        change(twin, serial, "full", key, document)
    change(twin, serial, "other", "theirs", {"n": 1})
    with mishaps.powered(path) as machine:
        machine.wait_for("full: the table full is full")
        machine.wait_for("other: 0 changes sent, 1 fetched")
        tell_until_heard(machine, twin, serial, "other", "ours", {"n": 2})
        wait_in_cloud(twin, serial, "other", {"theirs": {"n": 1}, "ours": {"n": 2}})
        tell_until_heard(machine, twin, serial, "full", "d0", None)
        del documents["d0"]
        wait_in_cloud(twin, serial, "full", documents)
        machine.wait_for("full: 1 changes sent, 2 fetched")
    assert on_board(path, "full") == documents
