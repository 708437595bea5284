"""Fleet provisioning over MQTT: AWS IoT Developer Guide, "Device provisioning MQTT API"."""

import base64
import datetime
import json
import re
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from device.core import fields, topics
from muster.errors import MusterError
from muster.registry.certificates import ACTIVE, PENDING_ACTIVATION
from muster.registry.things import Thing
from muster.twin import hook as hooks
from muster.twin.server import running_twin
from muster.twin.settings import DEFAULT_TEMPLATE
from tools.twin.helpers import REGISTER, Device, claim, quick, registration
from tools.twin.raw import Closed, Raw, subscribe_packet


def csr(key, algorithm=None) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = builder.sign(key, algorithm)
    return request.public_bytes(serialization.Encoding.PEM).decode()


def create(raw, key=None):
    request = csr(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    accepted, created = raw.request(topics.CREATE_FROM_CSR, {fields.SIGNING_REQUEST: request})
    assert accepted, created
    return created


def refused(raw, topic, document):
    accepted, answer = raw.request(topic, document)
    assert not accepted, answer
    assert set(answer) == {fields.STATUS_CODE, fields.ERROR_CODE, fields.ERROR_MESSAGE}
    return answer[fields.STATUS_CODE], answer[fields.ERROR_CODE]


def test_keys_and_certificate(start):
    twin = start()
    with claim(twin) as raw:
        accepted, created = raw.request(topics.CREATE_KEYS)
        assert accepted
        assert raw.request(topics.CREATE_KEYS, {})[0], "an empty object is as good as nothing"
    assert list(created) == [
        fields.CERTIFICATE_ID,
        fields.CERTIFICATE_PEM,
        fields.PRIVATE_KEY,
        fields.OWNERSHIP_TOKEN,
    ]
    assert created[fields.PRIVATE_KEY].startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    key = serialization.load_pem_private_key(created[fields.PRIVATE_KEY].encode(), None)
    certificate = x509.load_pem_x509_certificate(created[fields.CERTIFICATE_PEM].encode())
    assert key.key_size == 2048
    assert key.public_key() == certificate.public_key()
    assert certificate.fingerprint(hashes.SHA256()).hex() == created[fields.CERTIFICATE_ID]
    assert certificate.subject.rfc4514_string() == "CN=AWS IoT Certificate"
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(twin.ca_pem_path.read_bytes()))
    assert certificate.not_valid_after_utc == datetime.datetime(
        2049, 12, 31, 23, 59, 59, tzinfo=datetime.timezone.utc
    )
    assert certificate.not_valid_before_utc.timestamp() <= time.time() - 119
    assert twin.registry.certificates.get(created[fields.CERTIFICATE_ID]).status == PENDING_ACTIVATION
    assert len(created[fields.OWNERSHIP_TOKEN]) <= 512


def test_certificates_can_have_a_short_life(start):
    with claim(start(certificate_ttl_h=168)) as raw:
        certificate = x509.load_pem_x509_certificate(create(raw)[fields.CERTIFICATE_PEM].encode())
    life = certificate.not_valid_after_utc.timestamp() - time.time()
    assert 168 * 3600 - 60 < life <= 168 * 3600


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-256", "P-384", "P-521", "RSA-2048"],
)
def test_every_allowed_kind_of_key(twin, key):
    with claim(twin) as raw:
        first, second = create(raw, key), create(raw, key)
    assert (
        x509.load_pem_x509_certificate(first[fields.CERTIFICATE_PEM].encode()).public_key()
        == key.public_key()
    )
    assert fields.PRIVATE_KEY not in first
    assert first[fields.CERTIFICATE_ID] != second[fields.CERTIFICATE_ID], (
        "the same CSR makes another certificate"
    )


