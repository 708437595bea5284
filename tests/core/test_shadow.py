"""The board's side of shadows: merge, difference, bounded reading, what is reported after a delta."""

import json

from check import raises
from device.core import shadow
from device.core.shadow import Mirror


def _accepted(version, desired=None, reported=None):
    state = {"desired": desired or {}, "reported": reported or {}}
    return json.dumps({"metadata": {"state": 1}, "state": state, "version": version}).encode()


def _delta(version, state):
    return json.dumps({"state": state, "version": version, "metadata": {}}).encode()


def test_merge_removes_with_none_and_replaces_lists():
    old = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert shadow.merged(old, {"a": {"b": None, "c": [3]}, "d": {"e": 1}}) == {"a": {"c": [3]}, "d": {"e": 1}}
    assert old == {"a": {"b": 1, "c": [1, 2]}, "d": 1}


def test_joined_patches_do_what_both_do():
    first, second = {"a": {"b": 1}, "c": None}, {"a": None, "d": {"e": None}}
    old = {"a": 1, "c": 2, "d": {"e": 3, "f": 4}}
    joined = shadow.joined(old, first, second)
    assert shadow.merged(old, joined) == shadow.merged(shadow.merged(old, first), second)
    joined = shadow.joined({"a": {"b": 1}}, {"a": None}, {"a": {"c": 1}})  # what was removed stays so
    assert shadow.merged({"a": {"b": 1}}, joined) == {"a": {"c": 1}}


def test_difference_keeps_the_path_and_knows_true_from_one():
    desired = {"a": {"b": 1, "c": 2}, "d": [1], "e": True}
    assert shadow.difference(desired, {"a": {"b": 1}, "d": [1], "e": 1}) == {"a": {"c": 2}, "e": True}
    assert shadow.difference(desired, desired) == {}
    assert shadow.difference({"a": [{"b": 1}]}, {"a": [{"b": True}]}) == {"a": [{"b": 1}]}


def test_what_cannot_be_reported():
    deep = {"a": {"a": {"a": {"a": {"a": 1}}}}}
    assert shadow.fault(deep) is None
    for value, why in (
        ({"a": deep}, "too deeply"),
        ({"a": [1, None]}, "None in a list"),
        ({1: 2}, "no text"),
        ({"a": b"x"}, "JSON does not know"),
        ({"a": (1,)}, "JSON does not know"),
        ({"a": float("nan")}, "without end"),
        ({"a": float("inf")}, "without end"),
    ):
        assert why in shadow.fault(value), value
    mirror = Mirror()
    assert "is no dict" in str(raises(ValueError, mirror.report, [1]))
    mirror.report({"a": "x" * 5000})
    assert "limit is 8192" in str(raises(ValueError, mirror.report, {"b": "x" * 4000}))
    assert mirror.pending == {"a": "x" * 5000}


def test_parts_are_found_without_parsing_the_rest():
    raw = b' { "x" : [1, {"state": 2}], "y\\"": "a\\\\", "state": {"desired": {"a": "}"}}, "version" : 12 } '
    assert shadow.part(raw, "state", "desired") == b'{"a": "}"}'
    assert shadow.part(raw, "x") == b'[1, {"state": 2}]'
    assert shadow.part(raw, "none") is None and shadow.part(raw, "state", "none") is None
    assert shadow.number(raw, "version") == 12
    assert shadow.section(raw, "state", "desired") == {"a": "}"}
    assert shadow.section(raw, "state", "reported") == {}


def test_hostile_documents():
    for raw in (
        b"",
        b"[]",
        b"{",
        b'{"state',
        b'{"state": ',
        b'{"state": {',
        b'{"a" 1}',
        b"\xff\xfe",
        b'{"state": "',
    ):
        mirror = Mirror({"version": 3, "desired": {"a": 1}, "reported": {}, "pending": {}})
        raises(ValueError, mirror.got, raw)
        raises(ValueError, mirror.heard, raw)
        assert (mirror.version, mirror.desired) == (3, {"a": 1})
    deep = b'{"version": 4, "state": {"desired": ' + b'{"a":' * 9 + b"1" + b"}" * 9 + b"}}"
    assert "too deeply" in str(raises(ValueError, Mirror().got, deep))
    deeper = b'{"version": 4, "state": ' + b"[" * 3000 + b"]" * 3000 + b"}"
    raises(ValueError, Mirror().heard, deeper)
    large = b'{"version": 4, "state": {"desired": {"a": "' + b"x" * 9000 + b'"}}}'
    assert "limit is 8192" in str(raises(ValueError, Mirror().got, large))
    for bad in (b'"4"', b"1.5", b"null", b"9" * 40):
        raises(ValueError, Mirror().heard, b'{"state": {}, "version": ' + bad + b"}")


def test_a_delta_is_applied_and_reported():
    mirror = Mirror()
    mirror.got(_accepted(1, {"lamp": {"on": True}}, {"lamp": {"on": False}}))
    assert mirror.changes() == {"lamp": {"on": True}}
    assert mirror.changes() == {}  # told already
    mirror.report({"lamp": {"on": True}})
    assert mirror.request() == {"lamp": {"on": True}}
    mirror.accepted(b'{"version": 2, "state": {}}')
    assert mirror.unsent() == {} and mirror.changes() == {}
    assert mirror.heard(_delta(3, {"lamp": {"on": False}}))
    assert not mirror.heard(_delta(2, {"lamp": {"on": 7}}))  # late
    assert mirror.changes() == {"lamp": {"on": False}}
    mirror.tell_again()
    assert mirror.changes() == {"lamp": {"on": False}}


def test_what_is_reported_while_one_is_sent_is_not_lost():
    mirror = Mirror()
    mirror.report({"a": 1, "b": 1})
    assert mirror.request() == {"a": 1, "b": 1}
    mirror.report({"a": 2})
    mirror.returned()  # no answer
    assert mirror.request() == {"a": 2, "b": 1}
    mirror.report({"b": None})
    mirror.accepted(b'{"version": 5}')
    assert (mirror.reported, mirror.pending) == ({"a": 2, "b": 1}, {"b": None})
    mirror.request()
    mirror.refused()
    assert mirror.unsent() == {}


def test_a_restart_keeps_what_was_not_acknowledged():
    mirror = Mirror()
    mirror.got(_accepted(7, {"d": 1}, {"r": 1}))
    mirror.report({"r": 2})
    mirror.request()
    again = Mirror(json.loads(json.dumps(mirror.copy())))
    assert (again.version, again.desired, again.pending) == (7, {"d": 1}, {"r": 2})
    for broken in (None, 1, [], {"version": "x", "desired": 1, "pending": []}):
        assert Mirror(broken).copy() == {"version": 0, "desired": {}, "reported": {}, "pending": {}}


def test_a_deleted_shadow_is_reported_anew():
    mirror = Mirror()
    mirror.got(_accepted(7, {"d": 1}, {"r": 1, "s": 1}))
    mirror.report({"r": 2})
    mirror.gone()
    assert mirror.version == 0 and mirror.desired == {}
    assert mirror.request() == {"r": 2, "s": 1}


def test_verdicts():
    codes = (400, 403, 404, 409, 413, 429, 500, 503)
    verdicts = [shadow.verdict(code) for code in codes]
    assert verdicts == ["wrong", "wrong", "none", "stale", "wrong", "again", "again", "again"]
