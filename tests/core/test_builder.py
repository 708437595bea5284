"""What a board and its builder say to each other: settings, requests, answers, and when the next poll is."""

import json

from check import raises
from device.core import board_config, builder, fields
from device.core.failures import AGAIN, GIVE_UP, OVER, Failure
from given import CERTIFICATE, DEVICE, PRIVATE, given_by

KEY = "00112233445566778899aabbccddeeff"


def _config(**api):
    return json.dumps({"services": {}, "api": api}).encode()


def test_settings():
    assert board_config.builder(_config(builder="https://b:8447/api")) == ("https://b:8447/api", 900)
    assert board_config.builder(_config(builder="https://b/api/", pollLimit=60)) == ("https://b/api", 60)
    for nothing in (None, b"", b"{", b"[]", b"{}", _config(), _config(builder=""), _config(builder=None)):
        assert board_config.builder(nothing) == ("", 0)


def test_settings_that_are_wrong():
    for api, words in (
        ([], "must be an object"),
        ({"builder": "http://b/api"}, "https://"),
        ({"builder": "https://"}, "https://"),
        ({"builder": "https://b/a b"}, "https://"),
        ({"builder": "https://b/a\r\nHost: x"}, "https://"),
        ({"builder": "https://user@b/"}, "https://"),
        ({"builder": "https://b/?a"}, "https://"),
        ({"builder": "https://" + "b" * 200}, "https://"),
        ({"builder": 5}, "https://"),
        ({"builder": "https://b", "pollLimit": 4}, "pollLimit must be from 5 to 86400"),
        ({"builder": "https://b", "pollLimit": 86401}, "pollLimit"),
        ({"builder": "https://b", "pollLimit": True}, "pollLimit"),
        ({"builder": "https://b", "pollLimit": "60"}, "pollLimit"),
    ):
        raw = json.dumps({"services": {}, "api": api}).encode()
        failure = raises(Failure, board_config.builder, raw)
        assert failure.kind == GIVE_UP and words in str(failure), api


def test_registration_key():
    raw = builder.new_key(lambda count: bytes(count))
    assert len(builder.key(raw)) == 32 and json.loads(raw) == {"registrationKey": builder.key(raw)}
    for none in (None, b"", b"{", b"[]", b"{}", b'{"registrationKey": 5}', b'{"registrationKey": "00ff"}'):
        assert builder.key(none) == ""
    assert builder.key(json.dumps({"registrationKey": "G" * 32}).encode()) == ""


def test_requests():
    headers, body = builder.request(fields.TO_REGISTER, DEVICE, KEY)
    assert headers == {"Content-Type": "application/json", "Authorization": "Bearer P1"}
    expected = {"claim": "7423F-FA8DT", "product": "P1", "test": 1, "registrationKey": KEY}
    assert json.loads(body) == expected
    for what in (fields.TO_CLAIM, fields.TO_RELEASE):
        same, body = builder.request(what, DEVICE, KEY)
        assert same == headers and json.loads(body) == {"claim": "7423F-FA8DT", "registrationKey": KEY}


def test_a_board_that_cannot_say_who_it_is():
    for raw, words in (
        (None, "no claim ID"),
        (b"{", "not a JSON object"),
        (b'{"product": "P1"}', "no claim ID"),
        (b'{"claim": 5, "product": "P1"}', "no claim ID"),
        (b'{"claim": "7423FFA8DT"}', 'has no "product"'),
        (b'{"claim": "7423FFA8DT", "product": ["P1"]}', 'has no "product"'),
        (b'{"claim": "7423FFA8DT", "product": "P 1"}', "without spaces"),
        (b'{"claim": "7423FFA8DT", "product": "P\\r\\nHost: x"}', "without spaces"),
        (json.dumps({"claim": "7423FFA8DT", "product": "P" * 129}).encode(), "without spaces"),
    ):
        failure = raises(Failure, builder.request, fields.TO_REGISTER, raw, KEY)
        assert failure.kind == GIVE_UP and words in str(failure), raw


