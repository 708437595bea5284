"""Judged by AWS: its own SDK for Python provisions through the twin and comes back with what it got."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from awscrt import mqtt
from awsiot import iotidentity

from device.core import topics
from muster.registry.certificates import ACTIVE
from muster.twin.settings import DEFAULT_TEMPLATE
from tools.twin.aws_sdk import WAIT_S, connected
from tools.twin.helpers import new_csr


class Answer:
    """The first of accepted and rejected."""

    def __init__(self):
        self._came = threading.Event()

    def accepted(self, response):
        self.value, self.error = response, None
        self._came.set()

    def rejected(self, error):
        self.value, self.error = None, error
        self._came.set()

    def wait(self):
        assert self._came.wait(WAIT_S), "no answer"
        assert self.error is None, self.error
        return self.value


def subscribe(client, name, request_type, **fields):
    answer = Answer()
    for end, callback in (("accepted", answer.accepted), ("rejected", answer.rejected)):
        method = getattr(client, f"subscribe_to_{name}_{end}")
        future, _ = method(request_type(**fields), mqtt.QoS.AT_LEAST_ONCE, callback)
        future.result(WAIT_S)
    return answer


def create_keys(client):
    answer = subscribe(
        client, "create_keys_and_certificate", iotidentity.CreateKeysAndCertificateSubscriptionRequest
    )
    client.publish_create_keys_and_certificate(
        iotidentity.CreateKeysAndCertificateRequest(), mqtt.QoS.AT_LEAST_ONCE
    ).result(WAIT_S)
    created = answer.wait()
    return created, created.private_key


def create_from_csr(client, folder):
    key = folder / "device.key"
    answer = subscribe(
        client, "create_certificate_from_csr", iotidentity.CreateCertificateFromCsrSubscriptionRequest
    )
    client.publish_create_certificate_from_csr(
        iotidentity.CreateCertificateFromCsrRequest(certificate_signing_request=new_csr(key)),
        mqtt.QoS.AT_LEAST_ONCE,
    ).result(WAIT_S)
    return answer.wait(), key.read_text()


def provision(twin, serial, folder, from_csr):
    """Everything a board does; (certificate id, private key)."""
    folder.mkdir(parents=True)
    connection = connected(twin, serial, twin.claim_certificate_path, twin.claim_key_path)
    client = iotidentity.IotIdentityClient(connection)
    created, key = create_from_csr(client, folder) if from_csr else create_keys(client)
    answer = subscribe(
        client, "register_thing", iotidentity.RegisterThingSubscriptionRequest, template_name=DEFAULT_TEMPLATE
    )
    client.publish_register_thing(
        iotidentity.RegisterThingRequest(
            template_name=DEFAULT_TEMPLATE,
            certificate_ownership_token=created.certificate_ownership_token,
            parameters={"serialID": serial},
        ),
        mqtt.QoS.AT_LEAST_ONCE,
    ).result(WAIT_S)
    registered = answer.wait()
    assert registered.thing_name == serial
    assert registered.device_configuration
    connection.disconnect().result(WAIT_S)
    (folder / "crt.pem").write_text(created.certificate_pem)
    (folder / "key.pem").write_text(key)
    connection = connected(twin, serial, folder / "crt.pem", folder / "key.pem")
    connection.publish(topics.booted("cameraDevice", serial), b"{}", mqtt.QoS.AT_LEAST_ONCE)[0].result(WAIT_S)
    connection.disconnect().result(WAIT_S)
    return created.certificate_id, key


@pytest.mark.parametrize("from_csr", [False, True], ids=["keys", "csr"])
def test_the_sdk_provisions_and_comes_back(start, tmp_path, from_csr):
    twin = start(authority_key="rsa", claim_key="rsa")
    certificate_id, _ = provision(twin, "cam1", tmp_path / "cam1", from_csr)
    message = twin.wait_for_publish("cameraDevice/cam1/booted")
    assert (message.client_id, message.certificate_id) == ("cam1", certificate_id)
    assert twin.registry.boots.get("cam1").payload == b"{}"
    assert twin.registry.certificates.get(certificate_id).status == ACTIVE
    assert twin.registry.things.certificates_of("cam1") == [certificate_id]


@pytest.mark.parametrize("from_csr", [False, True], ids=["keys", "csr"])
def test_sixteen_at_once_each_get_their_own(start, tmp_path, from_csr):
    twin = start()
    serials = [f"cam{number}" for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda serial: provision(twin, serial, tmp_path / serial, from_csr), serials))
    assert len({certificate_id for certificate_id, _ in got}) == 16
    assert len({key for _, key in got}) == 16
    for serial, (certificate_id, _) in zip(serials, got, strict=True):
        assert twin.registry.boots.get(serial) is not None
        assert twin.registry.things.certificates_of(serial) == [certificate_id]
