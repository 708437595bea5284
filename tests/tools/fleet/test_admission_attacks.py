"""Attacks on a twin whose registry has a group, each with the claim certificate in the thief's hand."""

import json
import logging
import time

import pytest

from device.claim import provision
from device.core import fields
from muster.enrolment import secrets
from muster.fleet import groups, hostside
from muster.registry.certificates import ACTIVE, INACTIVE, PENDING_ACTIVATION, REVOKED
from muster.registry.fleet import CREATED, PROVISIONED
from tools.fleet.admission_fleet import (
    DENIED,
    GROUP,
    Board,
    create,
    document,
    expired,
    refused,
    running,
)
from tools.twin.helpers import REGISTER, claim


@pytest.fixture
def fleet(tmp_path):
    with running(tmp_path) as found:
        yield found


@pytest.fixture
def stranger(fleet):
    """A connection with the claim certificate that calls itself lamp-1."""
    with claim(fleet.twin, "lamp-1") as raw:
        yield raw


def new(fleet, raw):
    return create(raw, fleet.folder / "thief.key")


def right(fleet, created, name="lamp-1"):
    return provision.proof(fleet.key(name), created[fields.CERTIFICATE_ID])


def untouched(fleet, created):
    """Nothing came of it."""
    assert fleet.registry.certificates.get(created[fields.CERTIFICATE_ID]).status == PENDING_ACTIVATION
    assert fleet.registry.things.names() == []
    assert fleet.state("lamp-1") == CREATED


def test_the_claim_certificate_alone(fleet, stranger, caplog):
    created = new(fleet, stranger)
    with caplog.at_level(logging.WARNING, "muster.twin"):
        assert refused(stranger, document(created, "lamp-1")) == DENIED
    untouched(fleet, created)
    assert "proof of lamp-1 is missing or wrong" in caplog.text


def test_a_name_that_is_not_in_the_registry(fleet, caplog):
    with claim(fleet.twin, "lamp-9") as raw:
        created = new(fleet, raw)
        proof = provision.proof(secrets.enrolment_key(fleet.secret, "lamp-9"), created[fields.CERTIFICATE_ID])
        with caplog.at_level(logging.WARNING, "muster.twin"):
            assert refused(raw, document(created, "lamp-9", proof)) == DENIED
    untouched(fleet, created)
    assert "'lamp-9' is not in the registry" in caplog.text
    assert proof not in caplog.text


def test_the_enrolment_key_of_another_device(fleet, stranger):
    created = new(fleet, stranger)
    assert refused(stranger, document(created, "lamp-1", right(fleet, created, "lamp-2"))) == DENIED
    untouched(fleet, created)


def test_a_stolen_board_can_only_be_itself(fleet):
    with claim(fleet.twin, "lamp-2") as raw:
        created = new(fleet, raw)
        assert refused(raw, document(created, "lamp-1", right(fleet, created, "lamp-1"))) == DENIED
    untouched(fleet, created)


def test_the_group_secret_itself_is_no_key(fleet, stranger):
    created = new(fleet, stranger)
    proof = provision.proof(fleet.secret.encode(), created[fields.CERTIFICATE_ID])
    assert refused(stranger, document(created, "lamp-1", proof)) == DENIED


def test_the_replay_of_a_proof_seen_for_another_certificate(fleet, stranger):
    seen = right(fleet, new(fleet, stranger))
    created = new(fleet, stranger)
    assert refused(stranger, document(created, "lamp-1", seen)) == DENIED
    untouched(fleet, created)


def test_the_token_of_another_certificate_does_not_help_a_replay(fleet, stranger):
    first, second = new(fleet, stranger), new(fleet, stranger)
    mixed = {**second, fields.CERTIFICATE_ID: first[fields.CERTIFICATE_ID]}
    assert refused(stranger, document(mixed, "lamp-1", right(fleet, first))) == DENIED
    untouched(fleet, second)


def test_a_name_that_is_provisioned_is_taken_even_with_the_right_key(fleet, caplog):
    board = Board(fleet, "lamp-1")
    certificate_id = board.provision()
    assert fleet.state("lamp-1") == PROVISIONED
    with claim(fleet.twin, "lamp-1") as stranger, caplog.at_level(logging.WARNING, "muster.twin"):
        created = new(fleet, stranger)
        assert refused(stranger, document(created, "lamp-1", right(fleet, created))) == DENIED
    assert "already provisioned: deprovision it first" in caplog.text
    assert fleet.registry.things.certificates_of("lamp-1") == [certificate_id]
    board.connect(certificate_id)
    hostside.deprovision(fleet.registry, "lamp-1")
    again = board.provision()
    assert fleet.statuses("lamp-1") == [REVOKED, ACTIVE]
    board.connect(again)


