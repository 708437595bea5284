"""The operator's part of the page: messages, log lines and fault switches; without JavaScript."""

import contextlib
import json
import logging
import socket
import time
from urllib.parse import quote

import pytest

from device.core import fields, topics
from tools.fleet.cli_runner import Tool
from tools.twin.browser import Browser
from tools.twin.helpers import allow, claim, wait_until
from tools.twin.operating import at, operated, post, sees
from tools.twin.raw import Raw


@pytest.fixture
def twin(start, clock):
    return operated(start, clock)


# Messages


def test_messages_are_seen_with_a_filter_and_a_client(olga, twin, camera) -> None:
    with camera.connect() as connected:
        connected.publish("cameraDevice/cam1/a", b"<b>one</b>", qos=1)
        connected.publish("cameraDevice/cam1/b", b"\x00\xfftwo\x1b", qos=1)
    twin.send("to/all", b"three")
    sees(olga, "/messages", "three")
    page = at(olga, "/messages")
    assert "cameraDevice/cam1/a" in page.seen and "from cam1, 10 bytes, " in page.seen
    assert "<b>one</b>" in page.seen
    assert r"\x00\xfftwo\x1b" in page.seen and "from the twin, 5 bytes, " in page.seen
    assert "<b>one" not in page.text and page.seen.index("three") < page.seen.index("one</b>"), "newest first"
    only = at(olga, "/messages?filter=cameraDevice/%2B/a").seen
    assert "one</b>" in only and "two" not in only and "three" not in only
    assert "three" not in at(olga, "/messages?client=cam1").seen
    assert "No" not in only
    number = page.text.partition("/operator/message?number=")[2].partition('"')[0]
    assert "three" in at(olga, f"/message?number={number}").seen


def test_shadows_and_rules_are_seen_with_their_content(olga, camera, twin) -> None:
    allow(twin, camera.certificate_id, ("iot:Publish", "topic/$aws/rules/*"))
    with camera.connect() as connected:
        connected.publish("$aws/things/cam1/shadow/update", b'{"state": {"reported": {"a": 1}}}', qos=1)
        connected.publish("$aws/rules/any/cam1", b"by a rule", qos=1)
    sees(olga, "/messages?filter=$aws/things/%23", "$aws/things/cam1/shadow/update/accepted from the twin")
    seen = at(olga, "/messages").seen
    assert '{"state": {"reported": {"a": 1}}}' in seen and "by a rule" in seen
    assert seen.count("$aws/things/cam1/shadow/update from cam1") == 1


@pytest.mark.parametrize(("topic_filter", "why"), [("a%23", "# must stand alone"), ("x" * 257, "")])
def test_a_filter_that_is_none_is_told(olga, topic_filter, why) -> None:
    page = at(olga, f"/messages?filter={topic_filter}")
    if why:
        assert page.status == 400 and why in page.seen and 'aria-invalid="true"' in page.text
        assert at(olga, f"/messages/list?filter={topic_filter}").status == 400
    else:
        assert page.status == 200, "cut off"


@pytest.mark.parametrize("number", ["0", "-1", "99999999999999999999999", "x", "", "²"])
def test_a_message_that_is_forgotten_is_told(olga, twin, number) -> None:
    assert at(olga, f"/message?number={quote(number)}").status == 404


def test_a_large_payload_is_shown_in_part(olga, twin, camera) -> None:
    with camera.connect() as connected:
        connected.publish("cameraDevice/cam1/big", b"x" * 100_000 + b"END", qos=1)
    page = at(olga, "/messages?filter=cameraDevice/cam1/big")
    assert "100,003 bytes" in page.seen and "END" not in page.text and len(page.text) < 10_000
    number = page.text.partition("/operator/message?number=")[2].partition('"')[0]
    page = at(olga, f"/message?number={number}")
    assert "2,048 bytes are kept" in page.seen and "x" * 2048 in page.text and "x" * 2049 not in page.text


