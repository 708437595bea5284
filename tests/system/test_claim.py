"""Boards that are claimed: they register, poll their builder, and are provisioned in the running loop."""

import json
import os
import re
import time

import pytest

from device.core import fields, paths, topics
from muster.registry.certificates import INACTIVE
from muster.virtual import EXIT_POWER_CUT, EXIT_RESET
from tests.system import builders, mishaps, rig
from tests.system.browser import WEB, Browser, port_of
from tests.system.builders import CLAIM, POLL, PRODUCT, REGISTER, RELEASE
from tests.system.listeners import silent

FAST = {"intervals": {**mishaps.PATIENT, "poll_second_ms": 20}}
FULL = os.environ.get("MUSTER_SWEEP") == "full"


@pytest.fixture
def builder(twin, tmp_path):
    """A builder that runs."""
    with builders.builder(twin, tmp_path) as running:
        yield running


def _check_claimed(path, twin, serial, before):
    """The board is provisioned as any other, and keeps nothing that it does not need."""
    rig.check_provisioned(path, twin, serial, before)
    files = rig.on_flash(path)
    bootstrap = [name for name in files if name.startswith(paths.BOOTSTRAP)]
    assert bootstrap == [f"{paths.BOOTSTRAP}/{paths.ROOT_CA}"], "the temporary credentials are gone"
    told = json.loads(files[paths.PROVISION])
    assert told[fields.REGISTERED] is True and told[fields.THING_NAME] == serial


def test_claimed_after_a_few_polls(builder, twin, serial, tmp_path):
    path = builders.blank(tmp_path / "flash.img", twin, serial, builder.address)
    with mishaps.powered(path) as machine:
        builder.wait_for(POLL, 3)
        before = rig.certificate_ids(twin)
        builder.claimed = True
        machine.wait_for(rig.DONE)
        key = builder.key
        assert PRODUCT not in machine.console and key not in machine.console
    before |= {row.certificate_id for row in twin.registry.certificates.all() if row.is_claim}
    _check_claimed(path, twin, serial, before)
    twin.wait_for_publish(topics.booted(topics.DEFAULT_PREFIX, serial))
    sent = dict(builder.asked)[REGISTER]
    assert sent == {fields.CLAIM: CLAIM, fields.PRODUCT: PRODUCT, fields.REGISTRATION_KEY: key}
    asked = len(builder.asked)
    again = rig.boot_to_the_end(path)
    assert len(builder.asked) == asked, "a board that has its identity does not ask"
    assert again.operations == "", "a boot with nothing to do must not wear the flash"


def _power(path, twin, builder, serial, number, tear):
    """Boot a board that is claimed already, cut its power at block operation `number`, and look."""
    builder.key, builder.claimed = None, True
    builders.blank(path, twin, serial, builder.address, told=FAST)
    before = rig.certificate_ids(twin)
    machine = rig.board(path, cut_at=number, tear=tear).start()
    try:
        assert machine.wait(60) == EXIT_POWER_CUT, machine.console
    finally:
        machine.stop()
    keys = {body[fields.REGISTRATION_KEY] for _, body in builder.asked}
    rig.boot_to_the_end(path)
    if paths.CLAIMED in rig.on_flash(path):  # cut after the identity came
        with mishaps.powered(path) as machine:
            machine.wait_for("the builder's claim credentials are removed")
    assert keys <= {builder.key}, "the key is on flash before it is used"
    before |= _claims(twin)
    _check_claimed(path, twin, serial, before)


def _claims(twin):
    return {row.certificate_id for row in twin.registry.certificates.all() if row.is_claim}


@pytest.mark.sweep
def test_power_cuts(builder, twin, serial, tmp_path, capsys):
    builder.claimed = True
    path = builders.blank(tmp_path / "whole.img", twin, serial, builder.address, told=FAST)
    operations = len(rig.boot_to_the_end(path).operations)
    assert operations > 40, "the sweep has nothing to cut"
    cuts = 0
    for number in range(1, operations + 1, 1 if FULL else 11):
        for tear in (False, True):
            builder.asked.clear()
            name = f"{serial}-{number}{'t' if tear else ''}"
            _power(tmp_path / "cut.img", twin, builder, name, number, tear)
            cuts += 1
    with capsys.disabled():
        print(f"\nclaim: {cuts} power cuts over {operations} block operations, all ended provisioned")