def test_statuses():
    told = b'{"error": "no\\u001b[31m more"}'
    for what, status, kind in (
        (fields.TO_REGISTER, 400, GIVE_UP),
        (fields.TO_REGISTER, 401, GIVE_UP),
        (fields.TO_REGISTER, 404, GIVE_UP),
        (fields.TO_REGISTER, 409, GIVE_UP),
        (fields.TO_REGISTER, 429, AGAIN),
        (fields.TO_REGISTER, 503, AGAIN),
        (fields.TO_REGISTER, 302, AGAIN),
        (fields.TO_REGISTER, 204, AGAIN),
        (fields.TO_CLAIM, 401, GIVE_UP),
        (fields.TO_CLAIM, 403, GIVE_UP),
        (fields.TO_CLAIM, 404, OVER),
        (fields.TO_CLAIM, 409, AGAIN),
        (fields.TO_CLAIM, 500, AGAIN),
        (fields.TO_RELEASE, 403, GIVE_UP),
        (fields.TO_RELEASE, 404, OVER),
    ):
        failure = raises(Failure, builder.answer, what, status, {}, told)
        assert failure.kind == kind, (what, status)
        assert f"({status}: no[31m more)" in str(failure) and failure.wait_s == 0
        assert len(str(raises(Failure, builder.answer, what, status, {}, b"<html>"))) < 200


def test_retry_after():
    for text, seconds in (
        ("120", 120),
        ("0", 0),
        ("999999", 86400),
        ("9" * 30, 0),
        ("-1", 0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0),
        ("1.5", 0),
    ):
        failure = raises(Failure, builder.answer, fields.TO_CLAIM, 503, {"retry-after": text}, b"")
        assert failure.wait_s == seconds, text
    failure = raises(Failure, builder.answer, fields.TO_CLAIM, 403, {"retry-after": "5"}, b"")
    assert failure.wait_s == 0, "only what passes by itself"


def test_answers():
    assert builder.answer(fields.TO_REGISTER, 200, {}, b'{"registered": true}') == {"registered": True}
    builder.check_yes(fields.REGISTERED, {"registered": True})
    for body in (b"", b"[]", b"<html>", b'{"registered": true', b"\xff", b"[" * 40):
        failure = raises(Failure, builder.answer, fields.TO_REGISTER, 200, {}, body)
        assert failure.kind == AGAIN and "JSON" in str(failure)
    for value in ({}, {"registered": False}, {"registered": 1}, {"registered": "true"}):
        assert raises(Failure, builder.check_yes, fields.REGISTERED, value).kind == AGAIN


def test_not_claimed():
    for delay, seconds in (
        (None, 0),
        (7, 7),
        (1e9, 0),
        (10**9, 86400),
        (-1, 0),
        ("7", 7),
        (True, 0),
        ([], 0),
    ):
        assert builder.claimed({"claimed": False, "delay": delay}) == (None, seconds), delay
    assert builder.claimed({"claimed": False}) == (None, 0)


def test_claimed():
    given, wait_s = builder.claimed(given_by())
    assert wait_s == 0 and given.certificate == given.root == CERTIFICATE and given.key == PRIVATE
    assert given[3:] == ("abc-ats.iot.eu-west-1.amazonaws.com", 8883, "CameraProvisioningTemplate")
    assert builder.claimed(given_by(endpoint="127.0.0.1"))[0].endpoint == "127.0.0.1"


def test_claimed_and_nonsense():
    for name, value in (
        ("claimed", 1),
        ("claimed", None),
        ("certificatePem", None),
        ("certificatePem", ""),
        ("certificatePem", "x" * 3073),
        ("certificatePem", PRIVATE),
        ("certificatePem", CERTIFICATE[:-30]),
        ("certificatePem", "0\x03\x02\x01\x01"),
        ("privateKey", CERTIFICATE),
        ("privateKey", 5),
        ("rootCa", "-----BEGIN CERTIFICATE-----"),
        ("endpoint", ""),
        ("endpoint", None),
        ("endpoint", "https://host"),
        ("endpoint", "host:8883"),
        ("endpoint", "host/path"),
        ("endpoint", "a..b"),
        ("endpoint", "h" * 254),
        ("endpoint", "host\r\n"),
        ("port", 0),
        ("port", 65536),
        ("port", "8883"),
        ("port", True),
        ("port", None),
        ("template", ""),
        ("template", "a/b"),
        ("template", "#"),
        ("template", "T" * 37),
        ("template", None),
    ):
        failure = raises(Failure, builder.claimed, given_by(**{name: value}))
        assert failure.kind == AGAIN and name in str(failure), (name, value)
        assert "MAMCAQ" not in str(failure), "no content is shown"


def test_delays():
    for random in (b"\0\0", b"\xff\xff", b"\x80\x01"):
        delays = [builder.delay_s(polls, 900, lambda count, random=random: random) for polls in range(1, 30)]
        assert delays[0] == 5
        window_s = 5
        for delay in delays[1:]:
            window_s = min(900, window_s * 2)
            assert window_s // 2 <= delay <= window_s
    assert builder.delay_s(1, 5, None) == 5
    assert builder.delay_s(9, 5, lambda count: b"\0\0") == 5
