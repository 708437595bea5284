"""What the registry of a twin shows: forms of output, ended certificates, no control characters."""

import time

import pytest

from muster.cli import output
from muster.errors import WRONG_USE
from muster.registry import Registry
from muster.registry.boots import Boot
from muster.registry.certificates import ACTIVE, REVOKED
from muster.registry.things import Thing
from tools.fleet.cli_runner import Tool

NAUGHTY = 'x"\x1b[2J\x9b1A\u202e\n2026-11-21 00:00:00,000 admin: connected'
CONTROLS = "\x1b\x9b\u202e"


@pytest.fixture
def registry(tool: Tool) -> Registry:
    """With a certificate in use, one that ended, a revoked one that ended, and a device that misbehaves."""
    tool.home.mkdir()
    registry = Registry(tool.home)
    now_s = time.time()
    for name, status, end_s in (
        ("aa", ACTIVE, now_s + 3600),
        ("bb", ACTIVE, now_s - 1),
        ("cc", REVOKED, now_s - 1),
    ):
        registry.certificates.add(name, "pem", status, 1e9, end_s, is_claim=name == "cc")
    registry.things.put(Thing("cam1", None, {"site": NAUGHTY}, [], 1e9))
    registry.things.attach("cam1", "aa")
    registry.boots.put(Boot("cam1", "p/cam1/booted", NAUGHTY.encode(), 1e9))
    return registry


def test_an_ended_certificate_is_shown_as_expired(tool: Tool, registry: Registry) -> None:
    shown = tool.good("twin", "certificates", "-o", "json").response
    assert [(one["id"], one["status"]) for one in shown] == [
        ("aa", "ACTIVE"),
        ("bb", "EXPIRED"),
        ("cc", "REVOKED"),
    ]
    assert shown[0]["things"] == ["cam1"] and shown[2]["isClaim"] is True
    assert shown[0]["createdAt"] == "2001-09-09T01:46:40Z"
    head, first, *_, last = tool.good("twin", "certificates").output.splitlines()
    assert head == "certificate id\tstate\tthing\tcreated\tends"
    assert first.startswith("aa\tACTIVE\tcam1\t2001-09-09T01:46:40Z\t")
    assert last.startswith("cc\tREVOKED\t(claim)\t")


@pytest.mark.parametrize("form", ["plain", "table", "json"])
@pytest.mark.parametrize("verb", ["boots", "things"])
def test_no_control_character_of_a_device_gets_through(
    tool: Tool, registry: Registry, verb: str, form: str
) -> None:
    shown = tool.good("twin", verb, "-o", form).output
    assert "connected" in shown
    assert not set(CONTROLS if form != "json" else CONTROLS[:2]) & set(shown)
    if form == "plain":
        assert len(shown.splitlines()) == 2


def test_json_keeps_what_the_device_sent(tool: Tool, registry: Registry) -> None:
    assert tool.good("twin", "boots", "-o", "json").response[0]["payload"] == NAUGHTY


def test_faults_are_listed_with_what_is_left(tool: Tool, registry: Registry) -> None:
    tool.good("twin", "fault", "set", "register", "reject", "--number", "403", "--code", "X", "--count", "2")
    tool.good("twin", "fault", "set", "connect", "ignore")
    head, *rows = tool.good("twin", "fault", "list").output.splitlines()
    assert head == "no\tstep\tfault\tcode\tnumber\tclient\tleft"
    assert rows == ["1\tregister\treject\tX\t403\t*\t2", "2\tconnect\tignore\t\t\t*\tno limit"]
    first, second = tool.good("twin", "fault", "list", "-o", "json").response
    assert (first["number"], first["left"], second["left"]) == (403, 2, None)
    assert tool.good("twin", "fault", "clear", "-o", "json").response == {"removed": 2}


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("connect reject --number 300", "must be from 1 to 255"),
        ("connect reject --number 4.5", "must be a whole number"),
        ("register reject --number 99", "must be from 100 to"),
        ("register reject --number nan", "is not a finite number"),
        ("register reject --number -5", "-5"),
        ("register delay --number inf", "is not a finite number"),
        ("register delay --number 1e400", "is not a finite number"),
        ("register ignore --number 5", "ignore at register takes no --number"),
        ("publish reject --number 500", "reject at publish takes no --number"),
        ("connect ignore --code X", "--code belongs to reject at create-keys"),
        ("connect stranger", "stranger works at"),
        ("nowhere reject", "'nowhere' is not one of"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(tool: Tool, registry: Registry, fault: str, why: str) -> None:
    result = tool("twin", "fault", "set", *fault.split())
    assert (result.code, result.output) == (WRONG_USE, "")
    assert why in result.error
    assert registry.faults.all() == []


@pytest.mark.parametrize(
    "words",
    [
        ("certificates",),
        ("things",),
        ("boots",),
        ("revoke", "aa"),
        ("fault", "list"),
        ("fault", "clear"),
        ("fault", "set", "connect", "ignore"),
    ],
)
def test_a_home_that_is_not_there_is_one_sentence_and_code_1(tool: Tool, words: tuple[str, ...]) -> None:
    result = tool("twin", *words)
    assert (result.code, result.output) == (1, "")
    assert result.error.startswith(f"muster: there is no registry in {tool.home} yet: ")
    assert "`muster twin run` creates it" in result.error
    assert not tool.home.exists()


def test_plurals_and_dates() -> None:
    assert output.counted(1, "image") == "1 image"
    assert output.counted(0, "image") == "0 images"
    assert output.counted(12000, "batch", "batches") == "12 000 batches"
    assert output.utc(0) == "1970-01-01T00:00:00Z"


def test_attributes_read_as_name_and_value(tool: Tool, registry: Registry) -> None:
    registry.things.put(Thing("cam2", None, {"serialID": "cam2", "site": "hall"}, [], 1e9))
    last = tool.good("twin", "things").output.splitlines()[-1]
    assert last.startswith("cam2\t\tserialID=cam2, site=hall\t")