def forged():
    good = csr(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    der = bytearray(x509.load_pem_x509_csr(good.encode()).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    body = base64.encodebytes(bytes(der)).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"


def too_long():
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x" * 60)] * 60)
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    request = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    "document",
    [
        {},
        {fields.SIGNING_REQUEST: ""},
        {fields.SIGNING_REQUEST: 7},
        {fields.SIGNING_REQUEST: "no PEM"},
        {fields.SIGNING_REQUEST: csr(rsa.generate_private_key(65537, 1024), hashes.SHA256())},
        {fields.SIGNING_REQUEST: csr(ec.generate_private_key(ec.SECP256K1()), hashes.SHA256())},
        {fields.SIGNING_REQUEST: csr(ed25519.Ed25519PrivateKey.generate())},
        {fields.SIGNING_REQUEST: csr(dsa.generate_private_key(2048), hashes.SHA256())},
        {fields.SIGNING_REQUEST: forged()},
        {fields.SIGNING_REQUEST: too_long()},
    ],
    ids=["none", "empty", "number", "text", "RSA-1024", "secp256k1", "Ed25519", "DSA", "forged", "long"],
)
def test_bad_signing_requests(twin, document):
    with claim(twin) as raw:
        assert refused(raw, topics.CREATE_FROM_CSR, document)[0] == 400
    assert len(twin.registry.certificates.all()) == 1, "only the claim certificate"


@pytest.mark.parametrize("payload", [b"{", b"[]", b"\xff", b'"x"'])
@pytest.mark.parametrize("topic", [topics.CREATE_KEYS, topics.CREATE_FROM_CSR, REGISTER])
def test_payloads_that_are_no_object(twin, topic, payload):
    with claim(twin) as raw:
        raw.publish(topic, payload, qos=1)
        answer_topic, answer = raw.message()
    assert answer_topic == topics.rejected(topic)
    assert json.loads(answer)[fields.STATUS_CODE] == 400


def test_registering(twin, device):
    camera = device("cam1")
    assert camera.registered[fields.THING_NAME] == "cam1"
    assert camera.registered[fields.DEVICE_CONFIGURATION]["site"] == "site-cam1"
    assert twin.registry.certificates.get(camera.certificate_id).status == ACTIVE
    assert twin.registry.things.get("cam1").attributes == {"serialID": "cam1"}
    again = device("cam1")
    assert twin.registry.things.certificates_of("cam1") == [camera.certificate_id, again.certificate_id]


@pytest.mark.parametrize("token", [None, "", 7, "unknown"])
def test_bad_tokens(twin, token):
    with claim(twin) as raw:
        document = {} if token is None else {fields.OWNERSHIP_TOKEN: token}
        assert refused(raw, REGISTER, document) == (400, "InvalidCertificateOwnershipToken")


def test_a_token_is_good_once(twin):
    with claim(twin) as raw:
        document = registration(create(raw), "cam1")
        assert raw.request(REGISTER, document)[0]
        assert refused(raw, REGISTER, document) == (400, "InvalidCertificateOwnershipToken")


def test_a_token_can_be_good_again(start):
    with claim(start(reuse_tokens=True)) as raw:
        document = registration(create(raw), "cam1")
        assert raw.request(REGISTER, document) == raw.request(REGISTER, document)


def test_a_token_ends_after_an_hour_and_its_certificate_with_it(start, tmp_path):
    now = [time.time()]
    twin = start(clock=lambda: now[0])
    camera = Device(twin, tmp_path, "cam1")
    with claim(twin, "cam2") as raw:
        created = create(raw)
        now[0] += 3599
        assert twin.registry.certificates.get(created[fields.CERTIFICATE_ID]) is not None
        now[0] += 1
        code = refused(raw, REGISTER, registration(created, "cam2"))
    assert code == (400, "InvalidCertificateOwnershipToken")
    assert twin.registry.certificates.get(created[fields.CERTIFICATE_ID]) is None
    assert twin.registry.certificates.get(camera.certificate_id) is not None, "it was activated in time"


@pytest.mark.parametrize("parameters", [[], {"serialID": 7}, "x", {}, {"serialID": "no blanks"}])
def test_bad_parameters(twin, parameters):
    with claim(twin) as raw:
        document = {
            fields.OWNERSHIP_TOKEN: create(raw)[fields.OWNERSHIP_TOKEN],
            fields.PARAMETERS: parameters,
        }
        assert refused(raw, REGISTER, document)[0] == 400
        document[fields.PARAMETERS] = {"serialID": "cam1"}
        assert raw.request(REGISTER, document)[0], "a refusal does not use the token up"


def test_another_template_needs_another_claim_policy(twin):
    with claim(twin) as raw:
        raw.send(subscribe_packet([(topics.accepted(topics.register("Other")), 1)]))
        assert raw.is_closed()


def test_a_template_that_is_not_there(start):
    twin = start()
    document = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    twin.registry.policies.put("muster-claim", json.dumps(document))
    other = topics.register("Other")
    with claim(twin) as raw:
        raw.subscribe(topics.rejected(other))
        assert refused(raw, other, registration(create(raw), "cam1")) == (404, "ResourceNotFound")
        body = twin.registry.templates.get(DEFAULT_TEMPLATE).body
        twin.registry.templates.put("Other", body, enabled=False)
        assert refused(raw, other, registration(create(raw), "cam1"))[0] == 400


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("DO_NOTHING", {"old": "1"}),
        ("REPLACE", {"serialID": "cam1"}),
        ("MERGE", {"old": "1", "serialID": "cam1"}),
        ("FAIL", None),
    ],
)
def test_override_settings(twin, setting, expected):
    body = json.loads(twin.registry.templates.get(DEFAULT_TEMPLATE).body)
    body["Resources"]["thing"]["OverrideSettings"] = {"AttributePayload": setting}
    twin.registry.templates.put(DEFAULT_TEMPLATE, json.dumps(body))
    twin.registry.things.put(Thing("cam1", None, {"old": "1"}, [], 0))
    with claim(twin) as raw:
        created = create(raw)
        if expected is None:
            assert refused(raw, REGISTER, registration(created, "cam1")) == (409, "ResourceConflict")
            status = twin.registry.certificates.get(created[fields.CERTIFICATE_ID]).status
            assert status == PENDING_ACTIVATION
            left = twin.registry.policies.of_certificate(created[fields.CERTIFICATE_ID])
            assert left == [], "nothing was done by halves"
        else:
            assert raw.request(REGISTER, registration(created, "cam1"))[0]
            assert twin.registry.things.get("cam1").attributes == expected


