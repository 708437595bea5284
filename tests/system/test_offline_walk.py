"""A blank board that starts without internet: it works alone, and catches up when the link returns.

Twice: before anybody has claimed it, and after a power cut in the life of a board that has its identity.
"""

import json
import re
import time

import pytest

from device.core import fields, topics
from muster import demo_claim
from tests.system import applications, browser, exported, link, mishaps, rig
from tests.system.shadows import desire, wait_reported
from tests.system.steps import DELAYS, STEPS, blank, seen
from tests.system.synced import change, changes_in_cloud, in_cloud, on_board, wait_for_keys
from tests.tools.twin.browser import Browser

APP = applications.body(
    """
    readings, own = await muster.table("readings"), await muster.table("own")
    start = (own.get("start") or {"number": 0})["number"] + 1
    own.put("start", {"number": start})
    muster.log("begins, start %d" % start)
    shadow = muster.shadow()
    shadow.on_change(lambda changes: muster.log("asked for %s" % changes))
    await muster.queue(muster.topic("started"), {"start": start})
    await shadow.report({"start": start})
    muster.log("message and report are safe")
    number = 0
    while True:
        number += 1
        key = "%d-%03d" % (start, number)
        readings.put(key, {"number": number})
        muster.log("stored %s" % key)
        await asyncio.sleep(0.5)
    """
)
SAID = re.compile(r"^ *\d+ ms  (\w+) +(.*)", re.MULTILINE)
STORED = re.compile(r"app +stored (\d+-\d+)")
REASONS = {  # way -> what the board says of it: of the builder, which it asks first, then of the cloud
    link.REFUSED: ("the server closed the connection during the TLS handshake",) * 2,
    link.BLACK_HOLE: (" is too slow; try again later", " does not answer; check address"),
    link.NO_NAMES: ("cannot resolve localhost (no answer from 127.0.0.1); the name server does not answer",)
    * 2,
}
DIFFERENT = {
    fields.QUEUE: {fields.DELAY_S: 1},
    "tables": {"readings": fields.UP, "wishes": fields.DOWN},
    "log": {fields.FLASH_BYTES: 65536},  # a power cut takes the lines in memory
    "delays": {
        **DELAYS,
        **{"connect_ms": 3000, "tls_ms": 3000, "answer_ms": 5000, "request_ms": 10000, "heartbeat_ms": 5000},
        **{"log_ms": 100, "log_patient_ms": 100, "logs_flash_ms": 300},
    },
}
YEAR_2021 = {"CLOCK": "1609459200"}  # when a Pico W wakes


@pytest.mark.parametrize("way", link.WAYS)
def test_without_internet_a_board_works_and_catches_up(cloud, serial, tmp_path, capsys, way):
    began_ms = time.time() * 1000
    token, password = demo_claim.add_people(cloud)
    path = tmp_path / "flash.img"
    app = applications.compiled(tmp_path / "app", APP)
    with link.link(cloud) as between:
        path.write_bytes(blank(cloud, serial, token, app, https_port=between.https.port, **DIFFERENT))
        between.cut(way)
        change(cloud, serial, "wishes", "colour", {"is": "green"})
        with _powered(path, between) as machine:
            _works_alone(machine, "register", way, 1)
            alone = _said(machine.console)
            between.mend()
            _claim(cloud, machine, password)
            desire(cloud, serial, {"led": "on"})  # not before: a shadow needs a thing
            _caught_up(cloud, serial, machine, alone, {"start": 1, "led": "on"})
            order = [*seen(machine), "logs"]
            between.cut(way)
            change(cloud, serial, "wishes", "size", {"is": 3})
            desire(cloud, serial, {"led": "off"})
            alone = _goes_on(machine, path)
        with _powered(path, between) as machine:
            _works_alone(machine, "mqtt", way, 2)
            alone += _said(machine.console)
            between.mend()
            _caught_up(cloud, serial, machine, alone, {"start": 2, "led": "off"})
    with capsys.disabled():
        print(f"\n{way}: {', '.join(order)}")
    assert order[:4] == ["serialize", "web", "register", "provision"] and len(order) == 9
    _check(cloud, serial, path)
    for event in exported.stored(cloud, serial):
        assert began_ms - 2000 <= event.at_ms <= time.time() * 1000, event


