"""Requests that no honest board sends, and what happens while a request waits."""

import asyncio
import json
import sqlite3

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from device.core import fields, topics
from muster.enrolment.registrar import Registrar
from muster.registry import Registry
from muster.registry.certificates import PENDING_ACTIVATION, REVOKED
from muster.registry.fleet import Group
from muster.twin import home
from muster.twin import hook as hooks
from muster.twin.claiming import Claiming
from muster.twin.keypool import KeyPool
from muster.twin.provisioning import Caller, Provisioning
from muster.twin.registration import RejectedError
from muster.twin.settings import DEFAULT_TEMPLATE
from tools.twin.helpers import REGISTER, claim, new_csr, quick, registration, wait_until
from tools.twin.other_process import OtherProcess
from tools.twin.raw import PUBACK, PUBLISH, publish_packet


class Service:
    """The provisioning service of a home of its own, asked without a connection."""

    def __init__(self, folder, **settings):
        self.settings = quick(**settings)
        authority = home.prepare(folder, self.settings)
        self.registry = Registry(folder, busy_ms=1)
        registrar = Registrar(self.registry, folder, self.settings)
        claiming = Claiming(self.registry, authority, self.settings)
        self.asked = Provisioning(self.registry, authority, KeyPool(1), self.settings, registrar, claiming)
        (claim_certificate,) = self.registry.certificates.all()
        self.caller = Caller(claim_certificate.certificate_id, "cam1")

    def created(self):
        return self.asked._issue(ec.generate_private_key(ec.SECP256R1()).public_key())

    async def register(self, document, name=DEFAULT_TEMPLATE):
        payload = document if isinstance(document, bytes) else json.dumps(document).encode()
        return await self.asked.register(name, payload, self.caller)

    def refused(self, document):
        with pytest.raises(RejectedError) as refusal:
            asyncio.run(self.register(document))
        return refusal.value.document[fields.STATUS_CODE]


@pytest.fixture
def service(tmp_path):
    return Service(tmp_path)


LONE_SURROGATE = '{"%s": "\\ud800", "parameters": {"serialID": "\\ud800"}}'


@pytest.mark.parametrize(
    "payload",
    [
        b"[" * 60_000,
        b'{"a":' * 20_000,
        (LONE_SURROGATE % fields.OWNERSHIP_TOKEN).encode(),
        b'{"\\udfff": 1}',
        b'{"a": "\xed\xa0\x80"}',  # a surrogate that stands there itself
        json.dumps({}).encode("utf-16"),
        b'{"a": ' + b"1" * 5000 + b"}",
        b"",
    ],
    ids=[
        "deep list",
        "deep object",
        "surrogate",
        "surrogate key",
        "raw surrogate",
        "UTF-16",
        "huge",
        "empty",
    ],
)
@pytest.mark.parametrize("topic", [topics.CREATE_KEYS, topics.CREATE_FROM_CSR, REGISTER])
def test_a_payload_that_cannot_be_read_is_the_askers_fault(service, topic, payload):
    async def ask():
        if topic == topics.CREATE_KEYS:
            return await service.asked.create_keys(payload)
        if topic == topics.CREATE_FROM_CSR:
            return await service.asked.create_from_csr(payload)
        return await service.register(payload)

    if topic == topics.CREATE_KEYS and not payload:
        return  # an empty request is a good one
    with pytest.raises(RejectedError) as refusal:
        asyncio.run(ask())
    assert refusal.value.document[fields.STATUS_CODE] == 400


@pytest.mark.parametrize("parameters", [[], "", 0, False, {"serialID": None}, {"serialID": ["x"]}])
def test_parameters_of_a_wrong_type(service, parameters):
    document = {**registration(service.created(), "cam1"), fields.PARAMETERS: parameters}
    assert service.refused(document) == 400


def test_a_good_escape_is_no_surrogate(service):
    document = registration(service.created(), "cam1")
    document[fields.PARAMETERS]["emoji"] = "\U0001f600"
    assert b"\\ud83d" in json.dumps(document).encode()
    assert asyncio.run(service.register(document))[fields.THING_NAME] == "cam1"


def test_a_strange_serial_in_a_guarded_registry_is_refused(service):
    service.registry.groups.add(Group("hall", b"", 0, 0))
    document = registration(service.created(), "\ud800")
    assert service.refused(document) == 400
    document = registration(service.created(), "\0")
    assert service.refused(document) == 403


