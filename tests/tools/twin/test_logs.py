"""CloudWatch Logs of the twin, judged by botocore's client, and by hand where that is too polite."""

import datetime
import json

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Keys
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from device.core import topics
from muster.twin import faults, log_store
from muster.twin.cloudwatch import BATCH_BYTES, BATCH_EVENTS, CloudWatch, LogsError
from muster.twin.log_store import LogStore
from tools.twin.helpers import OWN, allow, wait_until
from tools.twin.https_client import request
from tools.twin.logs_client import GROUP, client, now_ms
from tools.twin.raw import publish_packet

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS
PUT = b'{"logGroupName": "a", "logStreamName": "cam1", "logEvents": [%s]}'
PLACE = {"logGroupName": GROUP, "logStreamName": "cam1"}


@pytest.fixture
def twin(start):
    return start(https_port=0)


@pytest.fixture
def keys(twin):
    return twin.credentials.issue("c" * 64, "cam1")


@pytest.fixture
def logs(twin, keys):
    """A client, with the stream of its thing."""
    made = client(twin, keys)
    made.create_log_group(logGroupName=GROUP)
    made.create_log_stream(**PLACE)
    yield made
    made.close()


def put(logs, *events: tuple[int, str], **place):
    given = [{"timestamp": at_ms, "message": message} for at_ms, message in events]
    return logs.put_log_events(**{**PLACE, **place}, logEvents=given)


def refused(code: str, function, *args, **more) -> str:
    """The text of the refusal that a call meets."""
    with pytest.raises(ClientError) as caught:
        function(*args, **more)
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    return error["Message"]


def texts(answer) -> list[str]:
    return [event["message"] for event in answer["events"]]


def test_what_is_put_is_there(logs) -> None:
    at_ms = now_ms()
    answer = put(logs, (at_ms - 5, "one"), (at_ms - 5, "two ä\n\U0001f41d"), (at_ms, "three"))
    assert answer["nextSequenceToken"] and "rejectedLogEventsInfo" not in answer
    found = logs.get_log_events(**PLACE)
    assert texts(found) == ["one", "two ä\n\U0001f41d", "three"]
    assert [event["timestamp"] for event in found["events"]] == [at_ms - 5, at_ms - 5, at_ms]
    assert abs(found["events"][0]["ingestionTime"] - at_ms) < 60_000
    [stream] = logs.describe_log_streams(logGroupName=GROUP)["logStreams"]
    assert stream["logStreamName"] == "cam1"
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"]) == (at_ms - 5, at_ms)
    assert [one["logGroupName"] for one in logs.describe_log_groups()["logGroups"]] == [GROUP]


def test_doubles_are_doubles(logs) -> None:
    event = now_ms(), "said once"
    put(logs, event)
    put(logs, event)
    assert texts(logs.get_log_events(**PLACE)) == ["said once", "said once"], "AWS does not know them either"


def test_pages_lead_through_a_stream_in_both_directions(logs) -> None:
    at_ms = now_ms()
    put(logs, *((at_ms + n, f"line {n}") for n in range(25)))
    first = logs.get_log_events(**PLACE, limit=10, startFromHead=True)
    second = logs.get_log_events(**PLACE, limit=10, nextToken=first["nextForwardToken"])
    third = logs.get_log_events(**PLACE, limit=10, nextToken=second["nextForwardToken"])
    assert texts(first) + texts(second) + texts(third) == [f"line {n}" for n in range(25)]
    end = logs.get_log_events(**PLACE, limit=10, nextToken=third["nextForwardToken"])
    assert texts(end) == [] and end["nextForwardToken"] == third["nextForwardToken"], "the end repeats it"
    back = logs.get_log_events(**PLACE, limit=10, nextToken=end["nextBackwardToken"])
    assert texts(back) == [f"line {n}" for n in range(15, 25)]
    assert texts(logs.get_log_events(**PLACE, limit=3)) == ["line 22", "line 23", "line 24"]
    some = logs.get_log_events(**PLACE, startTime=at_ms + 3, endTime=at_ms + 5)
    assert texts(some) == ["line 3", "line 4"]
    refused("InvalidParameterException", logs.get_log_events, **PLACE, nextToken="nonsense")


