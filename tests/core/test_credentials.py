"""Keys for AWS: the section of config.json, what the provider may answer, when they are renewed."""

import json

from check import raises
from device.core import board_config, calendar, credentials, http
from device.core.failures import AGAIN, GIVE_UP, Failure

_NOW_S = calendar.unix(2026, 3, 1, 12)
_GIVEN = {
    "accessKeyId": "ASIAEXAMPLE",
    "secretAccessKey": "marker/secret+key",
    "sessionToken": "marker-token==",
    "expiration": "2026-03-01T13:00:00Z",
}


def _keys(status=200, now_s=_NOW_S, **changes):
    given = dict(_GIVEN)
    given.update(changes)
    return credentials.keys(status, json.dumps({"credentials": given}).encode(), "camera", now_s)


def _failure(status=200, body=None, now_s=_NOW_S, **changes):
    if body is None:
        return raises(Failure, lambda: _keys(status, now_s, **changes))
    return raises(Failure, credentials.keys, status, body, "camera", now_s)


def test_the_address_is_one():
    text = credentials.address("camera", "abc.credentials.iot.eu-west-1.amazonaws.com", 443)
    url = http.url(text)
    assert (url.secure, url.port, url.target) == (True, 443, "/role-aliases/camera/credentials")


def test_keys_are_taken_and_hidden():
    keys = _keys()
    assert (keys.id, keys.expires_s) == ("ASIAEXAMPLE", _NOW_S + 3600)
    assert keys.secret.reveal() == "marker/secret+key" and keys.token.reveal() == "marker-token=="
    assert "marker" not in repr(keys)
    long = _keys(sessionToken="t" * 4000).token.reveal()
    address = http.url("https://a/")
    assert http.head("POST", address, {"X-Amz-Security-Token": long}, 0), "a header can hold what is taken"


def test_times_are_read_strictly():
    leap = _keys(now_s=calendar.unix(2028, 2, 29), expiration="2028-02-29T00:00:01Z")
    assert leap.expires_s == calendar.unix(2028, 2, 29) + 1
    for text in (
        None,
        5,
        "",
        "2026-03-01",
        "2026-03-01T13:00:00",
        "2026-03-01T13:00:00+00",
        "2026-03-01 13:00:00Z",
        "2026-13-01T13:00:00Z",
        "2026-00-01T13:00:00Z",
        "2026-03-32T13:00:00Z",
        "2026-03-00T13:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T13:60:00Z",
        "2026-03-01T13:00:60Z",
        "0026-03-01T13:00:00Z",
        "2026-03-01T1\u0663:00:00Z",
    ):
        assert "has no valid expiration" in str(_failure(expiration=text)), text


def test_a_life_that_cannot_be_names_the_clock():
    for hours in (-1, 0, 13):
        failure = _failure(now_s=_NOW_S + 3600 - hours * 3600)
        assert failure.kind == AGAIN and "the clock says" in str(failure), hours
    assert _keys(now_s=_NOW_S + 3600 - credentials.MAX_LIFE_S - 599), "a clock may be a little slow"


def test_answers_that_are_no_keys():
    for name in ("accessKeyId", "secretAccessKey", "sessionToken"):
        for value in (None, "", 5, ["a"], "two words", "line\nend", "\u00e4", "k" * 4001):
            failure = _failure(**{name: value})
            assert failure.kind == AGAIN and "has no valid " + name in str(failure), (name, value)
            assert "marker" not in str(failure)
    for body in (
        b"",
        b"{",
        b"[]",
        b"5",
        b"null",
        b'{"credentials": 5}',
        b'{"credentials": null}',
        b"\xff",
        b"{}",
    ):
        assert "holds no keys" in str(_failure(200, body)), body
    assert "holds no keys" in str(_failure(200, b"[" * 5000 + b"]" * 5000))


def test_refusals_say_what_to_do():
    body = b'{"message":"Access Denied","traceId":"1"}'
    failure = _failure(403, body)
    assert failure.kind == GIVE_UP
    assert "role alias camera (403: Access Denied)" in str(failure)
    assert "iot:AssumeRoleWithCertificate" in str(failure)
    assert "credentials provider" in str(_failure(404, b'{"message":"Not Found"}'))
    assert _failure(400, b"").kind == GIVE_UP
    for status in (302, 401, 429, 500, 503):
        assert _failure(status, b"<html>").kind == AGAIN, status
    shown = str(_failure(500, json.dumps({"message": "a\n\x1b[2J" + "b" * 5000}).encode()))
    assert "\n" not in shown and "\x1b" not in shown and len(shown) < 250
    assert "(500)" in str(_failure(500, b'{"message": {"a": 1}}'))


def test_renewal_is_at_eighty_percent():
    assert credentials.renew_ms(3600) == 2880000
    assert credentials.renew_ms(900) == 720000
    assert credentials.renew_ms(10**9) == credentials.MAX_LIFE_S * 800


def test_the_section_keys_of_config_json():
    for raw in (None, b"", b"{", b"5", b"{}", b'{"keys": {}}', b'{"services": {"cloud": {"keys": true}}}'):
        assert board_config.keys(raw) is None, raw
    good = b'{"keys": {"roleAlias": "a_B=,@-9", "endpoint": "x1.credentials.iot.eu-west-1.amazonaws.com"}}'
    assert board_config.keys(good) == ("a_B=,@-9", "x1.credentials.iot.eu-west-1.amazonaws.com", 443)
    assert board_config.keys(b'{"keys": {"roleAlias": "a", "endpoint": "h", "port": 8443}}') == (
        "a",
        "h",
        8443,
    )
    for section, words in (
        (b"5", "must be an object"),
        (b'{"endpoint": "h"}', "roleAlias must be the name"),
        (b'{"roleAlias": "a/b", "endpoint": "h"}', "roleAlias must be the name"),
        (b'{"roleAlias": "", "endpoint": "h"}', "roleAlias must be the name"),
        (b'{"roleAlias": ["a"], "endpoint": "h"}', "roleAlias must be the name"),
        (b'{"roleAlias": "' + b"a" * 129 + b'", "endpoint": "h"}', "roleAlias must be the name"),
        (b'{"roleAlias": "a"}', "endpoint must be the host name"),
        (b'{"roleAlias": "a", "endpoint": "https://h"}', "endpoint must be the host name"),
        (b'{"roleAlias": "a", "endpoint": "h:443"}', "endpoint must be the host name"),
        (b'{"roleAlias": "a", "endpoint": "h", "port": 0}', "port must be a whole number"),
        (b'{"roleAlias": "a", "endpoint": "h", "port": true}', "port must be a whole number"),
        (b'{"roleAlias": "a", "endpoint": "h", "port": "443"}', "port must be a whole number"),
    ):
        failure = raises(Failure, board_config.keys, b'{"keys": ' + section + b"}")
        assert failure.kind == GIVE_UP and words in str(failure), str(failure)