def test_a_builder_that_is_away_holds_nothing_up(twin, serial, tmp_path):
    address = f"https://localhost:{silent()}/api"
    blank = builders.blank(tmp_path / "blank.img", twin, serial + "-a", address, extra=WEB)
    told = rig.flash(
        tmp_path / "told.img", twin, serial + "-b", extra={**mishaps.told(), paths.CONFIG: _config(address)}
    )
    with mishaps.crowd({"blank": blank, "told": told}) as machines:
        mishaps.complaint(machines["blank"], "register", "localhost", "Trying again in")
        mishaps.still_runs(machines["blank"])
        browser = Browser(port_of(machines["blank"]))
        claim = browser.get("/api/claim")["claim"]
        assert claim["registered"] is False and claim["next_s"] is None and claim["claimed"] is False
        assert claim["error"] == "log in to see why"
        assert "localhost" in browser.log_in().get("/api/status")["claim"]["error"]
        machines["told"].wait_for(rig.DONE)  # a person's claim credentials


def _config(address):
    return json.dumps({fields.SERVICES: {}, fields.API: {fields.BUILDER: address}}).encode()


def test_nonsense_is_said_and_asked_again(builder, twin, serial, tmp_path):
    good = builder.given()
    builder.script = {
        REGISTER: [
            (200, b"<html>", {}),
            (200, {fields.REGISTERED: "yes"}, {}),
            (302, {}, {"Location": "/x"}),
        ],
        POLL: [
            (200, b"{" * 40, {}),
            (200, {}, {}),
            (200, {**good, fields.PRIVATE_KEY: good[fields.CERTIFICATE_PEM]}, {}),
            (200, {**good, fields.PORT: "8883"}, {}),
            (200, {**good, fields.ENDPOINT: "host\r\nx"}, {}),
            (200, {**good, "padding": "x" * 9000}, {}),
        ],
    }
    path = builders.blank(tmp_path / "flash.img", twin, serial, builder.address, told=FAST)
    builder.claimed = True
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        for words in ("is not a JSON object", '"registered": true', '"claimed": true', "privateKey", "port"):
            assert words in machine.console, words
    rig.check_provisioned(path, twin, serial, rig.certificate_ids(twin) - {mishaps.identity(path)})


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        (REGISTER, 401, "does not know this product"),
        (REGISTER, 409, "knows this claim ID with another key"),
        (POLL, 403, "knows this claim ID with another key"),
    ],
)
def test_refusals_are_said_and_stop_nothing_else(builder, twin, serial, tmp_path, path, status, words):
    builder.script = {path: [(status, {fields.ERROR: "told by the builder"}, {})]}
    image = builders.blank(tmp_path / "flash.img", twin, serial, builder.address)
    with mishaps.powered(image) as machine:
        line = mishaps.complaint(machine, words, f"({status}: told by the builder)", "Trying again in")
        assert int(line.split()[-2]) >= 400, "a person has to change something first"
        mishaps.still_runs(machine)


def test_a_builder_that_has_forgotten_the_board(builder, twin, serial, tmp_path):
    path = builders.blank(tmp_path / "flash.img", twin, serial, builder.address, told=FAST)
    with mishaps.powered(path) as machine:
        builder.wait_for(POLL, 1)
        key, builder.key = builder.key, None
        machine.wait_for("the builder does not know this board")
        builder.wait_for(REGISTER, 2)
        builder.claimed = True
        machine.wait_for(rig.DONE)
    assert builder.key == key, "the same key registers again"


def test_the_builder_s_delay_wins(builder, twin, serial, tmp_path):
    busy = {"Retry-After": "77"}
    builder.script = {
        REGISTER: [(503, {}, {"Retry-After": "1"})],
        POLL: [
            (429, {fields.ERROR: "busy"}, {"Retry-After": "66"}),
            (200, {fields.CLAIMED: False, fields.DELAY: 55}, {}),
            (503, b"", busy),
        ],
    }
    path = builders.blank(tmp_path / "flash.img", twin, serial, builder.address, told=FAST)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "register", "(503)", "Trying again in 1 s")
        mishaps.complaint(machine, "claim", "(429: busy)", "Trying again in 66 s")
        machine.wait_for("not claimed yet; asking again in 55 s")
        mishaps.complaint(machine, "claim", "(503)", "Trying again in 77 s")


