"""A device renews itself over MQTT with the certificate that it has."""

import json
import logging
import time

import pytest

from device.core import fields, topics
from muster.fleet import hostside
from muster.registry.certificates import ACTIVE, INACTIVE, REVOKED
from muster.registry.fleet import PROVISIONED
from tools.fleet.admission_fleet import (
    DENIED,
    RENEW,
    RENEWAL_ANSWERS,
    Board,
    create,
    document,
    eventually,
    refused,
    running,
)
from tools.twin.helpers import claim
from tools.twin.raw import Closed, subscribe_packet


@pytest.fixture
def fleet(tmp_path):
    with running(tmp_path, certificate_ttl_h=1) as found:
        yield found


def test_renew_reconnect_and_the_old_one_is_refused(fleet):
    board = Board(fleet, "lamp-1")
    old = board.provision()
    raw = board.connect(old)
    accepted, new = board.renew(raw)
    assert accepted, new
    assert raw.is_alive(), "the old one is good until the new one has connected"
    assert fleet.statuses("lamp-1") == [ACTIVE, ACTIVE]
    board.connect(old)
    board.connect(new)
    assert fleet.statuses("lamp-1") == [REVOKED, ACTIVE]
    with pytest.raises(Closed):
        board.open(old).connect("lamp-1")
    assert fleet.state("lamp-1") == PROVISIONED
    assert fleet.events("lamp-1")[-2:] == ["renewal registered", "renewed"]
    board.connect(new).publish("cameraDevice/lamp-1/booted", b"{}", qos=1)


def test_a_connack_that_is_lost_leaves_the_old_certificate(fleet):
    board = Board(fleet, "lamp-1")
    old = board.provision()
    _, new = board.renew(board.connect(old))
    fleet.registry.faults.add("connect", "close-after", count=1)
    with pytest.raises(Closed):
        board.open(new).connect("lamp-1")
    board.connect(old)
    assert fleet.statuses("lamp-1") == [ACTIVE, ACTIVE]


def test_a_renewal_whose_answer_was_lost_is_repeated(fleet):
    board = Board(fleet, "lamp-1")
    old = board.provision()
    with board.connect(old) as raw:
        lost, new = board.renew(raw)[1], board.renew(raw)[1]
    assert fleet.statuses("lamp-1") == [ACTIVE, REVOKED, ACTIVE], "never more than one that has not connected"
    with pytest.raises(Closed):
        board.open(lost).connect("lamp-1")
    board.connect(new)
    assert fleet.statuses("lamp-1") == [REVOKED, REVOKED, ACTIVE]


def test_renewing_again_and_again(fleet):
    board = Board(fleet, "lamp-1")
    certificate_id = board.provision()
    for _ in range(3):
        certificate_id = board.renew(board.connect(certificate_id))[1]
    board.connect(certificate_id)
    assert fleet.statuses("lamp-1") == [REVOKED] * 3 + [ACTIVE]


def test_a_renewed_certificate_has_a_life_of_its_own(tmp_path):
    now = [time.time() - 165 * 3600]  # TLS looks at the real clock: both must be good there
    with running(tmp_path, certificate_ttl_h=168, clock=lambda: now[0]) as fleet:
        board = Board(fleet, "lamp-1")
        old = board.provision()
        now[0] += 160 * 3600
        new = board.renew(board.connect(old))[1]
        raw = board.connect(new)
        now[0] += 20 * 3600
        assert raw.is_alive(), "180 hours after the first one was made"
        now[0] += 150 * 3600
        assert raw.is_closed(), "170 hours after the second one"


def test_an_expired_certificate_cannot_renew(tmp_path):
    now = [time.time()]
    with running(tmp_path, certificate_ttl_h=1, clock=lambda: now[0]) as fleet:
        board = Board(fleet, "lamp-1")
        old = board.provision()
        now[0] += 3601
        with pytest.raises(Closed):
            board.open(old).connect("lamp-1")


