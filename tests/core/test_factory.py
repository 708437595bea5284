"""What a board and its factory's server say to each other."""

import json

from check import raises
from device.core import factory
from device.core.failures import AGAIN, GIVE_UP, Failure


def test_settings():
    assert factory.settings(b'{"url": "https://f:8446/claim"}') == ("https://f:8446/claim", "", 0)
    told = b'{"url": "https://f/", "token": "s3cret", "unix": 1790000000}'
    assert factory.settings(told) == ("https://f/", "s3cret", 1790000000)


def test_settings_that_are_wrong():
    for raw, words in (
        (None, "is missing"),
        (b"", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b'{"url": "https://f/"', "not a JSON object"),
        (b"{}", "https://"),
        (b'{"url": "http://f/", "token": "s3cret"}', "https://"),
        (b'{"url": 5}', "https://"),
        (b'{"url": "https://f/", "token": "s3cret and more"}', "token"),
        (b'{"url": "https://f/", "token": "s3cret\\r\\nHost: x"}', "token"),
        (b'{"url": "https://f/", "token": 5}', "token"),
        (b'{"url": "https://f/", "token": null}', "token"),
        (b'{"url": "https://f/", "token": "s3cret", "unix": -1}', "unix"),
        (b'{"url": "https://f/", "token": "s3cret", "unix": 9999999999}', "unix"),
        (b'{"url": "https://f/", "token": "s3cret", "unix": "now"}', "unix"),
        (b'{"url": "https://f/", "token": "s3cret", "unix": true}', "unix"),
    ):
        failure = raises(Failure, factory.settings, raw)
        assert failure.kind == GIVE_UP and words in str(failure) and "s3cret" not in str(failure), raw


def test_question():
    assert json.loads(factory.question("pico_w-e66", "")) == {"hardware": "pico_w-e66", "serial": ""}


def test_answer():
    assert factory.answer(200, b'{"claim": "7423F-FA8DT"}') == ("7423FFA8DT", "")
    assert factory.answer(200, b'{"claim": "7423FFA8DT", "product": "P1"}') == ("7423FFA8DT", "P1")


def test_answers_that_are_none():
    for body in (b"", b"{}", b"[]", b"<html>", b'{"claim": "x"}', b'{"claim": "7423FFA8DT", "product": 5}'):
        assert raises(Failure, factory.answer, 200, body).kind == AGAIN
    long = json.dumps({"claim": "7423FFA8DT", "product": "x" * 65}).encode()
    assert raises(Failure, factory.answer, 200, long).kind == AGAIN


def test_refusals():
    for status, kind in (
        (400, GIVE_UP),
        (404, GIVE_UP),
        (409, GIVE_UP),
        (401, AGAIN),
        (429, AGAIN),
        (503, AGAIN),
    ):
        failure = raises(Failure, factory.answer, status, b'{"error": "no more\\n\\u001b[31m left"}')
        assert failure.kind == kind
        assert str(failure) == f"the factory gives no claim ID ({status}: no more[31m left)"
    assert str(raises(Failure, factory.answer, 500, b"<html>")) == "the factory gives no claim ID (500)"
    assert len(str(raises(Failure, factory.answer, 500, json.dumps({"error": "x" * 999}).encode()))) < 200