def test_a_template_can_leave_the_certificate_inactive(twin, tmp_path):
    body = json.loads(twin.registry.templates.get(DEFAULT_TEMPLATE).body)
    body["Resources"]["certificate"]["Properties"]["Status"] = "Inactive"
    del body["DeviceConfiguration"]
    twin.registry.templates.put(DEFAULT_TEMPLATE, json.dumps(body))
    camera = Device(twin, tmp_path, "cam1")
    assert camera.registered == {fields.THING_NAME: "cam1"}
    with pytest.raises(Closed):
        camera.connect()


# Answers


def test_an_answer_needs_a_subscription_made_before(twin):
    raw = Raw(twin, twin.claim_certificate_path, twin.claim_key_path).connect("cam1")
    raw.publish(topics.CREATE_KEYS, b"", qos=1)
    while len(twin.registry.certificates.all()) < 2:
        time.sleep(0.01)
    assert raw.is_alive(), "no answer, and none later"
    raw.subscribe(topics.accepted(topics.CREATE_KEYS))
    assert raw.is_alive()


def test_an_answer_goes_to_the_asking_connection_only(twin):
    with claim(twin, "cam1") as asking, claim(twin, "cam2") as other:
        create(asking)
        assert other.is_alive(), "nothing came for cam2"
        assert asking.is_alive()


def test_an_answer_matches_wildcards_too(twin):
    raw = Raw(twin, twin.claim_certificate_path, twin.claim_key_path).connect("cam1")
    raw.subscribe(topics.CREATE_KEYS + "/+", qos=0)
    assert raw.request(topics.CREATE_KEYS)[0]
    assert not raw.first & 6, "at the QoS that was asked for"


# The pre-provisioning hook