def test_delays_grow_and_a_restart_begins_anew(builder, twin, serial, tmp_path):
    builder.script = {POLL: [(200, {fields.CLAIMED: False}, {})] * 40}
    path = builders.blank(tmp_path / "flash.img", twin, serial, builder.address, limit_s=20, told=FAST)
    for _ in range(2):
        with mishaps.powered(path) as machine:
            start = builder.count(POLL)
            builder.wait_for(POLL, start + 6)
            found = re.findall(r"asking again in (\d+) s", machine.console)
        delays = [int(text) for text in found]
        assert delays[0] == 5 and 5 <= delays[1] <= 10 and all(10 <= delay <= 20 for delay in delays[2:])


@pytest.mark.parametrize(
    "bad", [{"from_s": -7200, "to_s": -3600}, {"status": INACTIVE}], ids=["expired", "revoked"]
)
def test_claim_credentials_that_are_refused(builder, twin, serial, tmp_path, bad):
    path = builders.blank(tmp_path / "flash.img", twin, serial, builder.address, told=FAST)
    builder.credentials, builder.claimed = bad, True
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "provision", "connect with the claim certificate", "Trying again in")
        machine.wait_for("the claim credentials were refused; asking for others in")
        builder.wait_for(POLL, 2)
        builder.credentials = {}
        machine.wait_for(rig.DONE)
    _check_claimed(path, twin, serial, rig.certificate_ids(twin) - {mishaps.identity(path)})


def test_the_page_while_unclaimed(builder, twin, serial, tmp_path):
    slow = [(200, {fields.CLAIMED: False, fields.DELAY: 600}, {})] * 9
    builder.script = {POLL: slow}
    told = {"intervals": {**mishaps.PATIENT, "poll_now_ms": 1500}}
    path = builders.blank(tmp_path / "flash.img", twin, serial, builder.address, extra=WEB, told=told)
    with mishaps.powered(path) as machine:
        browser = Browser(port_of(machine))
        machine.wait_for("asking again in 600 s")
        claim = browser.get("/api/claim")["claim"]
        assert claim["registered"] is True and claim["claimed"] is False and claim["error"] == ""
        assert 500 < claim["next_s"] <= 600
        status, headers, _ = browser.ask("POST", "/api/poll", {})
        assert status == 429 and 1 <= int(headers["retry-after"]) <= 2
        assert browser.post("/api/poll", Origin="http://evil.example") == 403
        assert browser.ask("GET", "/api/poll")[0] == 405
        builder.script.clear()
        builder.claimed = True
        _poll_now(browser)
        machine.wait_for(rig.DONE)
        claim = browser.get("/api/claim")["claim"]
        assert claim["claimed"] is True and "next_s" not in claim
        assert browser.post("/api/poll") == 400


def test_released_on_the_page(builder, twin, serial, tmp_path):
    path = builders.blank(tmp_path / "flash.img", twin, serial, builder.address, extra=WEB, told=FAST)
    builder.claimed = True
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        first = mishaps.identity(path)
        browser = Browser(port_of(machine)).log_in()
        assert browser.post("/api/release", {"confirm": serial}) == 204
        assert machine.wait(60) == EXIT_RESET
    files = rig.on_flash(path)
    assert paths.RELEASE in files and f"{paths.CERT}/{paths.IDENTITY}" not in files
    builder.script = {RELEASE: [(503, {}, {"Retry-After": "1"})]}
    polls = builder.count(POLL)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "register", "(503)", "Trying again in 1 s")
        assert builder.count(POLL) == polls, "the builder is told first"
    with mishaps.powered(path) as machine:  # the release is said once more
        machine.wait_for("the builder knows of the release")
        assert paths.RELEASE not in rig.on_flash(path)
        builder.wait_for(POLL, polls + 1)
        builder.claimed = True
        machine.wait_for(rig.DONE)
    assert mishaps.identity(path) != first
    released = builder.count(RELEASE)
    rig.boot_to_the_end(path)
    assert builder.count(RELEASE) == released == 2