def test_filter_finds_in_several_streams(twin, logs) -> None:
    at_ms = now_ms()
    other = client(twin, twin.credentials.issue("d" * 64, "cam2"))
    other.create_log_stream(logGroupName=GROUP, logStreamName="cam2")
    put(logs, (at_ms, "warn app hot"), (at_ms + 2, "info app cold"))
    put(other, (at_ms + 1, "warn mqtt lost"), logStreamName="cam2")
    every = logs.filter_log_events(logGroupName=GROUP)
    assert texts(every) == ["warn app hot", "warn mqtt lost", "info app cold"]
    assert [event["logStreamName"] for event in every["events"]] == ["cam1", "cam2", "cam1"]
    assert texts(logs.filter_log_events(logGroupName=GROUP, filterPattern="warn -mqtt")) == ["warn app hot"]
    assert texts(logs.filter_log_events(logGroupName=GROUP, filterPattern='"app cold"')) == ["info app cold"]
    assert texts(logs.filter_log_events(logGroupName=GROUP, logStreamNames=["cam2"])) == ["warn mqtt lost"]
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=GROUP, logStreamNamePrefix="cam", PaginationConfig={"PageSize": 2}
    )
    assert [text for page in pages for text in texts(page)] == texts(every)
    by_time = logs.describe_log_streams(logGroupName=GROUP, orderBy="LastEventTime", descending=True, limit=1)
    assert [one["logStreamName"] for one in by_time["logStreams"]] == ["cam1"] and by_time["nextToken"]
    other.close()


def test_what_is_missing_and_what_exists(logs) -> None:
    missing = "ResourceNotFoundException"
    assert "log group" in refused(missing, put, logs, (now_ms(), "a"), logGroupName="other")
    assert "log group" in refused(missing, logs.create_log_stream, logGroupName="other", logStreamName="cam1")
    refused("ResourceAlreadyExistsException", logs.create_log_stream, **PLACE)
    refused("ResourceAlreadyExistsException", logs.create_log_group, logGroupName=GROUP)
    refused(missing, logs.get_log_events, logGroupName=GROUP, logStreamName="nobody")
    refused("InvalidParameterException", logs.create_log_group, logGroupName="a b")


def test_a_stream_has_to_be_made_first(twin, keys) -> None:
    made = client(twin, keys)
    made.create_log_group(logGroupName=GROUP)
    assert "log stream" in refused("ResourceNotFoundException", put, made, (now_ms(), "a"))
    made.close()


def test_a_thing_writes_its_own_stream_only(twin, logs) -> None:
    forbidden = "AccessDeniedException"
    refused(forbidden, put, logs, (now_ms(), "a"), logStreamName="cam2")
    refused(forbidden, logs.create_log_stream, logGroupName=GROUP, logStreamName="cam2")
    nobody = client(twin, twin.credentials.issue("e" * 64, None))
    refused(forbidden, put, nobody, (now_ms(), "a"))
    nobody.close()


def test_whether_groups_may_be_made_is_a_setting(start) -> None:
    twin = start(https_port=0, boards_create_log_groups=False)
    made = client(twin, twin.credentials.issue("c" * 64, "cam1"))
    refused("AccessDeniedException", made.create_log_group, logGroupName=GROUP)
    made.close()


def test_limits_of_a_batch(logs) -> None:
    invalid, at_ms = "InvalidParameterException", now_ms()
    assert "chronological" in refused(invalid, put, logs, (at_ms, "a"), (at_ms - 1, "b"))
    assert "24 hours" in refused(invalid, put, logs, (at_ms - DAY_MS - 1, "a"), (at_ms, "b"))
    large = "ä" * ((BATCH_BYTES - 26) // 2)
    assert "too large" in refused(invalid, put, logs, (at_ms, large + "b"))
    refused(invalid, put, logs, *((at_ms, "a") for _ in range(BATCH_EVENTS + 1)))
    assert texts(logs.get_log_events(**PLACE)) == [], "nothing of them"
    put(logs, (at_ms, large))
    put(logs, *((at_ms, "b") for _ in range(BATCH_EVENTS)))
    put(logs, (at_ms - DAY_MS, "c"), (at_ms, "d"))


def test_events_out_of_time_are_left_out_and_told(logs) -> None:
    at_ms = now_ms()
    old, new = at_ms - 14 * DAY_MS - HOUR_MS, at_ms + 3 * HOUR_MS
    answer = put(logs, (old, "a"), (old, "b"), (at_ms, "c"), (new, "d"))
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 2, "tooNewLogEventStartIndex": 3}
    assert texts(logs.get_log_events(**PLACE)) == ["c"]