def test_no_page_holds_a_key(olga, twin, tmp_path) -> None:
    """The answers of provisioning, a claim by a person, and a board that publishes its own key."""
    with claim(twin, "cam1") as raw:
        accepted, created = raw.request(topics.CREATE_KEYS, {})
        assert accepted
        secret = [created[fields.OWNERSHIP_TOKEN], created[fields.PRIVATE_KEY].split("\n")[3]]
        accepted, _ = raw.request(
            topics.register("CameraProvisioningTemplate"),
            {fields.OWNERSHIP_TOKEN: created[fields.OWNERSHIP_TOKEN], "parameters": {"serialID": "cam1"}},
        )
        assert accepted
    (tmp_path / "k").write_text(created[fields.PRIVATE_KEY])
    (tmp_path / "c").write_text(created[fields.CERTIFICATE_PEM])
    with Raw(twin, tmp_path / "c", tmp_path / "k").connect("cam1") as own:
        own.publish("cameraDevice/cam1/oops", json.dumps(created).encode(), qos=1)
        own.publish("cameraDevice/cam1/fine", b"fine", qos=1)
    sees(olga, "/messages", "fine")
    page = at(olga, "/messages")
    assert "$aws/certificates/create/json/accepted" in page.seen and "Not shown" in page.seen
    assert page.seen.count("Not shown: it may hold a key") == 5
    paths = ["/messages", "/logs", "/device?name=cam1", ""]
    paths += [f"/message?number={number}" for number in range(1, 12)]
    for path in paths:
        text = at(olga, path).text
        assert all(part not in text for part in secret), path
        assert "PRIVATE KEY" not in text and "RSA" not in text, path


def last_of(page) -> str:
    """The number of the newest line of a live list."""
    number = page.text.partition('data-last="')[2].partition('"')[0]
    assert number
    return number


def test_the_list_is_sent_when_there_is_news_only(olga, camera, twin) -> None:
    last = last_of(at(olga, "/messages"))
    assert at(olga, f"/messages/list?after={last}").status == 204
    twin.send("to/all", b"news")
    wait_until(lambda: at(olga, f"/messages/list?after={last}").status in (200, 429))
    part = at(olga, "/messages/list?after=x")
    assert part.status == 200 and "news" in part.seen and "<html" not in part.text


def test_lists_are_made_so_often_only(olga, twin, clock) -> None:
    last = last_of(at(olga, "/logs"))
    statuses = [at(olga, "/messages/list?after=x").status for _ in range(20)]
    assert statuses[:6] == [200] * 6 and 429 in statuses
    clock.ahead_s += 10
    assert at(olga, f"/logs/list?after={last}").status == 204, "what was put off is no line of the log"
    assert at(olga, "/logs/list?after=x").status == 200


def test_a_browser_that_does_not_read_holds_nobody_up(olga, twin, camera) -> None:
    cookies = "; ".join(f"{name}={value}" for name, value in olga.cookies.items())
    ask = f"GET /operator/messages HTTP/1.1\r\nHost: {olga.host}\r\nCookie: {cookies}\r\n\r\n".encode()
    with camera.connect() as connected, contextlib.ExitStack() as stack:
        for number in range(50):
            connected.publish("cameraDevice/cam1/a", b"x" * 2000, qos=1, packet_id=number + 1)
        for _ in range(10):
            lazy = stack.enter_context(socket.create_connection(("127.0.0.1", twin.page_port)))
            lazy.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                lazy.send(ask * 20)
        begin_s = time.monotonic()
        for number in range(50):
            connected.publish("cameraDevice/cam1/a", b"y", qos=1, packet_id=number + 1)
        assert time.monotonic() - begin_s < 5
    assert "from cam1, 1 byte" in at(olga, "/messages").seen


# Log lines


def test_the_log_of_the_twin_is_seen(olga, twin, camera) -> None:
    with camera.connect() as connected:
        connected.send(b"\x30\x05\x00\x03foo")
    sees(olga, "/logs", "cam1: connected, certificate")
    sees(olga, "/logs", "cam1: FORBIDDEN_ACCESS (iot:Publish on foo")
    assert "connected, certificate" not in at(olga, "/logs?find=forbidden").seen
    assert "No line is like that" in at(olga, "/logs?only=problems").seen
    Browser(twin).sign_in("<b>eve</b>", "x")
    at(olga, "/device?name=%3Cb%3E%1B")
    assert "<b>" not in at(olga, "/logs").text.replace("<b>olga</b>", "").replace("<b>Problem:</b>", "")


def test_a_problem_is_marked(olga, twin) -> None:
    logging.getLogger("muster.twin").warning("the disk is full")
    assert "Problem: the disk is full" in at(olga, "/logs?only=problems").seen