def test_the_claim_certificate_alone_after_the_end_of_a_devices_certificate(tmp_path):
    with expired(tmp_path) as (fleet, _, certificate_id), claim(fleet.twin, "lamp-1") as stranger:
        created = new(fleet, stranger)
        for proof in (
            None,
            right(fleet, created, "lamp-2"),
            right(fleet, {fields.CERTIFICATE_ID: certificate_id}),
        ):
            assert refused(stranger, document(created, "lamp-1", proof)) == DENIED
        assert fleet.registry.certificates.get(created[fields.CERTIFICATE_ID]).status == PENDING_ACTIVATION
        assert fleet.registry.things.certificates_of("lamp-1") == [certificate_id]
        assert fleet.statuses("lamp-1") == [ACTIVE]


@pytest.mark.parametrize("status", [REVOKED, INACTIVE])
def test_a_name_whose_expired_certificate_a_person_has_withdrawn(tmp_path, status, caplog):
    with expired(tmp_path) as (fleet, board, certificate_id):
        fleet.registry.certificates.set_status(certificate_id, status)
        with caplog.at_level(logging.WARNING, "muster.twin"):
            assert not board.register()[0]
        assert "already provisioned: deprovision it first" in caplog.text
        assert fleet.statuses("lamp-1") == [status]


def test_a_retired_device_whose_certificate_has_expired(tmp_path):
    with expired(tmp_path) as (fleet, board, _):
        hostside.retire(fleet.registry, "lamp-1")
        assert not board.register()[0]


def test_a_name_is_taken_again_once_the_board_has_its_second_certificate(tmp_path):
    with expired(tmp_path) as (fleet, board, _):
        board.provision()
        assert not board.register()[0]
        assert fleet.statuses("lamp-1") == [REVOKED, ACTIVE]


def test_the_end_of_a_certificate_that_was_renewed_opens_nothing(tmp_path):
    now = [time.time() - 3000]  # TLS looks at the real clock: both certificates must be good there
    with running(tmp_path, certificate_ttl_h=1, clock=lambda: now[0]) as fleet:
        board = Board(fleet, "lamp-1")
        old = board.provision()
        now[0] += 2900
        raw = board.connect(board.renew(board.connect(old))[1])
        now[0] += 800
        assert raw.is_alive()
        assert not board.register()[0]


def test_a_retired_device(fleet, stranger):
    hostside.retire(fleet.registry, "lamp-1")
    created = new(fleet, stranger)
    assert refused(stranger, document(created, "lamp-1", right(fleet, created))) == DENIED


def test_a_board_with_the_old_key_after_the_secret_was_refreshed(fleet):
    settled, old = Board(fleet, "lamp-1"), Board(fleet, "lamp-2")
    in_use = settled.provision()
    groups.refresh_secret(fleet.registry, fleet.vault, GROUP, time.time())
    accepted, answer = old.register()
    assert not accepted
    assert answer[fields.STATUS_CODE] == 403
    assert fleet.state("lamp-1") == PROVISIONED, "provisioned boards stay provisioned"
    renewed = settled.renew(settled.connect(in_use))
    assert renewed[0], "and renew"
    Board(fleet, "lamp-2").provision()  # its image made again
    assert fleet.state("lamp-2") == PROVISIONED


def test_a_board_with_the_old_key_after_it_was_moved(fleet):
    board = Board(fleet, "lamp-1")
    groups.add(fleet.registry, fleet.vault, "other", 0)
    fleet.registry.devices.move("lamp-1", "other")
    assert not board.register()[0]


@pytest.mark.parametrize(
    ("serial", "client_id"),
    [
        (None, "lamp-1"),
        ("", "lamp-1"),
        ("LAMP-1", "LAMP-1"),
        ("Lamp-1", "lamp-1"),
        (" lamp-1", "lamp-1"),
        ("lamp-1\x00", "lamp-1"),
        ("lamp-\u0661", "lamp-1"),
        ("l\u0430mp-1", "l\u0430mp-1"),  # a Cyrillic a
        ("\uff4camp-1", "lamp-1"),  # full width
        ("lamp\u20101", "lamp-1"),  # another dash
        ("lamp-1", "lamp-2"),
        ("lamp-%", "lamp-%"),
        ("*", "*"),
        ("lamp-1' OR '1'='1", "lamp-1"),
        ("lamp-1" * 2000, "lamp-1"),
    ],
)
def test_tricks_with_the_name(fleet, serial, client_id):
    with claim(fleet.twin, client_id) as raw:
        created = new(fleet, raw)
        request = document(created, serial or "", right(fleet, created))
        if serial is None:
            del request[fields.PARAMETERS][fields.PARAMETER_SERIAL]
        assert refused(raw, request) == DENIED
        untouched(fleet, created)