def test_keys_that_do_not_count(twin, keys, logs) -> None:
    event = now_ms(), "a"
    wrong = client(twin, keys, aws_secret_access_key="x" * 40)
    refused("InvalidSignatureException", put, wrong, event)
    unknown = client(twin, keys, aws_access_key_id="ASIAAAAAAAAAAAAAAAAA")
    refused("UnrecognizedClientException", put, unknown, event)
    other = client(twin, keys, aws_session_token=twin.credentials.issue("c", "cam1").token)
    refused("UnrecognizedClientException", put, other, event)
    for one in (wrong, unknown, other):
        one.close()
    assert texts(logs.get_log_events(**PLACE)) == []


def test_keys_end(start) -> None:
    now_s = [datetime.datetime.now(datetime.timezone.utc).timestamp()]
    twin = start(https_port=0, credentials_life_s=60, clock=lambda: now_s[0])
    made = client(twin, twin.credentials.issue("c" * 64, "cam1"))
    made.create_log_group(logGroupName=GROUP)
    now_s[0] += 61
    refused("ExpiredTokenException", made.create_log_stream, **PLACE)
    made.close()


@pytest.mark.parametrize(
    ("change_s", "text"), [(301, "Signature expired: "), (-301, "Signature not yet current: ")]
)
def test_a_wrong_clock(start, change_s, text) -> None:
    now_s = datetime.datetime.now(datetime.timezone.utc).timestamp() + change_s
    twin = start(https_port=0, clock=lambda: now_s)
    made = client(twin, twin.credentials.issue("c" * 64, "cam1"))
    assert text in refused("InvalidSignatureException", made.create_log_group, logGroupName=GROUP)
    made.close()


def by_hand(twin, keys, body: bytes, change=None, path="/", operation="PutLogEvents"):
    """(status, document) of a request that botocore signs, and that is changed before it is sent."""
    url = f"https://localhost:{twin.https_port}{path}"
    headers = {"X-Amz-Target": f"Logs_20140328.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    made = AWSRequest("POST", url, data=body, headers=headers)
    SigV4Auth(Keys(keys.access_key_id, keys.secret, keys.token), "logs", "local-1").add_auth(made)
    sent = dict(made.headers)
    if change:
        body = change(sent, body) or body
    answer = request(twin, "POST", path, body, sent)
    assert answer.headers["content-type"] == "application/x-amz-json-1.1", answer
    return answer.status, answer.document


def test_what_is_signed_counts(twin, keys) -> None:
    def code(change, **more) -> str:
        status, document = by_hand(twin, keys, b"{}", change, operation="DescribeLogStreams", **more)
        assert status == 400, document
        return document["__type"]

    assert code(None) == "InvalidParameterException", "signed well"
    assert code(lambda sent, _: b"[]") == "InvalidSignatureException"
    other = {"X-Amz-Target": "Logs_20140328.CreateLogGroup"}
    assert code(lambda sent, _: sent.update(other)) == "InvalidSignatureException"
    assert code(lambda sent, _: sent.update({"X-Amz-More": "unsigned"})) == "InvalidSignatureException"
    assert code(lambda sent, _: sent.pop("Authorization") and None) == "MissingAuthenticationTokenException"
    assert code(lambda sent, _: sent.update(Authorization="AWS4")) == "IncompleteSignatureException"
    assert code(lambda sent, _: sent.pop("X-Amz-Date") and None) == "IncompleteSignatureException"
    other = lambda sent, _: sent.update(Authorization=sent["Authorization"].replace("/logs/", "/s3/"))  # noqa: E731
    assert code(other) == "InvalidSignatureException"


def test_a_query_is_signed_too(twin, keys) -> None:
    for path in ("/?b=2&a=1", "/?a=%C3%A4&empty", "/?a=b%20c"):
        _, document = by_hand(twin, keys, b"{}", path=path, operation="DescribeLogStreams")
        assert document["__type"] == "InvalidParameterException", path


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"null",
        b"[" * 100_000,
        b'{"logGroupName": 1}',
        b'{"logGroupName": "a", "logStreamName": "cam1", "logEvents": {}}',
        PUT % b"1",
        PUT % b'{"timestamp": "1", "message": "m"}',
        PUT % b'{"timestamp": true, "message": "m"}',
        PUT % b'{"timestamp": 1, "message": ""}',
        PUT % b'{"timestamp": 1, "message": "\\ud800"}',
    ],
)
def test_nonsense(twin, keys, body) -> None:
    status, document = by_hand(twin, keys, body)
    refusals = ("SerializationException", "InvalidParameterException", "AccessDeniedException")
    assert status == 400 and document["__type"] in refusals, document


def test_an_operation_that_there_is_not(twin, keys) -> None:
    assert (
        by_hand(twin, keys, b"{}", operation="DeleteEverything")[1]["__type"] == "UnknownOperationException"
    )


