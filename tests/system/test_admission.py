"""Boards and a registry that has groups: with its enrolment key a board comes in, whatever happens."""

import os
import time
from types import SimpleNamespace

import pytest

from device.core import fields, paths, topics
from muster.enrolment import secrets
from muster.fleet import devices, groups, hostside
from muster.fleet.identity_files import Place
from muster.registry.certificates import ACTIVE, REVOKED
from muster.registry.fleet import CREATED, PROVISIONED
from muster.twin.server import running_twin
from tests.system import rig
from tests.system.records import record_relay
from tools.fleet.admission_fleet import Board

GROUP = "garden-lights"
_MESSAGE_STEP = 1 if os.environ.get("MUSTER_SWEEP") == "full" else 7


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """A twin of our own: the group makes it refuse the boards of the other tests."""
    with running_twin(tmp_path_factory.mktemp("twin")) as running:
        groups.add(running.registry, secrets.Vault(running.home.root), GROUP, time.time())
        yield running


def key(twin, name):
    group = twin.registry.groups.get(GROUP)
    return secrets.enrolment_key(secrets.Vault(twin.home.root).unlock(group.secret), name)


def flash(path, twin, name, enrolment_key=None, mode=fields.KEYS_CLOUD, **more):
    """The image of a device, which is added to the registry unless it is there."""
    devices.add(twin.registry, GROUP, name, time.time())
    secret = key(twin, name) if enrolment_key is None else enrolment_key
    provisioning = {fields.KEYS: mode, fields.ENROLMENT_KEY: secret.hex()}
    return rig.flash(path, twin, name, provisioning=provisioning, **more)


def state(twin, name):
    return twin.registry.devices.get(name).state


@pytest.mark.parametrize("mode", [fields.KEYS_CLOUD, fields.KEYS_DEVICE])
def test_a_board_with_its_key_provisions(twin, serial, tmp_path, mode):
    path = flash(tmp_path / "flash.img", twin, serial, mode=mode)
    before = rig.certificate_ids(twin)
    machine = rig.boot_to_the_end(path)
    rig.check_provisioned(path, twin, serial, before)
    assert state(twin, serial) == PROVISIONED
    twin.wait_for_publish(topics.booted(topics.DEFAULT_PREFIX, serial))
    assert key(twin, serial).hex() not in machine.console


@pytest.mark.parametrize("wrong", [b"x" * 32, None], ids=["wrong key", "no key"])
def test_a_board_without_its_key_is_refused_and_says_so(twin, serial, tmp_path, wrong):
    path = flash(tmp_path / "flash.img", twin, serial, wrong)
    if wrong is None:
        rig.flash(path, twin, serial)
    with rig.board(path) as machine:
        line = machine.wait_for("AccessDenied")
    assert "403" in line
    assert state(twin, serial) == CREATED
    assert twin.registry.things.get(serial) is None
    rig.boot_to_the_end(flash(path, twin, serial))
    assert state(twin, serial) == PROVISIONED


def test_a_board_whose_answer_was_lost_ends_provisioned(twin, serial, tmp_path):
    path = flash(tmp_path / "flash.img", twin, serial)
    before = rig.certificate_ids(twin)
    twin.registry.faults.add("register", "close-after", client=serial, count=1)
    rig.boot_to_the_end(path)
    rig.check_provisioned(path, twin, serial, before)
    assert state(twin, serial) == PROVISIONED


def test_a_board_that_is_flashed_again_before_it_ever_connected(twin, serial, tmp_path):
    path = flash(tmp_path / "flash.img", twin, serial)
    first = Board(SimpleNamespace(twin=twin, folder=tmp_path), serial, key(twin, serial))
    assert first.register()[0], "and then nothing more is heard of it"
    assert state(twin, serial) == CREATED
    rig.boot_to_the_end(path)
    assert state(twin, serial) == PROVISIONED
    assert [row.status for row in twin.registry.certificates.of_thing(serial)] == [REVOKED, ACTIVE]


def test_a_board_that_is_flashed_again_later_needs_a_person(twin, serial, tmp_path):
    path = flash(tmp_path / "flash.img", twin, serial)
    rig.boot_to_the_end(path)
    flash(path, twin, serial)
    with rig.board(path) as machine:
        machine.wait_for("AccessDenied")
    hostside.deprovision(twin.registry, serial)
    rig.boot_to_the_end(path)
    assert state(twin, serial) == PROVISIONED


@pytest.mark.sweep
@pytest.mark.parametrize("mode", [fields.KEYS_CLOUD, fields.KEYS_DEVICE])
def test_a_power_cut_at_a_message_does_not_lock_a_board_out(twin, serial, tmp_path, mode, capsys):
    with record_relay(twin.port) as relay:
        whole = flash(tmp_path / "whole.img", twin, serial, mode=mode, port=relay.port)
        rig.boot_to_the_end(whole)
        messages = relay.records
        cuts = range(1, messages + 1, _MESSAGE_STEP)
        for number in cuts:
            name = f"{serial}-{number}"
            path = flash(tmp_path / "cut.img", twin, name, mode=mode, port=relay.port)
            before = rig.certificate_ids(twin)
            rig.boot_cut_at(path, relay, number)
            rig.boot_to_the_end(path)
            rig.check_provisioned(path, twin, name, before)
            assert state(twin, name) == PROVISIONED
    with capsys.disabled():
        print(f"\n{mode} keys, with admission: {len(cuts)} power cuts over {messages} TLS records")


def test_an_identity_from_the_host_boots(twin, serial, tmp_path):
    devices.add(twin.registry, GROUP, serial, time.time())
    place = Place(tmp_path, "localhost", twin.port)
    issued = hostside.provision(twin.registry, twin.home.root, serial, place)
    files = {f"{paths.CERT}/{path.name}": path.read_bytes() for path in issued.files}
    path = tmp_path / "flash.img"
    path.write_bytes(rig.build(rig.documents(twin.port, serial), extra=files))
    before = rig.certificate_ids(twin) - {issued.certificate_id}
    rig.boot_to_the_end(path)
    rig.check_provisioned(path, twin, serial, before)
    twin.wait_for_publish(topics.booted(topics.DEFAULT_PREFIX, serial))
