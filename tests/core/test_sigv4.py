"""Signature Version 4 against AWS's own test suite; tests/golden/sigv4/README.md says what is in it."""

import json

from check import golden
from device.core import calendar, sigv4
from device.core.credentials import Keys
from device.core.secret import HIDDEN, Secret

_ID = "AKIDEXAMPLE"
_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
_PLACE = ("us-east-1", "service")
_UNIX_S = calendar.unix(2015, 8, 30, 12, 36)
_STAMP = "20150830T123600Z"
_CASES = 34


def _suite():
    return json.loads(golden("sigv4/suite.json").decode())


def _keys(token=None):
    return Keys(_ID, Secret(_SECRET), token and Secret(token), 0)


def _signed(case):
    query = [tuple(pair) for pair in case["query"]]
    body_hash = sigv4.digest(case["body"].encode())
    keys = _keys(case["token"])
    return sigv4.signed(
        case["method"], case["path"], query, case["headers"], body_hash, _UNIX_S, _PLACE, keys
    )


def test_suite_has_all_its_cases():
    assert len(_suite()) == _CASES
    assert len({case["name"] for case in _suite()}) == _CASES


def test_canonical_requests():
    for case in _suite():
        headers = case["headers"] + [["X-Amz-Date", _STAMP]]
        if case["token"]:
            headers.append(["X-Amz-Security-Token", case["token"]])
        query = [tuple(pair) for pair in case["query"]]
        body_hash = sigv4.digest(case["body"].encode())
        found, _ = sigv4.canonical(case["method"], case["path"], query, headers, body_hash)
        assert found == case["canonical"], (case["name"], found)


def test_strings_to_sign():
    for case in _suite():
        found = sigv4.to_sign(_STAMP, "20150830/us-east-1/service/aws4_request", case["canonical"])
        assert found == case["toSign"], (case["name"], found)


def test_signatures():
    for case in _suite():
        added = _signed(case)
        assert added[0] == ("X-Amz-Date", _STAMP)
        assert added[-1] == ("Authorization", case["authorization"]), (case["name"], added)
        if case["token"]:
            assert added[1:-1] == [("X-Amz-Security-Token", case["token"])]


def test_every_value_counts():
    """Another method, path, query, header, body, time, place or key gives another signature."""
    usual = {
        "method": "POST",
        "path": "/a",
        "query": [("b", "c")],
        "headers": [("Host", "logs.example")],
        "body_hash": sigv4.digest(b"body"),
        "unix_s": _UNIX_S,
        "place": ("eu-west-1", "logs"),
        "keys": _keys("token"),
    }
    others = (
        {"method": "PUT"},
        {"path": "/a/"},
        {"query": [("b", "d")]},
        {"headers": [("Host", "logs.example"), ("X-A", "1")]},
        {"body_hash": sigv4.digest(b"Body")},
        {"unix_s": _UNIX_S + 1},
        {"place": ("eu-west-2", "logs")},
        {"place": ("eu-west-1", "iot")},
        {"keys": _keys("tokeN")},
        {"keys": Keys(_ID, Secret(_SECRET + "x"), Secret("token"), 0)},
    )
    found = {sigv4.signed(**usual)[-1][1]}
    for other in others:
        changed = dict(usual)
        changed.update(other)
        found.add(sigv4.signed(**changed)[-1][1])
    assert len(found) == len(others) + 1


def test_input_stays_as_it_was():
    headers = [("Host", "logs.example")]
    sigv4.signed("GET", "/", [], headers, sigv4.digest(b""), _UNIX_S, _PLACE, _keys("token"))
    assert headers == [("Host", "logs.example")]


def test_query_is_encoded_byte_by_byte():
    assert sigv4.canonical_query([("b", "1 2"), ("a", "x/y?&=%")]) == "a=x%2Fy%3F%26%3D%25&b=1%202"
    assert sigv4.canonical_query([("ü", "~")]) == "%C3%BC=~"
    assert sigv4.canonical_query([]) == ""


def test_keys_hide_their_secrets():
    shown = repr(_keys("a token"))
    assert _SECRET not in shown and "a token" not in shown and HIDDEN in shown
