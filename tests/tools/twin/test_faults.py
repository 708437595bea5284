"""Bad-day switches, set by another connection to the registry while the twin runs."""

import json
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from device.core import fields, topics
from muster.errors import MusterError
from muster.twin import faults
from tools.twin.helpers import REGISTER, claim, new_csr, registration
from tools.twin.raw import CONNACK, PUBACK, SUBACK, Raw, connect_packet, publish_packet, subscribe_packet

OWN = "cameraDevice/cam1/"


@pytest.fixture
def fault(twin):
    return twin.registry.faults.add


def request(raw, tmp_path):
    document = {fields.SIGNING_REQUEST: new_csr(tmp_path / "key")}
    return raw.request(topics.CREATE_FROM_CSR, document)


def ask(raw, tmp_path):
    document = {fields.SIGNING_REQUEST: new_csr(tmp_path / "key")}
    raw.publish(topics.CREATE_FROM_CSR, json.dumps(document).encode(), qos=1)


def issued(twin):
    return sum(not row.is_claim for row in twin.registry.certificates.all())


@pytest.mark.parametrize(("stage", "topic"), [
    ("create-keys", topics.CREATE_KEYS), ("create-from-csr", topics.CREATE_FROM_CSR), ("register", REGISTER),
])  # fmt: skip
def test_reject(twin, fault, stage, topic):
    fault(stage, "reject", code="Boom", number=503, count=1)
    with claim(twin) as raw:
        accepted, answer = raw.request(topic, {})
        assert not accepted
        assert (answer[fields.STATUS_CODE], answer[fields.ERROR_CODE]) == (503, "Boom")
        assert twin.registry.faults.all() == [], "the count is used up"
        if stage == "create-keys":
            assert raw.request(topic, {})[0]


@pytest.mark.parametrize(("kind", "certificates"), [("ignore", 0), ("lose-answer", 1)])
def test_no_answer(twin, fault, tmp_path, kind, certificates):
    fault("create-from-csr", kind, count=1)
    with claim(twin) as raw:
        ask(raw, tmp_path)
        assert request(raw, tmp_path)[0], "the first answer to come is the second request's"
        assert raw.is_alive()
    assert issued(twin) == certificates + 1


@pytest.mark.parametrize(("kind", "certificates"), [("close-before", 0), ("close-after", 1)])
def test_close_instead_of_an_answer(twin, fault, tmp_path, kind, certificates):
    fault("create-from-csr", kind)
    with claim(twin) as raw:
        ask(raw, tmp_path)
        assert raw.is_closed()
    assert issued(twin) == certificates


def test_close_after_the_answer(twin, fault, tmp_path):
    fault("create-from-csr", "close-answered")
    with claim(twin) as raw:
        assert request(raw, tmp_path)[0]
        assert raw.is_closed()


def test_twice(twin, fault, tmp_path):
    fault("create-from-csr", "twice")
    with claim(twin) as raw:
        ask(raw, tmp_path)
        assert raw.message() == raw.message()
        assert raw.is_alive()
    assert issued(twin) == 1


def test_throttle(twin, fault, tmp_path):
    fault("create-from-csr", "throttle", number=2)
    with claim(twin) as raw:
        answers = [request(raw, tmp_path) for _ in range(3)]
    assert [accepted for accepted, _ in answers] == [True, True, False]
    assert answers[2][1][fields.STATUS_CODE] == 429
    assert answers[2][1][fields.ERROR_CODE] == "ThrottlingException"


def test_delay(twin, fault, tmp_path):
    fault("create-from-csr", "delay", number=300)
    with claim(twin) as raw:
        began = time.monotonic()
        assert request(raw, tmp_path)[0]
        assert time.monotonic() - began >= 0.29


def test_garbage_incomplete_huge(twin, fault, tmp_path):
    with claim(twin) as raw:
        fault("create-from-csr", "garbage", count=1)
        ask(raw, tmp_path)
        with pytest.raises(ValueError):
            json.loads(raw.message()[1])
        fault("create-from-csr", "incomplete", count=1)
        assert request(raw, tmp_path) == (True, {})
        fault("create-from-csr", "huge", count=1)
        ask(raw, tmp_path)
        topic, payload = raw.message()
        assert (topic, len(payload)) == (topics.accepted(topics.CREATE_FROM_CSR), 128 * 1024)
        assert fields.CERTIFICATE_PEM in json.loads(payload)


def test_stranger(twin, fault):
    fault("create-keys", "stranger", count=1)
    fault("register", "stranger", count=1)
    with claim(twin) as raw:
        _, created = raw.request(topics.CREATE_KEYS)
        assert issued(twin) == 2
        _, registered = raw.request(REGISTER, registration(created, "cam1"))
        assert registered[fields.THING_NAME] == "stranger"
    key = serialization.load_pem_private_key(created[fields.PRIVATE_KEY].encode(), None)
    certificate = x509.load_pem_x509_certificate(created[fields.CERTIFICATE_PEM].encode())
    assert key.public_key() != certificate.public_key()