@pytest.mark.parametrize(
    "change",
    [
        {"Parameters": []},
        {"Parameters": {"serialID": 1, "other": 2}},
        {"Mappings": 3},
        {"DeviceConfiguration": {"a": {"Fn::FindInMap": ["x", "y", "z"]}}},
        {"DeviceConfiguration": {"a": {"Fn::Join": ["-", 3]}}},
        {"Resources": {"c": {"Type": "AWS::IoT::Certificate", "Properties": 3}}},
        {"Resources": {"t": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": "a", "ThingGroups": 3}}}},
        {"Resources": {"t": {"Type": "AWS::IoT::Thing", "OverrideSettings": 3}}},
        {"Resources": {"t": {"Type": ["AWS::IoT::Thing"]}}},
    ],
    ids=lambda change: json.dumps(change)[:60],
)
def test_a_template_of_a_wrong_shape_is_named(service, change):
    body = json.loads(service.registry.templates.get(DEFAULT_TEMPLATE).body)
    service.registry.templates.put(DEFAULT_TEMPLATE, json.dumps({**body, **change}))
    document = registration(service.created(), "cam1")
    if change == {"Mappings": 3}:  # nothing asks for it
        asyncio.run(service.register(document))
    else:
        assert service.refused(document) == 400


@pytest.mark.parametrize("how", ["revoked", "expired", "deleted"])
def test_a_caller_whose_certificate_ended_while_it_waited_is_refused(tmp_path, how):
    now_s = [1_800_000_000.0]

    def hook(event):  # runs beside, as a slow one does
        other = Registry(tmp_path)
        if how == "revoked":
            other.certificates.set_status(event["claimCertificateId"], REVOKED)
        elif how == "deleted":
            other.certificates.delete(event["claimCertificateId"])
        else:
            now_s[0] = other.certificates.get(event["claimCertificateId"]).not_after_s
        other.close()
        return {hooks.ALLOW: True}

    service = Service(tmp_path, hook=hook, clock=lambda: now_s[0], token_life_s=1e9)
    created = service.created()
    assert service.refused(registration(created, "cam1")) == 403
    assert service.registry.certificates.get(created[fields.CERTIFICATE_ID]).status == PENDING_ACTIVATION
    assert service.registry.things.names() == []


def test_a_registry_that_cannot_be_written_is_the_twins_fault_in_one_line(service, monkeypatch, caplog):
    document = registration(service.created(), "cam1")

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    database = service.registry._database
    monkeypatch.setattr(database, "_connection", Wrapped(database._connection, full))
    assert service.refused(document) == 500
    (line,) = caplog.messages
    assert line.startswith("a request failed: ") and "make room" in line


class Wrapped:
    def __init__(self, connection, begin):
        self._connection, self._begin = connection, begin

    def execute(self, sql, values=()):
        return self._begin() if sql.startswith("BEGIN") else self._connection.execute(sql, values)

    def __getattr__(self, name):
        return getattr(self._connection, name)


def test_other_clients_are_served_while_another_process_writes(start, tmp_path):
    twin = start()
    with claim(twin, "cam1") as waiting, claim(twin, "cam2") as other:
        with OtherProcess(twin.home.root):
            request = json.dumps({fields.SIGNING_REQUEST: new_csr(tmp_path / "key")}).encode()
            waiting.publish(topics.CREATE_FROM_CSR, request, qos=1)
            for _ in range(3):
                assert other.is_alive()
        assert waiting.message()[0] == topics.accepted(topics.CREATE_FROM_CSR)


def test_a_boot_status_and_a_first_connection_are_stored_when_the_other_process_has_written(camera):
    twin = camera.twin
    boots, certificates = twin.registry.boots, twin.registry.certificates
    with OtherProcess(twin.home.root), camera.connect() as raw:
        raw.publish(topics.booted("cameraDevice", "cam1"), b"{}", qos=1)
        assert boots.get("cam1") is None
    wait_until(lambda: boots.get("cam1") and certificates.get(camera.certificate_id).connected_s)


def test_an_answer_leaves_with_the_acknowledgement_of_its_request(twin, tmp_path):
    raw = claim(twin)
    request = json.dumps({fields.SIGNING_REQUEST: new_csr(tmp_path / "key")}).encode()
    raw.send(publish_packet(topics.CREATE_FROM_CSR, request, qos=1))
    record = raw.socket.recv(16 * 1024)  # returns what is in one TLS record
    assert record[0] == PUBACK and record[4] & 0xF0 == PUBLISH
