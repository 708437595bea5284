"""The shadow service, judged by AWS's own client; by hand where that client is too polite."""

import json

import pytest

from device.core import shadow_topics, topics
from muster.registry import Registry
from muster.registry.things import Thing
from muster.twin import faults
from muster.twin.shadow_document import MAX_BYTES
from tools.fleet.cli_runner import Tool
from tools.twin.helpers import Device, allow, closes
from tools.twin.raw import publish_packet
from tools.twin.shadow_sdk import QOS, WAIT_S, Sdk

SHADOW = shadow_topics.of("cam1")
GET, UPDATE, DELETE = (
    SHADOW + end for end in (shadow_topics.GET, shadow_topics.UPDATE, shadow_topics.DELETE)
)


@pytest.fixture(params=[None, "config:a$1"], ids=["classic", "named"])
def sdk(request, camera):
    client = Sdk(camera, request.param)
    yield client
    client.close()


def nested(levels):
    return {"a": nested(levels - 1)} if levels > 1 else {"a": 1}


def test_life_of_a_shadow(sdk):
    none = sdk.ask("get", client_token="t0")
    assert not none.ok and none.answer.code == 404 and none.answer.client_token == "t0"
    assert none.answer.message.startswith("No shadow exists with name: '")
    made = sdk.update(desired={"lamp": {"on": True, "level": 3}, "list": [1, 2]}, client_token="t1")
    assert made.ok and made.answer.version == 1 and made.answer.client_token == "t1"
    assert made.answer.state.desired["list"] == [1, 2]
    delta = sdk.deltas.get(timeout=WAIT_S)
    assert delta.state == {"lamp": {"on": True, "level": 3}, "list": [1, 2]} and delta.version == 1
    assert sdk.documents.get(timeout=WAIT_S).current.version == 1
    told = sdk.update(reported={"lamp": {"on": True, "level": 2}, "list": [1], "own": 1})
    assert told.answer.version == 2 and told.answer.metadata.reported["own"]["timestamp"] > 1e9
    again = sdk.deltas.get(timeout=WAIT_S)  # all that differs, an array whole
    assert again.state == {"lamp": {"level": 3}, "list": [1, 2]}
    assert set(again.metadata["lamp"]) == {"level"} and len(again.metadata["list"]) == 2
    got = sdk.ask("get").answer
    assert got.state.delta == {"lamp": {"level": 3}, "list": [1, 2]} and got.version == 2
    assert got.state.reported == {"lamp": {"on": True, "level": 2}, "list": [1], "own": 1}
    event = sdk.documents.get(timeout=WAIT_S)
    assert (event.previous.version, event.current.version) == (1, 2)


def test_null_removes_and_what_is_reported_ends_the_delta(sdk):
    sdk.update(desired={"a": 1, "b": {"c": 1, "d": 2}})
    sdk.deltas.get(timeout=WAIT_S)
    sdk.connection.publish(  # the client cannot send null
        sdk_topic(sdk), '{"state": {"desired": {"a": null, "b": {"c": null}}}}', QOS
    )[0].result(WAIT_S)
    assert sdk.answers.get(timeout=WAIT_S)[0] == "accepted"
    assert sdk.deltas.get(timeout=WAIT_S).state == {"b": {"d": 2}}
    sdk.update(reported={"b": {"d": 2}})
    got = sdk.ask("get").answer
    assert got.state.desired == {"b": {"d": 2}} and got.state.delta is None
    assert sdk.deltas.empty()
    sdk.connection.publish(sdk_topic(sdk), '{"state": {"desired": null}}', QOS)[0].result(WAIT_S)
    assert sdk.answers.get(timeout=WAIT_S)[0] == "accepted"
    assert sdk.ask("get").answer.state.desired is None


def sdk_topic(sdk):
    return shadow_topics.of("cam1", sdk._names.get("shadow_name")) + shadow_topics.UPDATE


def test_versions(sdk):
    assert sdk.update(desired={"a": 1}, version=0).ok
    refused = sdk.update(desired={"a": 2}, version=5, client_token="v")
    assert (refused.ok, refused.answer.code, refused.answer.message) == (False, 409, "Version conflict")
    assert refused.answer.client_token == "v"
    assert sdk.update(desired={"a": 2}, version=1).answer.version == 2
    gone = sdk.ask("delete")
    assert gone.ok and gone.answer.version == 2
    assert sdk.ask("delete").answer.code == 404
    assert sdk.update(desired={"a": 1}).answer.version == 3  # a deletion does not begin anew
    assert sdk.ask("get").answer.state.reported is None