@pytest.mark.parametrize(
    "more",
    [
        {"SerialID": "lamp-1"},
        {"AWS::IoT::Certificate::Id": "ab" * 32},
        {"x" * 1000: "y"},
        {"x": "y" * 60_000},
        {f"p{number}": "x" for number in range(2000)},
    ],
    ids=["case", "aws", "long name", "long value", "many"],
)
def test_extra_and_huge_parameters(fleet, stranger, more):
    created = new(fleet, stranger)
    assert refused(stranger, document(created, "lamp-1", right(fleet, created), **more)) == DENIED
    untouched(fleet, created)
    assert stranger.request(REGISTER, document(created, "lamp-1", right(fleet, created)))[0], "still alive"


@pytest.mark.parametrize("proof", ["", "0" * 64, "0" * 60_000, "\ud83d\ude00", "x", "UPPER"])
def test_malformed_proofs(fleet, stranger, proof):
    created = new(fleet, stranger)
    proof = right(fleet, created).upper() if proof == "UPPER" else proof
    assert refused(stranger, document(created, "lamp-1", proof)) == DENIED


@pytest.mark.parametrize("parameters", [None, [], {"serialID": 7}, {"serialID": ["lamp-1"]}, {}])
def test_parameters_of_the_wrong_type(fleet, stranger, parameters):
    created = new(fleet, stranger)
    request = {fields.OWNERSHIP_TOKEN: created[fields.OWNERSHIP_TOKEN], fields.PARAMETERS: parameters}
    assert refused(stranger, request)[0] in (400, 403)
    untouched(fleet, created)


def test_what_the_board_says_about_itself_does_not_count(fleet, stranger):
    body = json.loads(fleet.registry.templates.get("CameraProvisioningTemplate").body)
    body["Resources"]["thing"]["Properties"]["AttributePayload"] = {"room": {"Ref": "room"}}
    fleet.registry.templates.put("CameraProvisioningTemplate", json.dumps(body))
    fleet.registry.devices.set_parameters("lamp-1", {"room": "2"})
    created = new(fleet, stranger)
    asked = document(created, "lamp-1", right(fleet, created), room="director")
    assert stranger.request(REGISTER, asked)[0]
    assert fleet.registry.things.get("lamp-1").attributes == {"room": "2"}


def test_a_template_that_renames_the_thing_is_refused(fleet, stranger):
    body = json.loads(fleet.registry.templates.get("CameraProvisioningTemplate").body)
    body["Resources"]["thing"]["Properties"]["ThingName"] = "lamp-2"
    fleet.registry.templates.put("CameraProvisioningTemplate", json.dumps(body))
    created = new(fleet, stranger)
    assert refused(stranger, document(created, "lamp-1", right(fleet, created))) == DENIED
    untouched(fleet, created)


def test_an_operators_hook_cannot_overrule_the_registry(tmp_path):
    def hook(event):
        return {"allowProvisioning": True, "parameterOverrides": {"serialID": "lamp-2", "site": "hall"}}

    with running(tmp_path, hook=hook) as fleet:
        with claim(fleet.twin, "lamp-1") as raw:
            created = new(fleet, raw)
            assert refused(raw, document(created, "lamp-1")) == DENIED
            accepted, answer = raw.request(REGISTER, document(created, "lamp-1", right(fleet, created)))
        assert accepted
        assert answer[fields.THING_NAME] == "lamp-1"


def test_a_lost_key_of_the_registry_denies_and_does_not_crash(fleet, stranger, caplog):
    created = new(fleet, stranger)
    proof = right(fleet, created)
    (fleet.twin.home.root / secrets.KEY_FILE).chmod(0o644)
    with caplog.at_level(logging.WARNING, "muster.twin"):
        assert refused(stranger, document(created, "lamp-1", proof)) == DENIED
    assert "chmod 600" in caplog.text