def test_the_name_of_another_thing(fleet, caplog):
    board, other = Board(fleet, "lamp-1"), Board(fleet, "lamp-2")
    kept = other.provision()
    raw = board.connect(board.provision())
    with caplog.at_level(logging.WARNING, "muster.twin"):
        accepted, answer = board.renew(raw, name="lamp-2")
    assert (accepted, answer[fields.STATUS_CODE]) == (False, 403)
    assert "client id" in caplog.text
    assert fleet.registry.things.certificates_of("lamp-2") == [kept]


@pytest.mark.parametrize("status", [REVOKED, INACTIVE])
def test_a_certificate_that_is_revoked_in_the_middle(fleet, status):
    board = Board(fleet, "lamp-1")
    old = board.provision()
    raw = board.connect(old)
    raw.subscribe(*RENEWAL_ANSWERS)
    created = create(raw, fleet.folder / "k")
    fleet.registry.certificates.set_status(old, status)
    with pytest.raises((Closed, ConnectionError)):
        raw.request(RENEW, document(created, "lamp-1"))
    assert fleet.statuses("lamp-1") == [status]


def test_the_plain_claim_certificate(fleet):
    Board(fleet, "lamp-1").provision()
    with claim(fleet.twin, "lamp-1") as raw:
        raw.send(subscribe_packet([(topics.accepted(RENEW), 1)]))
        assert raw.is_closed(), "its policy does not reach the renewal template"


def test_the_claim_certificate_with_a_careless_policy(fleet, caplog):
    Board(fleet, "lamp-1").provision()
    anything = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    fleet.registry.policies.put("muster-claim", json.dumps(anything))
    with claim(fleet.twin, "lamp-1") as raw, caplog.at_level(logging.WARNING, "muster.twin"):
        raw.subscribe(*RENEWAL_ANSWERS)
        assert refused(raw, document(create(raw, fleet.folder / "k"), "lamp-1"), RENEW) == DENIED
    assert "not that of the thing" in caplog.text


def test_a_device_cannot_use_the_template_of_the_claim(fleet):
    board = Board(fleet, "lamp-1")
    raw = board.connect(board.provision())
    first = topics.register(topics.DEFAULT_TEMPLATE)
    raw.send(subscribe_packet([(topics.accepted(first), 1)]))
    assert raw.is_closed()


def test_extra_parameters_are_refused(fleet):
    board = Board(fleet, "lamp-1")
    raw = board.connect(board.provision())
    raw.subscribe(*RENEWAL_ANSWERS)
    created = create(raw, fleet.folder / "k")
    assert refused(raw, document(created, "lamp-1", site="mine"), RENEW) == DENIED
    assert raw.request(RENEW, document(created, "lamp-1"))[0], "a refusal does not use the token up"


def test_deprovisioning_closes_the_connection_and_ends_renewing(fleet):
    board = Board(fleet, "lamp-1")
    old = board.provision()
    raw = board.connect(old)
    new = board.renew(raw)[1]
    hostside.deprovision(fleet.registry, "lamp-1")
    assert raw.is_closed()
    for certificate_id in (old, new):
        with pytest.raises(Closed):
            board.open(certificate_id).connect("lamp-1")


def test_a_thing_without_a_registry_renews_as_well(tmp_path):
    with running(tmp_path, is_filled=False) as fleet:
        board = Board(fleet, "camera-7", key=b"")
        old = board.provision()
        new = board.renew(board.connect(old))[1]
        board.connect(new)
        assert eventually(lambda: fleet.statuses("camera-7") == [REVOKED, ACTIVE])


def test_the_answer_names_the_thing(fleet):
    board = Board(fleet, "lamp-1")
    raw = board.connect(board.provision())
    raw.subscribe(*RENEWAL_ANSWERS)
    created = create(raw, fleet.folder / "k")
    assert raw.request(RENEW, document(created, "lamp-1")) == (True, {fields.THING_NAME: "lamp-1"})


def test_a_key_from_the_cloud_will_do_as_well(fleet):
    board = Board(fleet, "lamp-1")
    raw = board.connect(board.provision())
    raw.subscribe(topics.accepted(topics.CREATE_KEYS), *RENEWAL_ANSWERS)
    accepted, created = raw.request(topics.CREATE_KEYS)
    assert accepted
    assert raw.request(RENEW, document(created, "lamp-1"))[0]
