"""Renewal on the virtual board: its certificate is replaced over its own connection, and nothing is lost."""

import json

import pytest

from device.core import fields, paths
from muster.registry.certificates import ACTIVE, REVOKED
from muster.relay import Relay
from muster.twin.server import running_twin
from tests.system import mishaps, renewals, rig


@pytest.fixture(scope="module")
def short_twin(tmp_path_factory):
    """A twin whose certificates live a minute."""
    with running_twin(tmp_path_factory.mktemp("short-twin"), renewals.settings(60)) as running:
        yield running


@pytest.mark.parametrize("mode", renewals.MODES)
def test_it_renews_over_its_own_connection(renewing_twin, serial, tmp_path, mode):
    twin, path = renewing_twin, tmp_path / "flash.img"
    before = renewals.due(path, twin, serial, mode)
    renewals.without_claim(path)
    with mishaps.powered(path) as machine:
        machine.wait_for("renew      the certificate is good for ")
        machine.wait_for(renewals.BEGINS)
        machine.wait_for(renewals.RENEWED)
        renewals.goes_on(machine)
        assert "Trying again" not in machine.console
    after = mishaps.identity(path)
    assert renewals.statuses(twin, serial) == {before: REVOKED, after: ACTIVE}
    renewals.nothing_lost(twin, serial, machine)
    files = rig.on_flash(path)
    assert not [name for name in files if name.startswith(paths.TRIAL)]
    told = json.loads(files[paths.PROVISION])
    assert told[fields.DEVICE_CONFIGURATION], "the renewal's template has none: the application's stays"
    assert told[fields.CERTIFICATE_ID] == after


def test_there_is_memory_for_it(renewing_twin, serial, tmp_path):
    """With everything on, 32 bits, and an application; the page makes room."""
    mishaps.need_interpreter(32)
    path = tmp_path / "flash.img"
    before = renewals.due(path, renewing_twin, serial)
    with mishaps.powered(path, bits=32, heap_kb=256) as machine:
        machine.wait_for(renewals.RENEWED)
        renewals.goes_on(machine)
        assert "not enough memory" not in machine.console
    assert renewals.statuses(renewing_twin, serial).pop(before) == REVOKED


def test_a_wrong_clock_renews_nothing(renewing_twin, serial, tmp_path):
    twin, path = renewing_twin, tmp_path / "flash.img"
    before = renewals.due(path, twin, serial)
    with mishaps.powered(path, environment={"NTP": "fail"}) as machine:
        mishaps.complaint(machine, "renew", "not renewed: the time is not known; allow NTP")
        renewals.goes_on(machine)
        mishaps.still_runs(machine)
        assert machine.console.count("not renewed") == 1 and renewals.BEGINS not in machine.console
    assert mishaps.identity(path) == before and renewals.statuses(twin, serial) == {before: ACTIVE}


@pytest.mark.parametrize("stage", ["create-from-csr", "register"])
def test_a_refused_renewal_is_tried_again(renewing_twin, serial, tmp_path, stage):
    twin, path = renewing_twin, tmp_path / "flash.img"
    before = renewals.due(path, twin, serial)
    renewals.without_claim(path)
    twin.registry.faults.add(stage, "reject", number=403, client=serial, count=2)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "renew", "refused on", "403", "good for", "Trying again in")
        machine.wait_for(renewals.RENEWED)
        renewals.goes_on(machine)
    assert renewals.statuses(twin, serial) == {before: REVOKED, mishaps.identity(path): ACTIVE}
    renewals.nothing_lost(twin, serial, machine)


def test_a_policy_that_forbids_it_leaves_the_claim(renewing_twin, serial, tmp_path):
    """The template of ento.conf is not the one that the device's policy allows."""
    twin, path = renewing_twin, tmp_path / "flash.img"
    before = renewals.due(path, twin, serial, **{fields.RENEWAL_TEMPLATE: "Another"})
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "renew", "closed the connection", "trying with the claim credentials")
        machine.wait_for(renewals.RENEWED)
        renewals.goes_on(machine)
    assert renewals.statuses(twin, serial) == {before: ACTIVE, mishaps.identity(path): ACTIVE}
    renewals.nothing_lost(twin, serial, machine)


def test_a_policy_that_forbids_it_and_no_claim(renewing_twin, serial, tmp_path):
    twin, path = renewing_twin, tmp_path / "flash.img"
    before = renewals.due(path, twin, serial, **{fields.RENEWAL_TEMPLATE: "Another"})
    renewals.without_claim(path)
    with mishaps.powered(path) as machine:
        for _ in range(2):
            start = len(machine.lines)
            mishaps.complaint(machine, "renew", "closed the connection", "Trying again in", start=start)
            renewals.goes_on(machine)
    assert mishaps.identity(path) == before and renewals.statuses(twin, serial) == {before: ACTIVE}
    renewals.nothing_lost(twin, serial, machine)


