"""What a cloud may answer that it should not: nothing is lost, and the next good answer goes on."""

import json

from device.core import fields, paths
from device.core.failures import GIVE_UP, Failure
from sync_world import Board, started
from tables import content


def _with(answer, **changes):
    """An accepted answer with some fields changed, as a list for `distort`."""
    value = json.loads(answer)
    value.update(changes)
    return [True, json.dumps(value).encode()]


def _refused(raw, code, **more):
    value = json.loads(raw)
    answer = {fields.TABLE: value[fields.TABLE], fields.NUMBER: value[fields.NUMBER], fields.CODE: code}
    answer.update(more)
    return [False, json.dumps(answer).encode()]


BAD = [
    lambda ok, raw: (True, b""),
    lambda ok, raw: (True, None),
    lambda ok, raw: (True, raw[:-1]),
    lambda ok, raw: (True, b"[" * 3000),
    lambda ok, raw: (True, b"[1]"),
    lambda ok, raw: (True, b"\xff\xfe{}"),
    lambda ok, raw: _with(raw, seen="5"),
    lambda ok, raw: _with(raw, seen=None),
    lambda ok, raw: _with(raw, seen=True),
    lambda ok, raw: _with(raw, seen=10**12),
    lambda ok, raw: _with(raw, changes={"a": 1}),
    lambda ok, raw: _with(raw, changes=[["k", {}]]),
    lambda ok, raw: _with(raw, changes=[["k", {}, 10**12]]),
    lambda ok, raw: _with(raw, changes=[["k", {}, 1]]),
    lambda ok, raw: _with(raw, changes=[["k", {}, "9"]]),
    lambda ok, raw: _with(raw, changes=[["k", [1], 9]]),
    lambda ok, raw: _with(raw, changes=[["k", "text", 9]]),
    lambda ok, raw: _with(raw, changes=[["", {}, 9]]),
    lambda ok, raw: _with(raw, changes=[["k" * 65, {}, 9]]),
    lambda ok, raw: _with(raw, changes=[[7, {}, 9]]),
    lambda ok, raw: _with(raw, changes=[], more=True),
    lambda ok, raw: _with(raw, refused=7),
    lambda ok, raw: (False, b"nonsense"),
    lambda ok, raw: _refused(raw, 429),
    lambda ok, raw: _refused(raw, "x"),
    lambda ok, raw: _refused(raw, 409, seen=10**12),
    lambda ok, raw: _refused(raw, 409, seen=-1),
    lambda ok, raw: _with(raw, table="other"),
    lambda ok, raw: _with(raw, table=["readings"]),
    lambda ok, raw: _with(raw, number=1),
    lambda ok, raw: _with(raw, number=[]),
]


def test_hostile_answers_change_nothing():
    for number, distort in enumerate(BAD):
        board, cloud = started()
        board.table_.put("a", {"n": 1})
        cloud.change("b", {"n": 2})
        board.in_step()
        before = json.loads(board.flash.read(paths.SYNC))[fields.TABLES]
        board.table_.put("c", {"n": 3})
        board.distort = distort
        board.news()
        assert board.synchronise() is not None, number
        assert sorted(content(board.table_)) == ["a", "b", "c"], number
        assert json.loads(board.flash.read(paths.SYNC))[fields.TABLES] == before, number
        board.distort = None
        board.in_step()
        assert cloud.documents() == content(board.table_), number


def test_one_document_twice_in_an_answer():
    board, cloud = started()
    cloud.change("a", {"n": 1})
    changes = [["a", {"n": 1}, 1], ["a", None, 2], ["b", {"n": 1}, 3], ["b", {"n": 2}, 4]]
    board.distort = lambda ok, raw: _with(raw, changes=changes, seen=4)
    board.synchronise()
    assert content(board.table_) == {"b": {"n": 2}}


def test_what_no_table_can_hold_is_left_out_and_the_rest_is_taken():
    board, cloud = started()
    cloud.change("a", {"n": 1})
    cloud.change("long", {"text": "x" * 1100})
    cloud.change("b", {"n": 2})
    board.in_step()
    assert content(board.table_) == {"a": {"n": 1}, "b": {"n": 2}}
    assert any("long of the cloud is left out" in text for text in board.said)
    requests = len(cloud.requests)
    board.in_step()
    assert len(cloud.requests) == requests + 1, "it is not fetched again"


def test_a_full_table_waits_for_room():
    board, cloud = started()
    is_full = []

    def allow(table, size, count):
        if is_full and count:
            raise Failure(GIVE_UP, "the table is full")

    board.table_._allow = allow
    cloud.change("a", {"n": 1})
    board.in_step()
    cloud.change("a", None)
    cloud.change("b", {"n": 2})
    is_full.append(True)
    for _ in range(2):
        board.news()
        assert "the table is full" in str(board.synchronise())
        assert content(board.table_) == {}
    assert cloud.requests[-1][fields.SEEN] == cloud.last - 1, "the deletion is not asked for again"
    is_full.clear()
    board.in_step()
    assert content(board.table_) == {"b": {"n": 2}}


def test_a_broken_file_is_a_new_beginning():
    for raw in (b"", b"{", b"[]", b"{}", b'{"board":1}', b'{"board":"x","origin":1,"number":"2","tables":{}}',
                b'{"board":"x","origin":1,"number":2,"tables":{"readings":[1]}}',
                b'{"board":"x","origin":1,"number":2,"tables":{"readings":[1,-1]}}',
                b'{"board":"x","origin":1,"number":2,"tables":{"readings":[-1,1]}}',
                b'{"board":"x","origin":1,"number":2,"tables":{"readings":["1",1]}}',
                b'{"board":"x","origin":1,"number":2,"tables":[["readings",1,2]]}'):  # fmt: skip
        board, cloud = started()
        board.table_.put("a", {"n": 1})
        cloud.change("b", {"n": 2})
        board.in_step()
        board.flash.files[paths.SYNC] = raw
        board = Board(board.flash, cloud, fields.BOTH)
        board.in_step()
        assert content(board.table_) == cloud.documents() == {"a": {"n": 1}, "b": {"n": 2}}, raw
