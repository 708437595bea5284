"""Renewal on the virtual board: its certificate is replaced over its own connection, and nothing is lost."""

import json
import re
import time

import pytest

from device.core import fields, paths, slots
from muster.registry.certificates import ACTIVE, REVOKED
from muster.relay import Relay
from muster.twin.server import running_twin
from muster.twin.settings import Settings
from tests.system import applications, mishaps, rig

MODES = [fields.KEYS_CLOUD, fields.KEYS_DEVICE]
DAY_S = 86400
BEGINS = "renew      renewing the certificate"
RENEWED = "renew      the new certificate is good for "
# Readings in their order, each acknowledged by the cloud before the next one is taken.
READS = """
    number = 0
    while True:
        number += 1
        await muster.publish(muster.topic("reading"), {"number": number})
        muster.log("safe %d" % number)
        await asyncio.sleep_ms(600)
"""
SAFE = re.compile(r"app +safe (\d+)")


class Old:
    """A twin that can issue certificates that have ten more minutes, of 30 days."""

    def __init__(self):
        self.ahead_s = 0

    def clock(self):
        return time.time() + self.ahead_s


@pytest.fixture(scope="module")
def old():
    return Old()


@pytest.fixture(scope="module")
def renewing_twin(tmp_path_factory, old):
    life_h = (30 * DAY_S + 600) / 3600
    settings = Settings(
        authority_key="ec", claim_key="ec", key_pool=4, clock=old.clock, certificate_ttl_h=life_h
    )
    with running_twin(tmp_path_factory.mktemp("renewing-twin"), settings) as running:
        yield running


def switched(is_on):
    """config.json with renewal on or off."""
    return json.dumps({fields.SERVICES: {fields.CLOUD: {"renew": is_on}}}).encode()


def due(path, twin, old, serial, mode=fields.KEYS_DEVICE, app=READS, port=None, **provisioning):
    """The image of a board whose certificate is due; its id."""
    extra = {paths.CONFIG: switched(False)}
    if app:
        extra.update(applications.compiled(path.parent / "app", applications.body(app)))
    section = {fields.KEYS: mode, fields.DAILY_CERTIFICATES: 100, **provisioning}
    intervals = {"renew_second_ms": 10, "heartbeat_ms": 1000}
    mishaps.flash(path, twin, serial, port=port, intervals=intervals, extra=extra, provisioning=section)
    old.ahead_s = -30 * DAY_S
    try:
        rig.boot_to_the_end(path)
    finally:
        old.ahead_s = 0
    mishaps.edit(path, {paths.CONFIG: switched(True)})
    return mishaps.identity(path)


def without_claim(path):
    """Remove the claim credentials: what follows needs none."""
    mishaps.edit(path, {mishaps.claim_path(name): None for name in slots.FILES})


def statuses(twin, serial):
    """{certificate id: status} of the certificates of a thing."""
    return {row.certificate_id: row.status for row in twin.registry.certificates.of_thing(serial)}


def nothing_lost(twin, serial, *machines):
    """Every reading that the application was told to be safe is in the cloud."""
    safe = {int(number) for machine in machines for number in SAFE.findall(machine.console)}
    topic = f"cameraDevice/{serial}/reading"
    got = {json.loads(message.payload)["number"] for message in twin.messages if message.topic == topic}
    assert safe and safe <= got, sorted(safe - got)


def goes_on(machine):
    """Wait until the application has delivered more."""
    start = len(machine.lines)
    for _ in range(2):
        machine.wait_for(SAFE, start=start)
        start = len(machine.lines)


@pytest.mark.parametrize("mode", MODES)
def test_it_renews_over_its_own_connection(renewing_twin, old, serial, tmp_path, mode):
    twin, path = renewing_twin, tmp_path / "flash.img"
    before = due(path, twin, old, serial, mode)
    without_claim(path)
    with mishaps.powered(path) as machine:
        machine.wait_for("renew      the certificate is good for ")
        machine.wait_for(BEGINS)
        machine.wait_for(RENEWED)
        goes_on(machine)
        assert "Trying again" not in machine.console
    after = mishaps.identity(path)
    assert statuses(twin, serial) == {before: REVOKED, after: ACTIVE}
    nothing_lost(twin, serial, machine)
    files = rig.on_flash(path)
    assert not [name for name in files if name.startswith(paths.TRIAL)]
    told = json.loads(files[paths.PROVISION])
    assert told[fields.DEVICE_CONFIGURATION], "the renewal's template has none: the application's stays"
    assert told[fields.CERTIFICATE_ID] == after


