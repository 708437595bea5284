"""What `muster doctor` makes of facts that no virtual board has, and of nonsense."""

import time

import pytest

from device.core import paths
from muster.doctor import facts as board_facts
from muster.doctor.rules import findings

NOW_S = int(time.time())
HEALTHY = {
    "program": {
        "board": "pico_w-e661",
        "muster": "0.1.0",
        "micropython": "1.28.0",
        "umqtt": "/pack/umqtt/simple.mpy",
    },
    "memory": {"free": 90000, "largest": 60000, "tls": 45000, "piece": 16736},
}


FROZEN = {"program": {**HEALTHY["program"], "umqtt": "umqtt/simple.py"}}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, None),
        ({"program": {**HEALTHY["program"], "micropython": "1.23.0"}}, "MicroPython 1.23.0 is too old"),
        ({"program": {**HEALTHY["program"], "umqtt": "umqtt/simple.py"}}, None),  # the firmware's: as good
        ({**FROZEN, "frozen": {"is": True, "hidden": []}}, None),
        (
            {**FROZEN, "frozen": {"is": True, "hidden": [paths.PACK]}},
            "/lib/muster.pack is not used: the program frozen into the firmware comes first",
        ),
        ({"memory": {**HEALTHY["memory"], "free": 30000}}, "its heap is too small for TLS: 30000 bytes"),
        ({"memory": {**HEALTHY["memory"], "largest": 9000}}, "its heap is too small for TLS: 90000 bytes"),
        ({"wifi": {"joined": ["home", "10.0.0.7", -88]}}, "the signal of home is weak (-88 dBm)"),
        ({"wifi": {"error": "OSError: 5"}}, "wifi cannot be found out: OSError: 5"),
        ({"services": [["logs", "failing", "no credentials\x1b[2J"]]}, "logs: no credentials\\x1b[2J"),
        ({"identity": [], "wifi": 5, "memory": {"free": "x"}, "restarts": {"early": [], "last": [1]}}, None),
    ],
)
def test_facts_that_only_hardware_shows(changes, sentence):
    found = findings({**HEALTHY, **changes}, NOW_S)
    assert [one.text.startswith(sentence) for one in found] == [True] if sentence else not found


@pytest.mark.parametrize(
    "nonsense",
    [
        {"files": {"missing": 5}},
        {"restarts": {"last": 7, "early": {"a": "b"}}},
        {"services": 3},
        {"wifi": {"known": 5, "seen": [1, None, []]}},
        {"identity": {"active": {"missing": 3}, "claim": {"to": 1e400}}},
        {"program": {"board": "pico_w-1", "micropython": "1.\u00b2"}},
        {"cloud": {"host": ["x"], "lookup": {}}},
    ],
)
def test_nonsense_is_said_and_breaks_nothing(nonsense):
    findings({**HEALTHY, **nonsense}, NOW_S)
    assert board_facts.read(["~D deep " + "[" * 100_000, "~D", "~D x {", "~D wifi null"])["deep"] == {
        "error": "cannot be read"
    }