def test_what_boards_have_exported_is_seen(olga, twin, camera) -> None:
    lines = [
        {"timestamp": int(time.time() * 1000), "message": f"{number} {level} app <b>door {number}"}
        for number, level in ((1, "info"), (2, "warn"))
    ]
    with camera.connect() as connected:
        connected.publish(topics.log("cameraDevice", "cam1"), json.dumps(lines).encode(), qos=1)
    sees(olga, "/logs?from=boards", "cam1 1 info app <b>door 1")
    page = at(olga, "/logs?from=boards&only=problems")
    assert (
        "Problem: 2 warn app <b>door 2" in page.seen
        and "door 1" not in page.seen
        and "<b>door" not in page.text
    )
    assert (
        "door" not in at(olga, "/logs").seen and "door 2" in at(olga, "/logs/list?from=boards&find=CAM1").seen
    )


# Fault switches


def test_a_fault_acts_at_once_and_no_more_when_removed(olga, twin, camera) -> None:
    with camera.connect() as connected:
        connected.publish("cameraDevice/cam1/a", b"", qos=1)
        page = post(
            olga, "/faults/set", step="publish", kind="reject", client="cam*", count="7", number="", code=""
        )
        assert "Fault 1 is set." in page.seen and "reject at publish" in page.seen
        assert "for clients cam* , 7 times more" in page.seen
        connected.send(b"\x32\x17\x00\x13cameraDevice/cam1/a\x00\x01")
        assert connected.is_closed()
    assert "6 times more" in at(olga, "/faults").seen
    post(olga, "/faults/set", step="connect", kind="delay", client="", count="", number="2", code="")
    assert (
        "delay at connect , number 2 fault 2, for clients * , until it is removed" in at(olga, "/faults").seen
    )
    page = post(olga, "/faults/clear", number="1")
    assert "1 fault removed." in page.seen and "fault 1," not in page.seen and "fault 2," in page.seen
    with camera.connect() as connected:
        connected.publish("cameraDevice/cam1/a", b"", qos=1)
    post(olga, "/faults/clear")
    assert twin.registry.faults.all() == [] and "The twin does what AWS does" in at(olga, "/faults").seen
    assert "operator olga: fault 1 set: reject at publish" in at(olga, "/logs").seen


@pytest.mark.parametrize(
    "typed",
    [
        {"step": "publish", "kind": "garbage"},
        {"step": "publish", "kind": "reject", "number": "400"},
        {"step": "register", "kind": "reject", "number": "5"},
        {"step": "register", "kind": "ignore", "code": "X"},
        {"step": "connect", "kind": "delay", "number": "1.5"},
        {"step": "register", "kind": "garbage", "number": "5000"},
    ],
)
def test_a_fault_that_is_none_is_refused_in_the_words_of_the_command(
    olga, twin, typed, tmp_path, monkeypatch
) -> None:
    words = [typed["step"], typed["kind"]]
    for name in ("code", "number"):
        words += [f"--{name}", typed[name]] if name in typed else []
    said = Tool(tmp_path, monkeypatch)("twin", "fault", "set", *words).error
    page = post(olga, "/faults/set", **{"client": "*", "count": "", "number": "", "code": "", **typed})
    problem = page.text.partition('id="problem">')[2].partition("<")[0]
    assert page.status == 400 and problem and problem in said.replace("\n", " "), (problem, said)
    assert f"selected>{typed['kind']}<" in page.text, "it stays chosen"
    assert twin.registry.faults.all() == []


@pytest.mark.parametrize(
    "typed",
    [
        {"step": "nowhere"},
        {"kind": "nothing"},
        {"number": "nan"},
        {"number": "inf"},
        {"number": "-1"},
        {"number": "x"},
        {"count": "0"},
        {"count": "-1"},
        {"count": "9" * 30},
        {"client": "x" * 200},
        {"client": "a\x00b"},
    ],
)
def test_nonsense_is_no_fault(olga, twin, typed) -> None:
    form = {"step": "connect", "kind": "delay", "client": "*", "count": "", "number": "", "code": "", **typed}
    assert post(olga, "/faults/set", **form).status == 400
    assert twin.registry.faults.all() == []
    assert post(olga, "/faults/clear", number="1x").status == 400
