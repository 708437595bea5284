"""The other side of boards' databases: what a request does, and what `muster twin table` does."""

import json

import pytest

from device.core import fields, topics
from muster.errors import MusterError
from muster.registry import Registry
from muster.registry.things import Thing
from muster.twin import tables
from muster.twin.tables import TableError

TOPIC = topics.sync("cameraDevice", "camera-1")


@pytest.fixture
def registry(tmp_path):
    registry = Registry(tmp_path)
    yield registry
    registry.close()


class Board:
    """Asks as a board would."""

    def __init__(self, registry, name="b1"):
        self._registry = registry
        self.name = name
        self.number = 0

    def ask(self, changes=(), seen=None, table="readings", **more):
        self.number += 1
        body = {"table": table, "board": self.name, "number": self.number, "changes": list(changes)}
        if seen is not None:
            body["seen"] = seen
        asked = tables.request(json.dumps({**body, **more}).encode())
        return tables.serve(self._registry, TOPIC, asked, 1000)


def documents(registry, table="readings"):
    return {one.key: json.loads(one.text) for one in registry.tables.documents("camera-1", table)}


def change(registry, key, document, table="readings"):
    return tables.change(registry, "camera-1", table, key, document, 1000)


def test_what_a_board_sends_is_stored_and_not_sent_back(registry):
    board = Board(registry)
    answer = board.ask([["a", {"n": 1}], ["b", {"n": 2}]], seen=0)
    assert answer == {
        "table": "readings",
        "number": 1,
        "refused": [],
        "changes": [],
        "seen": 2,
        "more": False,
    }
    board.ask([["a", None], ["never", None], ["b", {"n": 3}]], seen=2)
    assert documents(registry) == {"b": {"n": 3}}
    assert registry.tables.names("camera-1") == [("readings", 1)]
    again = board.ask([["b", {"n": 3}]], seen=3)
    assert again["seen"] == 3, "the same again is no change"
    assert Board(registry, "another").ask(seen=0)["changes"] == [("b", {"n": 3}, 3)]
    answer = Board(registry, "third").ask([["b", {"n": 3}]], seen=0)
    assert answer["refused"] == answer["changes"] == [], "it has what is here"


def test_without_seen_nothing_is_sent_to_the_board_and_nothing_refused(registry):
    change(registry, "a", {"n": 1})
    answer = Board(registry).ask([["a", {"n": 2}]])
    assert answer == {"table": "readings", "number": 1, "refused": []}
    assert documents(registry) == {"a": {"n": 2}}


def test_a_conflict_is_refused_and_the_clouds_version_delivered(registry):
    board = Board(registry)
    board.ask([["a", {"n": 1}], ["b", {"n": 1}]], seen=0)
    assert change(registry, "a", {"cloud": 1}) == 3
    assert change(registry, "b", None) == 4
    answer = board.ask([["a", {"board": 1}], ["b", {"board": 1}], ["c", {"board": 1}]], seen=2)
    assert answer["refused"] == ["a", "b"]
    assert answer["changes"] == [("a", {"cloud": 1}, 3), ("b", None, 4)] and answer["seen"] == 5
    answer = board.ask([["a", {"board": 2}], ["b", {"board": 2}]], seen=5)
    assert answer["refused"] == [] and documents(registry)["b"] == {"board": 2}


def test_a_mark_of_a_deletion_stays_until_the_board_has_seen_it(registry):
    board = Board(registry)
    board.ask([["a", {"n": 1}]], seen=0)
    change(registry, "a", None)
    assert board.ask(seen=1)["changes"] == [("a", None, 2)] == board.ask(seen=1)["changes"]
    assert registry.tables.count("camera-1", "readings") == 1
    assert board.ask(seen=2)["changes"] == [] and registry.tables.count("camera-1", "readings") == 0
    assert change(registry, "a", None) is None and change(registry, "a", {}) == 3


def test_late_and_doubled_messages_are_refused(registry):
    board = Board(registry)
    board.ask([["a", {"n": 1}]], seen=0)
    board.ask([["a", {"n": 2}]], seen=0)
    for number in (1, 2):
        with pytest.raises(TableError, match="was here already") as error:
            board.ask([["a", {"n": 1}]], seen=0, number=number)
        assert (error.value.code, error.value.last) == (409, 2)
    assert documents(registry) == {"a": {"n": 2}}
    Board(registry, "new").ask([["a", {"n": 3}]], seen=9)
    assert documents(registry) == {"a": {"n": 3}}
    for number in range(9):
        Board(registry, f"b{number}x").ask()
    assert registry.tables.message("camera-1", "b1") == 0, "only the last ids are kept"