def test_a_release_that_a_power_cut_interrupted(builder, twin, serial, tmp_path):
    path = builders.blank(tmp_path / "flash.img", twin, serial, builder.address, told=FAST)
    builder.claimed = True
    rig.boot_to_the_end(path)
    mishaps.edit(path, {paths.RELEASE: b"{}"})
    with mishaps.powered(path) as machine:
        machine.wait_for("the release goes on after a power cut")
        assert machine.wait(60) == EXIT_RESET
    with mishaps.powered(path) as machine:
        machine.wait_for("the builder knows of the release")
        builder.wait_for(RELEASE)


def test_a_mark_without_a_builder_holds_nothing_up(twin, serial, tmp_path):
    path = rig.flash(tmp_path / "flash.img", twin, serial, extra={paths.RELEASE: b"{}"})
    rig.boot_to_the_end(path)
    assert paths.RELEASE not in rig.on_flash(path)


def test_credentials_without_an_endpoint(builder, twin, serial, tmp_path):
    mine = mishaps.Claims(twin).make()
    path = builders.blank(tmp_path / "flash.img", twin, serial, builder.address, extra=mine)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "provision", paths.CONF, "has no ENDPOINT_URL, and no builder has told it")
        mishaps.still_runs(machine)
        assert builder.count(POLL) == 0


@pytest.mark.parametrize("bits", [64, 32])
def test_a_whole_life_in_both_sizes(builder, twin, serial, tmp_path, bits):
    mishaps.need_interpreter(bits)
    path = builders.blank(tmp_path / "flash.img", twin, serial, builder.address, told=FAST)
    builder.claimed = True
    before = rig.certificate_ids(twin)
    rig.boot_to_the_end(path, bits=bits)
    _check_claimed(path, twin, serial, before | _claims(twin))


def test_the_page_makes_way_for_a_poll_where_memory_is_short(builder, twin, serial, tmp_path):
    builder.script = {POLL: [(200, {fields.CLAIMED: False, fields.DELAY: 600}, {})] * 9}
    told = {"intervals": {**mishaps.PATIENT, "poll_now_ms": 1500}, "facts": {"WEB_BESIDE_TLS": False}}
    path = builders.blank(tmp_path / "flash.img", twin, serial, builder.address, extra=WEB, told=told)
    with mishaps.powered(path) as machine:
        machine.wait_for("asking again in 600 s")
        browser = Browser(_page_after_stop(machine))
        assert browser.get("/api/claim")["claim"]["registered"] is True
        start = len(machine.lines)
        _poll_now(browser)
        machine.wait_for("asking again in 600 s", start=start)
        browser = Browser(_page_after_stop(machine))
        assert browser.get("/api/claim")["claim"]["claimed"] is False


def _page_after_stop(machine):
    """The port of the page that came after it was stopped for the last time."""
    stops = [number for number, line in enumerate(machine.lines) if "stopped: memory is short" in line]
    return port_of(machine, start=stops[-1])


def _poll_now(browser):
    """Press Poll now until the board's own limit allows it."""
    while (status := browser.post("/api/poll")) == 429:
        time.sleep(0.1)
    assert status == 204


def test_a_link_that_is_back_ends_the_wait(builder, twin, serial, tmp_path):
    """A board that is registered starts without a network; its polls would come ever more rarely."""
    builder.key, builder.claimed = "00" * 16, True
    extra = {
        paths.PROVISION: b'{"registered": true}',
        paths.REGISTRATION: json.dumps({fields.REGISTRATION_KEY: builder.key}).encode(),
    }
    told = {"intervals": {**mishaps.PATIENT, "poll_second_ms": 100000}}
    extra.update(WEB)
    path = builders.blank(tmp_path / "flash.img", twin, serial, builder.address, extra=extra, told=told)
    on_air = json.dumps({"other": "its password"})
    with mishaps.powered(path, environment={"NETWORKS": on_air}) as machine:
        mishaps.complaint(machine, "claim", "Trying again in")  # a minute and more here
        machine.wait_for("access point muster-")
        browser = Browser(port_of(machine)).log_in()
        assert browser.post("/api/wifi", {"ssid": "other", "password": "its password"}) == 204
        machine.wait_for(rig.DONE)
    assert builder.count(REGISTER) == 0