def _powered(path, between):
    return mishaps.powered(path, environment=YEAR_2021, silent=between.silent, restart=True)


def _works_alone(machine, service, way, start):
    """Everything but the cloud works; log and page say plainly why `service` does not."""
    reason = REASONS[way][start - 1]
    page = browser.Browser(browser.port_of(machine)).log_in()
    mishaps.complaint(machine, f"  {service} ", reason, "Trying again in")
    machine.wait_for("app        message and report are safe")
    machine.wait_for(STORED, start=len(machine.lines))
    count = len(STORED.findall(machine.console))
    status = {}

    def is_told():  # not while the board tries again
        status.update(page.get("/api/status"))
        return any(reason in text for text in status["problems"])

    exported.wait_for(is_told)
    assert status["claim"]["id"] and status["claim"]["claimed"] is (start > 1)
    assert status["memory"]["tables"]["readings"] >= count > 0
    _has_not_restarted(machine)


def _has_not_restarted(machine):
    """Neither the board nor its application."""
    assert machine.starts == 1 and machine.console.count("begins, start") == 1, machine.console


def _claim(cloud, machine, password):
    """The board registers, and a person claims it."""
    machine.wait_for("not claimed yet; asking again")
    owner = Browser(cloud)
    owner.sign_in(demo_claim.ACCOUNT, password)
    assert "is yours now" in owner.claim(re.search(STEPS["serialize"], machine.console)[1]).seen
    machine.wait_for(rig.DONE)


def _caught_up(cloud, serial, machine, alone, reported):
    """What was done `alone` is in the cloud, and what the cloud wanted meanwhile is on the board."""
    machine.wait_for("wishes: 0 changes sent, 1 fetched")
    machine.wait_for(f"asked for {{'led': '{reported['led']}'}}")
    wait_reported(cloud, serial, reported)
    wait_for_keys(cloud, serial, "readings", STORED.findall("\n".join(alone)))
    exported.wait_stored(cloud, serial, *alone)
    exported.wait_for(lambda: reported["start"] in _started(cloud, serial))
    _has_not_restarted(machine)


def _said(console):
    """The lines as CloudWatch gets them after their number and level."""
    return [f" {source} {text}" for source, text in SAID.findall(console)]


def _goes_on(machine, path):
    """What the board says until it has stored two more readings, once that is on the flash."""
    at = len(machine.lines) - 1
    for _ in range(2):
        line = machine.wait_for(STORED, start=at + 1)
        at = machine.lines.index(line, at + 1)
    stored = STORED.search(line)[1]
    exported.wait_for(lambda: f"stored {stored}\n".encode() in exported.log_on_flash(path))
    return _said("\n".join(machine.lines[: at + 1]))


def _started(cloud, serial):
    """The messages of the starts, each once."""
    topic = topics.own(topics.DEFAULT_PREFIX, serial, "started")
    found = [json.loads(message.payload)["start"] for message in cloud.messages if message.topic == topic]
    return list(dict.fromkeys(found))


def _check(cloud, serial, path):
    """Both sides have the same, and each reading was taken once."""
    assert _started(cloud, serial) == [1, 2]
    there, here = in_cloud(cloud, serial, "readings"), on_board(path, "readings")
    assert there == {key: here[key] for key in there} and len(there) > 5
    assert changes_in_cloud(cloud, serial, "readings") == len(there), "each counted once"
    assert on_board(path, "wishes") == {"colour": {"is": "green"}, "size": {"is": 3}}