def test_pages_are_bounded_and_complete(registry):
    sent = {f"k{number:03}": {"text": "ä" * (number % 400)} for number in range(400)}
    for key, document in sent.items():
        change(registry, key, document)
    board, seen, got, is_more = Board(registry), 0, {}, True
    while is_more:
        answer = board.ask(seen=seen)
        size = len(json.dumps(answer["changes"], ensure_ascii=False).encode())
        assert size < fields.SYNC_BYTES + 1024
        got |= {key: document for key, document, _ in answer["changes"]}
        assert answer["seen"] > seen
        seen, is_more = answer["seen"], answer["more"]
    assert got == sent and board.number > 20


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 20_000,
        b"x" * 20_000,
        b'{"table":"t","board":"b","number":1,"changes":[["a",{"x":NaN}]]}',
        b'{"table":"T","board":"b","number":1,"changes":[]}',
        b'{"table":"t","board":"","number":1,"changes":[]}',
        b'{"table":"t","board":"b","number":-1,"changes":[]}',
        b'{"table":"t","board":"b","number":true,"changes":[]}',
        b'{"table":"t","board":"b","number":1,"seen":null,"changes":[]}',
        b'{"table":"t","board":"b","number":1}',
        b'{"table":"t","board":"b","number":1,"changes":[["a"]]}',
        b'{"table":"t","board":"b","number":1,"changes":[["a",7]]}',
        b'{"table":"t","board":"b","number":1,"changes":[["\\n",{}]]}',
    ],
)
def test_nonsense_is_refused(payload):
    with pytest.raises(TableError) as error:
        tables.request(payload)
    assert error.value.code in (400, 413)


def test_a_document_that_cannot_be_kept_costs_only_itself(registry):
    deep = {"a": 1}
    for _ in range(20):
        deep = {"a": deep}
    Board(registry).ask([["deep", deep], ["big", {"t": "x" * 3000}], ["odd", {"t": "\ud800"}], ["good", {}]])
    assert documents(registry) == {"good": {}}


def test_limits(registry, monkeypatch):
    monkeypatch.setattr(tables, "MOST_TABLES", 2)
    monkeypatch.setattr(tables, "MOST_DOCUMENTS", 3)
    board = Board(registry)
    board.ask([["a", {}]], table="one")
    board.ask([["a", {}]], table="two")
    with pytest.raises(TableError, match="2 tables already"):
        board.ask([["a", {}]], table="three")
    with pytest.raises(TableError, match="3 documents already"):
        board.ask([[key, {}] for key in "abcd"], table="one")
    assert documents(registry, "one") == {"a": {}}, "all of the message, or nothing"
    board.ask([[key, {}] for key in "abc"], table="one")
    with pytest.raises(MusterError, match="delete some"):
        change(registry, "d", {}, "one")


@pytest.mark.parametrize(
    ("table", "key", "document", "why"),
    [
        ("No", "a", {}, "cannot be called"),
        ("t", "", {}, "cannot have the key"),
        ("t", "a", {"t": "x" * 1100}, "the limit is 1024"),
        ("t", "a", {"t": float("nan")}, "cannot be stored"),
        ("t", "a", {"t": "\ud800"}, "cannot be stored"),
    ],
)
def test_what_a_board_could_not_take_is_refused(registry, table, key, document, why):
    with pytest.raises(MusterError, match=why):
        change(registry, key, document, table)


def test_news_go_to_who_has_asked(registry):
    change(registry, "a", {})
    assert registry.outbox.take() == []
    Board(registry).ask(seen=0)
    change(registry, "a", {"n": 1})
    assert registry.outbox.take() == [(topics.sync_changed("cameraDevice", "camera-1", "readings"), b"{}")]


def test_a_deleted_thing_takes_its_tables_along(registry):
    registry.things.put(Thing("camera-1", None, {}, [], 0))
    Board(registry).ask([["a", {}]])
    registry.things.delete("camera-1")
    assert registry.tables.names("camera-1") == [] and documents(registry) == {}
    assert registry.tables.prefixes("camera-1") == []
