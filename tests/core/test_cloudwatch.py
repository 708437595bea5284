"""CloudWatch Logs: what a board asks, and what it makes of any answer; the settings of the export."""

import json

from check import raises
from device.core import cloudwatch, export_config
from device.core.failures import AGAIN, GIVE_UP, Failure

PLACE = {"region": "eu-west-1", "group": "/muster/boards"}


def _refusal(name, text="why", status=400, **more):
    body = {"__type": name, "message": text}
    body.update(more)
    return cloudwatch.Reply(status, json.dumps(body).encode())


def test_bodies():
    events = b'{"timestamp":1,"message":"a"}'
    assert json.loads(cloudwatch.begin("g", "s") + events + cloudwatch.END) == {
        "logGroupName": "g",
        "logStreamName": "s",
        "logEvents": [{"timestamp": 1, "message": "a"}],
    }
    assert json.loads(cloudwatch.body('g"', "")) == {"logGroupName": 'g"'}
    assert cloudwatch.headers("PutLogEvents")["X-Amz-Target"] == "Logs_20140328.PutLogEvents"


def test_answers():
    assert cloudwatch.Reply(200, b"{}").meaning == cloudwatch.DONE
    assert cloudwatch.Reply(200, b"").meaning == cloudwatch.DONE
    answer = cloudwatch.Reply(
        200, b'{"nextSequenceToken":"1","rejectedLogEventsInfo":{"tooOldLogEventEndIndex":2}}'
    )
    assert answer.meaning == cloudwatch.DONE and answer.has_rejected
    for name, meaning in (
        ("ResourceNotFoundException", cloudwatch.MISSING),
        ("com.amazonaws.logs#ResourceNotFoundException", cloudwatch.MISSING),
        ("ResourceNotFoundException:http://internal.amazon.com/", cloudwatch.MISSING),
        ("ResourceAlreadyExistsException", cloudwatch.DONE),
        ("ExpiredTokenException", cloudwatch.KEYS),
        ("UnrecognizedClientException", cloudwatch.KEYS),
        ("InvalidParameterException", cloudwatch.TOO_MUCH),
        ("ThrottlingException", cloudwatch.OTHER),
        ("ServiceUnavailableException", cloudwatch.OTHER),
        ("InvalidSignatureException", cloudwatch.OTHER),
        ("", cloudwatch.OTHER),
    ):
        assert _refusal(name).meaning == meaning, name
    assert cloudwatch.Reply(413, b"{}").meaning == cloudwatch.TOO_MUCH


def test_a_wrong_clock_is_told_from_a_wrong_signature():
    for text in ("Signature expired: 2015 is now", "Signature not yet current: 2018"):
        assert _refusal("InvalidSignatureException", text).meaning == cloudwatch.CLOCK
    assert _refusal("OtherException", "Signature expired: 2015").meaning == cloudwatch.OTHER


def test_failures_say_what_to_do():
    failure = _refusal("AccessDeniedException", "not authorized").failure("PutLogEvents")
    assert failure.kind == GIVE_UP and "allow logs:PutLogEvents" in str(failure)
    failure = _refusal("ThrottlingException", "Rate exceeded").failure("PutLogEvents")
    assert failure.kind == AGAIN
    assert str(failure) == "PutLogEvents was refused (400): ThrottlingException, Rate exceeded"
    assert _refusal("X", "", 500).failure("P").kind == AGAIN
    assert _refusal("InvalidSignatureException").failure("P").kind == GIVE_UP


def test_answers_that_are_nonsense():
    for raw in (b"\xff", b"<html>", b"[1]", b"[" * 50, b'{"__type":', b"null", b"1"):
        for status in (200, 400, 500):
            reply = cloudwatch.Reply(status, raw)
            assert reply.meaning == cloudwatch.OTHER, raw
            assert "not CloudWatch's" in str(reply.failure("P"))
    for raw in (b'{"__type":5,"message":["a"]}', b'{"message":{}}', b"{}", b""):
        assert cloudwatch.Reply(400, raw).meaning == cloudwatch.OTHER
    shown = _refusal("X" * 5000, "\x1b[31mred\n" + "y" * 5000)
    assert len(str(shown.failure("P"))) < 300 and "\x1b" not in str(shown.failure("P"))
    assert not cloudwatch.Reply(200, b'{"rejectedLogEventsInfo": 5}').has_rejected


def _settings(section):
    return export_config.export(json.dumps({"logs": section}).encode())


def test_settings():
    assert export_config.export(None) is None and export_config.export(b"{") is None
    assert export_config.export(b"{}") is None and export_config.export(b"[]") is None
    assert _settings({}) == ("mqtt", 1, (), (), 60000, "", False)
    chosen = {
        "level": "warn",
        "sources": ["app"],
        "without": ["heartbeat"],
        "everyS": 5,
        "rule": "musterLogs",
    }
    assert _settings(chosen) == ("mqtt", 2, ("app",), ("heartbeat",), 5000, "musterLogs", False)
    place = ("eu-west-1", "/muster/boards", "logs.eu-west-1.amazonaws.com", 443, False)
    direct = {"by": "cloudwatch"}
    direct.update(PLACE)
    assert _settings(direct) == ("cloudwatch", 1, (), (), 300000, place, False)
    direct.update({"endpoint": "localhost", "port": 8443, "createGroup": True})
    assert _settings(direct)[5] == ("eu-west-1", "/muster/boards", "localhost", 8443, True)
    both = {"logs": {}, "log": {"flashBytes": 8192}}
    assert export_config.export(json.dumps(both).encode())[6]


def test_settings_that_are_wrong():
    for section, words in (
        ([], "logs"),
        ({"by": "post"}, "by"),
        ({"level": "loud"}, "level"),
        ({"everyS": 0}, "everyS"),
        ({"everyS": True}, "everyS"),
        ({"sources": "app"}, "sources"),
        ({"without": [1]}, "without"),
        ({"sources": ["a"] * 17}, "sources"),
        ({"rule": "a-b"}, "rule"),
        ({"rule": 5}, "rule"),
        ({"by": "cloudwatch"}, "region"),
        ({"by": "cloudwatch", "region": "eu west"}, "region"),
        ({"by": "cloudwatch", "region": "eu"}, "group"),
        ({"by": "cloudwatch", "region": "eu", "group": "a b"}, "group"),
        ({"by": "cloudwatch", "region": "eu", "group": "a", "endpoint": "https://x"}, "endpoint"),
        ({"by": "cloudwatch", "region": "eu", "group": "a", "port": 0}, "port"),
        ({"by": "cloudwatch", "region": "eu", "group": "a", "createGroup": 1}, "createGroup"),
    ):
        assert words in str(raises(Failure, _settings, section)), section