def test_limits(sdk):
    assert sdk.update(desired=nested(6)).ok
    deep = sdk.update(desired=nested(7))
    assert (deep.answer.code, deep.answer.message) == (
        400,
        "JSON contains too many levels of nesting; maximum is 6",
    )
    assert sdk.update(desired={"half": "x" * (MAX_BYTES // 2)}).ok
    large = sdk.update(reported={"half": "x" * (MAX_BYTES // 2)})  # both together are too large
    assert large.answer.code == 413
    assert sdk.ask("get").answer.version == 2  # what was refused has changed nothing


@pytest.mark.parametrize(
    ("payload", "code", "message"),
    [
        (b"", 400, "Invalid JSON"),
        (b"[]", 400, "Invalid JSON"),
        (b'{"state": NaN}', 400, "Invalid JSON"),
        (b'{"state": {"desired": {"a": 1e999}}}', 400, "Invalid JSON"),
        (b'{"state": {"desired": {"a": "\\ud800"}}}', 400, "Invalid JSON"),
        (b"\xff", 415, "UTF-8"),
        (b"{}", 400, "Missing required node: state"),
        (b'{"state": []}', 400, "State node must be an object"),
        (b'{"state": {"desired": 1}}', 400, "Desired node must be an object"),
        (b'{"state": {"reported": []}}', 400, "Reported node must be an object"),
        (b'{"state": {"delta": {}}}', 400, "invalid node"),
        (b'{"state": {"desired": {"a": [1, null]}}}', 400, "invalid node"),
        (b'{"state": {}, "version": "1"}', 400, "Invalid version"),
        (b'{"state": {}, "clientToken": 1}', 400, "Invalid clientToken"),
        (b'{"state": {}, "clientToken": "' + b"t" * 65 + b'"}', 400, "Invalid clientToken"),
        (b'{"state": ' + b"[" * 50_000, 400, "levels of nesting"),
    ],
)
def test_hostile_updates_get_the_code_of_aws(camera, payload, code, message):
    with camera.connect() as raw:
        raw.subscribe(topics.rejected(UPDATE))
        raw.publish(UPDATE, payload, qos=1)
        document = json.loads(raw.message()[1])
        assert document["code"] == code and message in document["message"], document
        assert raw.is_alive()


def test_eleven_requests_in_flight(twin, camera):
    twin.registry.faults.add("shadow", "delay", number=200)
    with camera.connect() as raw:
        raw.subscribe(topics.rejected(GET))
        raw.send(b"".join(publish_packet(GET) for _ in range(11)))
        codes = [json.loads(raw.message()[1])["code"] for _ in range(11)]
    assert sorted(codes) == [404] * 10 + [429]


def test_twenty_a_second(start, tmp_path):
    now_s = [1e9]
    twin = start(throttle=True, clock=lambda: now_s[0])
    with Device(twin, tmp_path, "cam1").connect() as raw:
        raw.subscribe(topics.rejected(GET))
        codes = []
        for _ in range(21):
            raw.publish(GET)
            codes.append(json.loads(raw.message()[1])["code"])
        now_s[0] += 1
        raw.publish(GET)
        codes.append(json.loads(raw.message()[1])["code"])
    assert codes == [404] * 20 + [429, 404]


@pytest.mark.parametrize(("kind", "code"), [(faults.REJECT, 400), (faults.THROTTLE, 429)])
def test_faults_act_on_shadows(twin, camera, kind, code):
    twin.registry.faults.add("shadow", kind, number=None if kind == faults.REJECT else 0)
    with camera.connect() as raw:
        raw.subscribe(topics.rejected(GET))
        raw.publish(GET)
        assert json.loads(raw.message()[1])["code"] == code


def test_policies_guard_shadows(twin, camera, device):
    other = shadow_topics.of("cam2", "a") + shadow_topics.GET
    assert closes(camera.connect(), publish_packet(other))
    allow(twin, camera.certificate_id, ("iot:Publish", "topic/$aws/*"), ("iot:*", "topic*/$aws/*"))
    with camera.connect() as raw:
        raw.subscribe(topics.rejected(other))
        raw.publish(other)
        assert json.loads(raw.message()[1])["message"] == "Thing not found"
    device("cam2")
    with camera.connect() as raw:
        raw.subscribe(topics.rejected(other))
        raw.publish(other)
        assert json.loads(raw.message()[1])["message"] == "No shadow exists with name: 'a'"


def test_shadows_survive_a_restart(home_of, tmp_path):
    twin, stop = home_of()
    camera = Device(twin, tmp_path, "cam1")
    with camera.connect() as raw:
        raw.subscribe(topics.accepted(UPDATE))
        raw.publish(UPDATE, b'{"state": {"desired": {"a": 1}}}', qos=1)
        raw.message()
    stop()
    camera.twin, _ = home_of()
    with camera.connect() as raw:
        raw.subscribe(topics.accepted(GET))
        raw.publish(GET, qos=1)
        found = json.loads(raw.message()[1])
    assert found["state"] == {"desired": {"a": 1}, "delta": {"a": 1}} and found["version"] == 1


def test_a_command_sets_what_is_desired_and_the_twin_tells_it(twin, camera, tool: Tool):
    with camera.connect() as raw:
        raw.subscribe(SHADOW + shadow_topics.DELTA)
        tool.good("set", "shadow", "cam1", "--desired", '{"lamp": true}')
        assert json.loads(raw.message()[1])["state"] == {"lamp": True}
    assert tool.good("get", "shadow", "cam1", "-o", "json").response["state"]["delta"] == {"lamp": True}


def bad(tool: Tool, code: int, *words: str) -> str:
    result = tool(*words)
    assert result.code == code, result
    return result.error


def test_the_commands_explain(tool: Tool):
    tool.home.mkdir()
    Registry(tool.home).things.put(Thing("cam1", None, {}, [], 0))
    assert "no thing cam2" in bad(tool, 1, "get", "shadow", "cam2")
    assert "no classic shadow yet" in bad(tool, 1, "get", "shadow", "cam1")
    assert "not JSON" in bad(tool, 2, "set", "shadow", "cam1", "--desired", "{")
    deep = json.dumps(nested(7))
    assert "levels of nesting" in bad(tool, 1, "set", "shadow", "cam1", "--desired", deep)
    tool.good("set", "shadow", "cam1", "--name", "x", "--desired", '{"a": 1}')
    assert "it has x" in bad(tool, 1, "get", "shadow", "cam1")
    shown = tool.good("get", "shadow", "cam1", "--name", "x").output
    assert '{"a": 1}' in shown and "version\t1" in shown
