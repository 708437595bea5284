"""Merge and difference of shadows against a plain model: a document as a map from paths to values."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.core import shadow
from muster.twin import shadow_document as documents

_KEYS = st.sampled_from(["a", "b", "c", "timestamp"])
_SCALARS = st.one_of(
    st.booleans(), st.integers(-3, 3), st.text("xy", max_size=2), st.lists(st.integers(0, 2))
)
SLOW = [HealthCheck.too_slow]  # no test depends on the speed of the machine
_STATES = st.dictionaries(
    _KEYS, st.recursive(_SCALARS, lambda inner: st.dictionaries(_KEYS, inner, min_size=1), max_leaves=6)
)
_PATCHES = st.dictionaries(
    _KEYS,
    st.recursive(
        st.one_of(st.none(), _SCALARS), lambda inner: st.dictionaries(_KEYS, inner, min_size=1), max_leaves=6
    ),
)


def leaves(document, path=()):
    """{path: value} of everything that is no object."""
    found = {}
    for key, value in document.items():
        if isinstance(value, dict):
            found.update(leaves(value, (*path, key)))
        else:
            found[(*path, key)] = value
    return found


def begins(path, head):
    return path[: len(head)] == head


def model(state, patch):
    """What is left of `state` beside the paths that `patch` names, and what the patch sets."""
    kept, said = leaves(state), leaves(patch)
    for path in said:
        kept = {
            other: value
            for other, value in kept.items()
            if not begins(other, path) and not begins(path, other)
        }
    kept.update({path: value for path, value in said.items() if value is not None})
    return kept


@settings(max_examples=300, suppress_health_check=SLOW)
@given(_STATES, _PATCHES)
def test_merge(state, patch):
    before = repr(state), repr(patch)
    assert leaves(documents.merged(state, patch)) == model(state, patch)
    assert (repr(state), repr(patch)) == before


@settings(max_examples=300, suppress_health_check=SLOW)
@given(_STATES, _PATCHES)
def test_every_value_has_a_timestamp_and_the_new_ones_are_of_now(state, patch):
    merged = documents.merged(state, patch)
    metadata = documents.merged_metadata(documents.merged_metadata({}, state, 1), patch, 2)
    said = {path for path, value in leaves(patch).items() if value is not None}
    for path, value in leaves(merged).items():
        stamp = metadata
        for key in path:
            stamp = stamp[key]
        now_s = 2 if path in said else 1
        expected = [{"timestamp": now_s}] * len(value) if isinstance(value, list) else {"timestamp": now_s}
        assert stamp == expected
    assert documents.picked(metadata, merged) == metadata or {} in _values(merged)


def _values(document):
    for value in document.values():
        yield value
        if isinstance(value, dict):
            yield from _values(value)


@settings(max_examples=300, suppress_health_check=SLOW)
@given(_STATES, _STATES)
def test_who_applies_the_delta_has_what_is_desired(desired, reported):
    delta = documents.delta(desired, reported)
    after = documents.merged(reported, delta)
    assert documents.delta(desired, after) == {}
    wanted, had = leaves(desired), leaves(reported)
    told = leaves(delta)
    assert told == {
        path: value
        for path, value in wanted.items()
        if path not in had or not documents.same(had[path], value)
    }


@settings(suppress_health_check=SLOW)
@given(_STATES)
def test_nothing_differs_from_itself(state):
    assert documents.delta(state, state) == {}


@settings(max_examples=300, suppress_health_check=SLOW)
@given(_STATES, _PATCHES, _PATCHES)
def test_the_board_computes_the_same(state, first, second):
    once = shadow.merged(state, first)
    assert once == documents.merged(state, first)
    assert shadow.merged(state, shadow.joined(state, first, second)) == documents.merged(once, second)
    assert shadow.difference(state, once) == documents.delta(state, once)


@settings(suppress_health_check=SLOW)
@given(_STATES, _STATES, st.sampled_from([None, 1]))
def test_the_board_finds_the_parts_of_a_document(desired, reported, indent):
    raw = json.dumps(
        {"x": reported, "state": {"desired": desired, "reported": reported}}, indent=indent
    ).encode()
    assert json.loads(shadow.part(raw, "state", "desired")) == desired
    assert json.loads(shadow.part(raw, "state", "reported")) == reported
    assert shadow.part(raw, "state", "y") is None


@settings(max_examples=500, suppress_health_check=SLOW)
@given(st.binary(max_size=60) | st.text('{}[]":,\\\\ 1astate', max_size=60).map(str.encode))
def test_a_board_survives_any_document(raw):
    mirror = shadow.Mirror()
    for read in (mirror.got, mirror.heard, mirror.accepted):
        try:
            read(raw)
        except ValueError:
            assert mirror.desired == {}
