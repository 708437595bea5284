"""What the operator's page keeps in memory: the last messages and log lines, bounded, without secrets."""

import logging

import pytest

from device.core import fields, topics
from muster.twin import log_lines, traffic
from muster.twin.log import log
from muster.twin.log_lines import LogLines
from muster.twin.traffic import Traffic

REGISTER = topics.register("CameraProvisioningTemplate")
ALLOWED = ("cam/1", "$aws/things/cam1/shadow/update", "$aws/rules/logs/cam1")
WITHHELD = (
    topics.CREATE_KEYS,
    topics.accepted(topics.CREATE_KEYS),
    topics.accepted(topics.CREATE_FROM_CSR),
    REGISTER,
    topics.accepted(REGISTER),
    topics.accepted(topics.register("RenewalTemplate")),
    "$aws/whatever/comes",
)


@pytest.fixture
def seen() -> Traffic:
    return Traffic(lambda: 1000.0)


def test_the_newest_come_first_and_only_so_many_are_kept(seen) -> None:
    for number in range(traffic.MESSAGES + 50):
        seen.saw(f"t/{number}", b"x", "cam1")
    assert seen.count == traffic.MESSAGES + 50
    newest = seen.newest(3)
    assert [one.topic for one in newest] == [f"t/{traffic.MESSAGES + 50 - one}" for one in (1, 2, 3)]
    assert len(seen.newest(10**6)) == traffic.MESSAGES
    assert seen.get(50) is None and seen.get(51).topic == "t/50" and seen.get(0) is None
    assert seen.get(seen.count) == newest[0] and seen.get(seen.count + 1) is None


def test_of_a_payload_only_the_beginning_is_kept(seen) -> None:
    seen.saw("t", b"x" * 128 * 1024, "cam1")
    (one,) = seen.newest(1)
    assert one.payload == b"x" * traffic.KEPT_BYTES and one.size == 128 * 1024


@pytest.mark.parametrize("topic", WITHHELD)
def test_payloads_of_provisioning_are_never_kept(seen, topic) -> None:
    seen.saw(topic, b'{"a": 1}', "cam1")
    assert [(one.topic, one.payload, one.size) for one in seen.newest(1)] == [(topic, None, 8)]
    assert seen.get(1).payload is None


@pytest.mark.parametrize("topic", ALLOWED)
def test_other_payloads_are_kept_unless_they_look_like_a_key(seen, topic) -> None:
    seen.saw(topic, b'{"a": 1}', "cam1")
    assert seen.get(1).payload == b'{"a": 1}'
    names = (fields.PRIVATE_KEY, fields.OWNERSHIP_TOKEN, fields.SECRET_ACCESS_KEY, fields.SESSION_TOKEN)
    for text in (*(f'{{"{name}": "x"}}' for name in names), "-----BEGIN EC PRIVATE KEY-----\nMHc"):
        seen.saw(topic, text.encode(), "cam1")
        assert seen.newest(1)[0].payload is None, text


def test_a_filter_matches_as_the_broker_does_and_a_client_has_sent_or_got(seen) -> None:
    seen.saw("a/b", b"", "one")
    seen.saw("a/c", b"", "two")
    seen.saw("$aws/things/x/shadow/get", b"", "one")
    seen.saw("a/b", b"", to="one")
    topics_of = lambda **asked: [one.topic for one in seen.newest(9, **asked)]  # noqa: E731
    assert topics_of(topic_filter="#") == ["a/b", "a/c", "a/b"]
    assert topics_of(topic_filter="a/+", client_id="two") == ["a/c"]
    assert topics_of(client_id="one") == ["a/b", "$aws/things/x/shadow/get", "a/b"]


def test_the_last_message_of_a_client_is_known_of_so_many(seen, monkeypatch) -> None:
    monkeypatch.setattr(traffic, "_CLIENTS", 3)
    for client in ("a", "b", "a", "c", "d"):
        seen.saw(f"t/{client}", b"x", client)
    seen.saw("t/twin", b"x")
    assert seen.last_of("b") is None and seen.last_of("") is None
    assert seen.last_of("a") == ("t/a", 1000.0)


@pytest.fixture
def lines():
    kept = LogLines()
    level = log().level
    kept.start()
    yield kept
    kept.stop()
    kept.stop()
    assert log().level == level


def test_lines_are_kept_bounded_and_found_by_words(lines) -> None:
    for number in range(log_lines.LINES + 5):
        log().info("line %d of \x1b %s", number, "x" * 1000)
    log().warning("the DISK is full")
    log().debug("too much")
    assert lines.count == log_lines.LINES + 6
    found = lines.newest(10**6)
    assert len(found) == log_lines.LINES and found[0].text == "the DISK is full" and found[0].is_problem
    assert all(len(one.text) <= 500 for one in found)
    assert r"\x1b" in found[1].text and "\x1b" not in found[1].text
    assert [one.text for one in lines.newest(9, "disk IS")] == ["the DISK is full"]
    assert [one.text for one in lines.newest(9, only_problems=True)] == ["the DISK is full"]


def test_a_traceback_stays_on_the_console(lines) -> None:
    try:
        raise ValueError("secret")
    except ValueError:
        log().exception("it failed")
    assert [one.text for one in lines.newest(9)] == ["it failed"]


def test_what_the_console_shows_stays_as_it_was(lines) -> None:
    heard = []
    console = logging.Handler(logging.WARNING)
    console.emit = lambda record: heard.append(record.getMessage())
    logging.getLogger().addHandler(console)
    try:
        log().info("for the page")
        log().warning("for both")
    finally:
        logging.getLogger().removeHandler(console)
    assert heard == ["for both"]
    assert [one.text for one in lines.newest(9)] == ["for both", "for the page"]