def test_a_wrong_clock_renews_nothing(renewing_twin, old, serial, tmp_path):
    twin, path = renewing_twin, tmp_path / "flash.img"
    before = due(path, twin, old, serial)
    with mishaps.powered(path, environment={"NTP": "fail"}) as machine:
        mishaps.complaint(machine, "renew", "not renewed: the time is not known; allow NTP")
        goes_on(machine)
        mishaps.still_runs(machine)
        assert machine.console.count("not renewed") == 1 and BEGINS not in machine.console
    assert mishaps.identity(path) == before and statuses(twin, serial) == {before: ACTIVE}


@pytest.mark.parametrize("stage", ["create-from-csr", "register"])
def test_a_refused_renewal_is_tried_again(renewing_twin, old, serial, tmp_path, stage):
    twin, path = renewing_twin, tmp_path / "flash.img"
    before = due(path, twin, old, serial)
    without_claim(path)
    twin.registry.faults.add(stage, "reject", number=403, client=serial, count=2)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "renew", "refused on", "403", "good for", "Trying again in")
        machine.wait_for(RENEWED)
        goes_on(machine)
    assert statuses(twin, serial) == {before: REVOKED, mishaps.identity(path): ACTIVE}
    nothing_lost(twin, serial, machine)


def test_a_policy_that_forbids_it_leaves_the_claim(renewing_twin, old, serial, tmp_path):
    """The template of ento.conf is not the one that the device's policy allows."""
    twin, path = renewing_twin, tmp_path / "flash.img"
    before = due(path, twin, old, serial, **{fields.RENEWAL_TEMPLATE: "Another"})
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "renew", "closed the connection", "trying with the claim credentials")
        machine.wait_for(RENEWED)
        goes_on(machine)
    assert statuses(twin, serial) == {before: ACTIVE, mishaps.identity(path): ACTIVE}
    nothing_lost(twin, serial, machine)


def test_a_policy_that_forbids_it_and_no_claim(renewing_twin, old, serial, tmp_path):
    twin, path = renewing_twin, tmp_path / "flash.img"
    before = due(path, twin, old, serial, **{fields.RENEWAL_TEMPLATE: "Another"})
    without_claim(path)
    with mishaps.powered(path) as machine:
        for _ in range(2):
            start = len(machine.lines)
            mishaps.complaint(machine, "renew", "closed the connection", "Trying again in", start=start)
            goes_on(machine)
    assert mishaps.identity(path) == before and statuses(twin, serial) == {before: ACTIVE}
    nothing_lost(twin, serial, machine)


def test_a_new_certificate_that_is_refused_falls_back(renewing_twin, old, serial, tmp_path):
    twin, path = renewing_twin, tmp_path / "flash.img"
    before = due(path, twin, old, serial)
    without_claim(path)
    twin.registry.faults.add("register", "delay", number=1000, client=serial, count=1)
    with mishaps.powered(path) as machine:
        machine.wait_for(BEGINS)
        twin.registry.faults.add("connect", "reject", client=serial, count=1)
        mishaps.complaint(machine, "renew", "connect with the new certificate", "Trying again in")
        start = len(machine.lines)
        machine.wait_for("mqtt       connected to", start=start)
        goes_on(machine)
        machine.wait_for(RENEWED)
    after = mishaps.identity(path)
    assert after != before and statuses(twin, serial) == {before: REVOKED, after: ACTIVE}
    nothing_lost(twin, serial, machine)


def test_a_link_that_is_lost_in_the_middle(renewing_twin, old, serial, tmp_path):
    twin, path = renewing_twin, tmp_path / "flash.img"
    with Relay("127.0.0.1", twin.port) as relay:
        before = due(path, twin, old, serial, port=relay.port)
        without_claim(path)
        twin.registry.faults.add("register", "delay", number=1000, client=serial, count=1)
        with mishaps.powered(path) as machine:
            machine.wait_for(BEGINS)
            relay.refuse = True
            relay.cut_after_total = relay.bytes_up + relay.bytes_down + 1
            mishaps.complaint(machine, "renew", "Trying again in")
            mishaps.complaint(machine, "mqtt", "Trying again in")
            relay.refuse = False
            machine.wait_for(RENEWED)
            goes_on(machine)
    assert statuses(twin, serial).pop(before) == REVOKED
    assert list(statuses(twin, serial).values()).count(ACTIVE) == 1
    nothing_lost(twin, serial, machine)