def test_no_ack(twin, fault):
    fault("create-keys", "no-ack")
    with claim(twin) as raw:
        raw.send(publish_packet(topics.CREATE_KEYS, b"", qos=1))
        assert raw.message()[0] == topics.accepted(topics.CREATE_KEYS)
        assert raw.is_alive()


def test_only_one_client(twin, fault, tmp_path):
    fault("create-from-csr", "reject", client="cam2*")
    with claim(twin, "cam1") as first, claim(twin, "cam22") as second:
        assert request(first, tmp_path)[0]
        assert not request(second, tmp_path)[0]


def connecting(twin, client_id="cam1"):
    raw = Raw(twin, twin.claim_certificate_path, twin.claim_key_path)
    raw.send(connect_packet(client_id))
    return raw


def test_connect(twin, fault):
    fault("connect", "reject", number=3, count=1)
    assert connecting(twin).read() == (CONNACK, b"\x00\x03")
    fault("connect", "close-before", count=1)
    assert connecting(twin).is_closed()
    fault("connect", "close-after", count=1)
    assert connecting(twin).is_closed()
    fault("connect", "close-answered", count=1)
    raw = connecting(twin)
    assert raw.read() == (CONNACK, b"\x00\x00")
    assert raw.is_closed()
    fault("connect", "twice", count=1)
    raw = connecting(twin)
    assert raw.read() == raw.read() == (CONNACK, b"\x00\x00")
    fault("connect", "throttle", number=1)
    assert connecting(twin).read() == (CONNACK, b"\x00\x00")
    assert connecting(twin).is_closed()


def test_connect_without_an_answer(twin, fault):
    fault("connect", "ignore", count=1)
    raw = connecting(twin)
    raw.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        raw.read()


def test_subscribe(twin, fault):
    raw = connecting(twin)
    raw.read()
    wanted = [(topics.accepted(topics.CREATE_KEYS), 1)]
    fault("subscribe", "reject", count=1)
    raw.send(subscribe_packet(wanted))
    assert raw.read() == (SUBACK, b"\x00\x01\x80")
    fault("subscribe", "ignore", count=1)
    raw.send(subscribe_packet(wanted))
    assert raw.is_alive()
    fault("subscribe", "twice", count=1)
    raw.send(subscribe_packet(wanted))
    assert raw.read() == raw.read() == (SUBACK, b"\x00\x01\x01")
    fault("subscribe", "lose-answer", count=1)
    raw.send(subscribe_packet(wanted))
    assert raw.is_alive()
    fault("subscribe", "close-after", count=1)
    raw.send(subscribe_packet(wanted))
    assert raw.is_closed()


def test_publish(twin, device, fault):
    camera = device("cam1")
    raw = camera.connect()
    fault("publish", "ignore", count=1)
    raw.send(publish_packet(OWN + "a", b"", qos=1))
    assert raw.is_alive()
    assert twin.messages == []
    fault("publish", "lose-answer", count=1)
    raw.send(publish_packet(OWN + "a", b"", qos=1))
    assert raw.is_alive()
    assert len(twin.messages) == 1
    fault("publish", "twice", count=1)
    raw.send(publish_packet(OWN + "a", b"", qos=1))
    assert raw.read() == raw.read() == (PUBACK, b"\x00\x01")
    for kind, kept in (("close-before", 2), ("close-after", 3), ("reject", 3)):
        fault("publish", kind, count=1)
        raw = camera.connect()
        raw.send(publish_packet(OWN + "a", b"", qos=1))
        assert raw.is_closed()
        assert len(twin.messages) == kept


@pytest.mark.parametrize(
    ("stage", "kind"),
    [("nowhere", "reject"), ("connect", "nonsense"), ("connect", "garbage"), ("publish", "huge")],
)
def test_there_is_no_such_switch(stage, kind):
    with pytest.raises(MusterError):
        faults.check(stage, kind)


@pytest.mark.parametrize(
    ("stage", "kind", "number"),
    [
        ("connect", "reject", 300),
        ("connect", "reject", 0),
        ("connect", "delay", float("inf")),
        ("publish", "delay", -5),
        ("register", "reject", float("nan")),
        ("subscribe", "throttle", 1e400),
    ],
)
def test_a_number_must_make_sense(stage, kind, number):
    with pytest.raises(MusterError, match="must be from"):
        faults.check(stage, kind, number)


@pytest.mark.parametrize("number", [300, -1, 1e300, float("inf")])
def test_a_number_that_a_program_stored_is_replaced_by_its_default(twin, fault, number):
    fault("connect", "reject", number=number, count=1)
    assert connecting(twin).read() == (CONNACK, b"\x00\x05")