def test_faults(twin, logs) -> None:
    twin.registry.faults.add(
        faults.LOGS, faults.REJECT, code="ServiceUnavailableException", number=500, count=1
    )
    wait_until(lambda: _fails(logs, "ServiceUnavailableException"))
    twin.registry.faults.add(faults.LOGS, faults.LOSE_ANSWER, count=1)
    event = now_ms(), "put, and not answered"
    with pytest.raises((HTTPClientError, EndpointConnectionError)):
        for _ in range(1000):
            put(logs, event)
    assert set(texts(logs.get_log_events(**PLACE))) >= {"put, and not answered"}


def _fails(logs, code: str) -> bool:
    try:
        put(logs, (now_ms(), "x"))
    except ClientError as error:
        return error.response["Error"]["Code"] == code
    return False


# The rule


def published(camera, topic: str, payload: bytes) -> None:
    with camera.connect() as raw:
        raw.send(publish_packet(topic, payload, qos=1, packet_id=1))
        assert raw.read()[0] >> 4 == 4, "PUBACK"


def stored(twin) -> list[tuple[str, str, int, str]]:
    """(group, stream, ms, message) of everything that the twin has."""
    store = LogStore(twin.home.logs)
    found = [(group, event.stream, event.at_ms, event.message) for group, event in store.since(0, 1000)]
    store.close()
    return found


def test_the_rule_stores_what_is_published(twin, camera, logs) -> None:
    at_ms = now_ms()
    batch = [{"timestamp": at_ms - 1, "message": "one"}, {"timestamp": at_ms, "message": "two"}]
    published(camera, OWN + "log", json.dumps(batch).encode())
    assert stored(twin) == [(GROUP, "cam1", at_ms - 1, "one"), (GROUP, "cam1", at_ms, "two")]
    assert texts(logs.get_log_events(**PLACE)) == ["one", "two"], "and boto reads it"


def test_basic_ingest_names_the_rule(twin, camera) -> None:
    allow(twin, camera.certificate_id, ("iot:Connect", "client/cam1"), ("iot:Publish", "topic/$aws/rules/*"))
    event = {"timestamp": now_ms(), "message": "direct"}
    published(camera, topics.by_rule("musterLogs", OWN + "log"), json.dumps([event]).encode())
    published(camera, topics.by_rule("other", OWN + "log"), json.dumps([event]).encode())
    assert [row[3] for row in stored(twin)] == ["direct"]


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"[]", b"\xff", b'[{"timestamp": 1}]', b"[" * 60_000, b'{"timestamp": 1, "message": "a"}'],
)
def test_the_rule_leaves_out_what_is_no_batch(twin, camera, heard, payload) -> None:
    published(camera, OWN + "log", payload)
    assert heard.wait("rule musterLogs: cam1: ")
    assert stored(twin) == []


# The store


def test_what_is_kept_is_bounded(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(log_store, "MOST_EVENTS", 100)
    monkeypatch.setattr(log_store, "MOST_BYTES", 5000)
    monkeypatch.setattr(log_store, "MOST_STREAMS", 2)
    store = LogStore(tmp_path / "logs.db")
    service = CloudWatch(store)
    service.ensure("g", "s", 1)
    for number in range(130):
        service.put_events("g", "s", [(number, f"{number}")], number)
    kept = [event.message for event in store.events("g", most=1000)]
    assert kept[-1] == "129" and 80 <= len(kept) <= 100
    service.put_events("g", "s", [(200, "x" * 4900)], 200)
    assert sum(len(event.message) for event in store.events("g", most=1000)) <= 5000
    store.close()
    again = LogStore(tmp_path / "logs.db")
    assert [event.message for event in again.events("g", most=1000)][-1] == "x" * 4900
    service = CloudWatch(again)
    service.ensure("g", "t", 1)
    with pytest.raises(LogsError):
        service.ensure("g", "u", 1)
    again.close()


def test_events_survive_a_restart(home_of) -> None:
    twin, stop = home_of(https_port=0)
    made = client(twin, twin.credentials.issue("c" * 64, "cam1"))
    made.create_log_group(logGroupName=GROUP)
    made.create_log_stream(**PLACE)
    put(made, (now_ms(), "before"))
    made.close()
    stop()
    twin, _ = home_of(https_port=0)
    made = client(twin, twin.credentials.issue("c" * 64, "cam1"))
    assert texts(made.get_log_events(**PLACE)) == ["before"]
    made.close()