def test_a_new_certificate_that_is_refused_falls_back(renewing_twin, serial, tmp_path):
    twin, path = renewing_twin, tmp_path / "flash.img"
    before = renewals.due(path, twin, serial)
    renewals.without_claim(path)
    twin.registry.faults.add("register", "delay", number=1000, client=serial, count=1)
    with mishaps.powered(path) as machine:
        machine.wait_for(renewals.ASKED)
        twin.registry.faults.add("connect", "reject", client=serial, count=1)
        mishaps.complaint(machine, "renew", "connect with the new certificate", "Trying again in")
        start = len(machine.lines)
        machine.wait_for("mqtt       connected to", start=start)
        renewals.goes_on(machine)
        machine.wait_for(renewals.RENEWED)
    after = mishaps.identity(path)
    assert after != before and renewals.statuses(twin, serial) == {before: REVOKED, after: ACTIVE}
    renewals.nothing_lost(twin, serial, machine)


def test_a_cloud_that_was_quicker_than_the_board(renewing_twin, serial, tmp_path):
    """The old certificate is revoked when power comes back, and the new one was never used."""
    twin, path = renewing_twin, tmp_path / "flash.img"
    before = renewals.due(path, twin, serial)
    renewals.without_claim(path)
    twin.registry.faults.add("register", "delay", number=1000, client=serial, count=1)
    with mishaps.powered(path) as machine:
        machine.wait_for(renewals.ASKED)
        twin.registry.faults.add("connect", "reject", client=serial)
        mishaps.complaint(machine, "renew", "connect with the new certificate", "Trying again in")
    twin.registry.faults.clear()
    twin.registry.certificates.set_status(before, REVOKED)
    with mishaps.powered(path, environment={"NTP": "fail"}) as machine:
        mishaps.complaint(machine, "provision", "the certificate is probably revoked")
        machine.wait_for(rig.DONE)
        renewals.goes_on(machine)
    assert renewals.statuses(twin, serial) == {before: REVOKED, mishaps.identity(path): ACTIVE}


def test_a_link_that_is_lost_in_the_middle(renewing_twin, serial, tmp_path):
    twin, path = renewing_twin, tmp_path / "flash.img"
    with Relay("127.0.0.1", twin.port) as relay:
        before = renewals.due(path, twin, serial, port=relay.port)
        renewals.without_claim(path)
        twin.registry.faults.add("register", "delay", number=1000, client=serial, count=1)
        with mishaps.powered(path) as machine:
            machine.wait_for(renewals.ASKED)
            relay.refuse = True
            relay.cut_after_total = relay.bytes_up + relay.bytes_down + 1
            mishaps.complaint(machine, "renew", "Trying again in")
            mishaps.complaint(machine, "mqtt", "Trying again in")
            relay.refuse = False
            machine.wait_for(renewals.RENEWED)
            renewals.goes_on(machine)
    assert renewals.statuses(twin, serial).pop(before) == REVOKED
    assert list(renewals.statuses(twin, serial).values()).count(ACTIVE) == 1
    renewals.nothing_lost(twin, serial, machine)


def test_a_life_of_a_minute_is_renewed_five_times(short_twin, serial, tmp_path):
    """Both key modes side by side; never more than two certificates are active."""
    twin, times = short_twin, 5
    serials = {mode: f"{serial}-{mode}" for mode in renewals.MODES}
    images = {mode: tmp_path / mode / "flash.img" for mode in renewals.MODES}
    most = dict.fromkeys(renewals.MODES, 0)
    for mode, path in images.items():
        path.parent.mkdir()
        renewals.flash(path, twin, serials[mode], mode)
    with mishaps.crowd(images) as machines:
        begins = dict.fromkeys(machines, 0)
        for _ in range(times):
            for mode, machine in machines.items():
                machine.wait_for(renewals.RENEWED, start=begins[mode])
                begins[mode] = 1 + max(
                    at for at, line in enumerate(machine.lines) if renewals.RENEWED in line
                )
                active = list(renewals.statuses(twin, serials[mode]).values()).count(ACTIVE)
                most[mode] = max(most[mode], active)
                assert 1 <= active <= 2
        for machine in machines.values():
            renewals.goes_on(machine)
            assert "the certificate is not renewed" not in machine.console
            assert "Trying again" not in machine.console, machine.console
    for mode, path in images.items():
        found = renewals.statuses(twin, serials[mode])
        assert len(found) > times and found.pop(mishaps.identity(path)) == ACTIVE
        assert set(found.values()) == {REVOKED}
        renewals.nothing_lost(twin, serials[mode], machines[mode])
        kept = {name.split("/")[-2] for name in rig.on_flash(path) if name.startswith(paths.KEPT)}
        assert len(kept) == 1, "of the old identities one is kept"