def provisioned(start, hook, **more):
    twin = start(hook=hook, **more)
    with claim(twin, "client-1") as raw:
        created = create(raw)
        return twin, created, raw.request(REGISTER, registration(created, "cam1"))


def test_a_hook_sees_everything_and_can_override(start):
    seen = []

    def hook(event):
        seen.append(event)
        return {hooks.ALLOW: True, hooks.OVERRIDES: {"serialID": "renamed"}}

    twin, created, (accepted, answer) = provisioned(start, hook)
    assert accepted
    assert answer[fields.THING_NAME] == "renamed"
    (event,) = seen
    claim_id = next(row.certificate_id for row in twin.registry.certificates.all() if row.is_claim)
    assert re.fullmatch(r"arn:aws:iot:.*:provisioningtemplate/" + DEFAULT_TEMPLATE, event.pop("templateArn"))
    assert event == {
        "claimCertificateId": claim_id,
        fields.CERTIFICATE_ID: created[fields.CERTIFICATE_ID],
        fields.CERTIFICATE_PEM: created[fields.CERTIFICATE_PEM],
        "clientId": "client-1",
        fields.PARAMETERS: {"serialID": "cam1"},
    }


def failing(event):
    raise RuntimeError("marker")


@pytest.mark.parametrize(
    "hook",
    [
        lambda event: {hooks.ALLOW: False},
        lambda event: {hooks.ALLOW: "true"},
        lambda event: {},
        lambda event: None,
        lambda event: {hooks.ALLOW: 1},
        lambda event: {hooks.ALLOW: True, hooks.OVERRIDES: ["x"]},
        failing,
    ],
)
def test_a_hook_that_does_not_say_yes_denies(start, hook):
    twin, created, (accepted, answer) = provisioned(start, hook)
    assert not accepted
    assert (answer[fields.STATUS_CODE], answer[fields.ERROR_CODE]) == (403, "AccessDenied")
    assert twin.registry.certificates.get(created[fields.CERTIFICATE_ID]).status == PENDING_ACTIVATION
    assert twin.registry.things.names() == []


def test_a_hook_that_takes_too_long_denies(start):
    never = threading.Event()
    _, _, (accepted, answer) = provisioned(start, lambda event: never.wait(), hook_limit_s=0.1)
    never.set()
    assert (accepted, answer[fields.STATUS_CODE]) == (False, 403)


def test_a_slow_hook_holds_nobody_up(start):
    go = threading.Event()
    twin = start(hook=lambda event: go.wait() and {hooks.ALLOW: True})
    with claim(twin, "cam1") as waiting, claim(twin, "cam2") as other:
        document = registration(create(waiting), "cam1")
        waiting.publish(REGISTER, json.dumps(document).encode(), qos=1)
        create(other)
        go.set()
        assert waiting.message()[0] == topics.accepted(REGISTER)


def test_a_hook_from_a_file_and_a_templates_own_wins(start, tmp_path):
    file = tmp_path / "hook.py"
    file.write_text("def no(event): return {}\ndef yes(event): return {'allowProvisioning': True}\n")
    twin = start(hook=f"{file}:no")
    body = twin.registry.templates.get(DEFAULT_TEMPLATE).body
    with claim(twin) as raw:
        created = create(raw)
        assert refused(raw, REGISTER, registration(created, "cam1"))[0] == 403
        twin.registry.templates.put(DEFAULT_TEMPLATE, body, f"{file}:missing")
        assert refused(raw, REGISTER, registration(created, "cam1"))[0] == 403
        twin.registry.templates.put(DEFAULT_TEMPLATE, body, f"{file}:yes")
        assert raw.request(REGISTER, registration(created, "cam1"))[0]


@pytest.mark.parametrize(
    "name", ["nonsense", "no.such.module:f", "json:nothing", "no/file.py:f", "json:__name__"]
)
def test_a_hook_that_cannot_be_loaded_is_named(tmp_path, name):
    with pytest.raises(MusterError, match="hook"), running_twin(tmp_path, quick(hook=name)):
        pass
    with running_twin(tmp_path, quick()):
        pass  # and the home is free again
