"""Who gets in, and how the others are turned away."""

import ssl
import time

import pytest

from device.core import fields, topics
from muster.registry.certificates import ACTIVE, INACTIVE, PENDING_ACTIVATION, REVOKED
from muster.twin import pki, tls
from muster.twin.settings import Home
from tools.twin.helpers import Device, allow, claim, limits, new_csr
from tools.twin.raw import CONNACK, PUBACK, PUBLISH, Closed, Raw, connect_packet, packet, publish_packet, text


def claiming(twin, **more):
    return Raw(twin, twin.claim_certificate_path, twin.claim_key_path, **more)


def turned_away(raw, client_id="cam1", **more):
    raw.send(connect_packet(client_id, **more))
    return raw.is_closed()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_tls(twin, version):
    claiming(twin, version=version).connect("cam1")


def test_no_older_tls(twin):
    with pytest.raises((ssl.SSLError, OSError)), pytest.warns(DeprecationWarning):
        claiming(twin, version=ssl.TLSVersion.TLSv1_1)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_without_certificate_is_refused(twin, version):
    with pytest.raises((ssl.SSLError, Closed)):
        raw = Raw(twin, version=version)
        raw.send(connect_packet("cam1"))
        raw.read()
    assert tls.server_context(twin.home, False).verify_mode == ssl.CERT_REQUIRED


def test_a_certificate_of_another_ca_is_refused(twin, tmp_path):
    other = pki.Authority(Home(tmp_path / "other"), "ec")
    key = pki.new_key("ec")
    _, pem = other.issue(key.public_key(), time.time(), time.time() + 3600)
    (tmp_path / "crt").write_text(pem)
    (tmp_path / "key").write_text(pki.key_pem(key))
    with pytest.raises((ssl.SSLError, OSError, Closed)):
        raw = Raw(twin, tmp_path / "crt", tmp_path / "key")
        raw.send(connect_packet("cam1"))
        raw.read()


def test_a_signed_but_unregistered_certificate_is_refused(twin, tmp_path):
    key = pki.new_key("ec")
    _, pem = pki.Authority(twin.home, "ec").issue(key.public_key(), time.time(), time.time() + 3600)
    (tmp_path / "crt").write_text(pem)
    (tmp_path / "key").write_text(pki.key_pem(key))
    assert turned_away(Raw(twin, tmp_path / "crt", tmp_path / "key"))


def test_a_pending_certificate_is_refused(twin, tmp_path):
    with claim(twin) as raw:
        _, created = raw.request(topics.CREATE_FROM_CSR, {fields.SIGNING_REQUEST: new_csr(tmp_path / "key")})
    assert twin.registry.certificates.get(created[fields.CERTIFICATE_ID]).status == PENDING_ACTIVATION
    (tmp_path / "crt").write_text(created[fields.CERTIFICATE_PEM])
    assert turned_away(Raw(twin, tmp_path / "crt", tmp_path / "key"))


@pytest.mark.parametrize("status", [INACTIVE, REVOKED])
def test_an_inactive_or_revoked_certificate_is_refused(twin, device, status):
    camera = device()
    camera.connect().disconnect()
    twin.registry.certificates.set_status(camera.certificate_id, status)
    assert turned_away(camera.open())
    twin.registry.certificates.set_status(camera.certificate_id, ACTIVE)
    camera.connect()


def test_an_expired_certificate_is_refused_and_dropped(start, tmp_path):
    now = [time.time()]
    twin = start(clock=lambda: now[0], certificate_ttl_h=1)
    camera = Device(twin, tmp_path, "cam1")
    raw = camera.connect()
    now[0] += 3601
    assert raw.is_closed()
    assert turned_away(camera.open())


def test_revocation_drops_the_live_connection(twin, device):
    camera, other = device("cam1"), device("cam2")
    raw, untouched = camera.connect(), other.connect()
    twin.registry.certificates.set_status(camera.certificate_id, REVOKED)
    assert raw.is_closed()
    assert untouched.is_alive()


def test_a_deleted_certificate_drops_the_live_connection(twin, device):
    camera = device()
    raw = camera.connect()
    twin.registry.certificates.delete(camera.certificate_id)
    assert raw.is_closed()


def test_a_client_id_cannot_forge_a_line_of_the_log(twin, heard):
    claiming(twin).connect("x\n2026-11-21 admin: connected\x1b[2J\u202e").disconnect()
    assert heard.wait("x\\n2026-11-21 admin: connected\\x1b[2J\\u202e: connected")
    assert all(line.isprintable() for line in heard.lines)


def test_a_device_is_only_itself(twin, device):
    camera = device("cam1")
    assert turned_away(camera.open(), "cam2")


def test_a_refusal_can_carry_a_return_code(start, tmp_path):
    twin = start(refuse_return_code=7)
    camera = Device(twin, tmp_path, "cam1")
    raw = camera.open()
    raw.send(connect_packet("cam2"))
    assert raw.read() == (CONNACK, b"\x00\x07")
    assert raw.is_closed()


@pytest.mark.parametrize("client_id", ["x" * 129, "$aws"])
def test_impossible_client_ids(twin, client_id):
    assert turned_away(claiming(twin), client_id)


def test_another_protocol_level_is_answered_with_1(twin):
    raw = claiming(twin)
    raw.send(connect_packet("cam1", level=3))
    assert raw.read() == (CONNACK, b"\x00\x01")
    assert raw.is_closed()


def test_mqtt_5_is_answered_in_its_own_form_and_told(twin, heard):
    raw = claiming(twin)
    raw.send(packet(0x10, text("MQTT") + b"\x05\x02\x00\x3c\x00" + text("cam1")))
    assert raw.read() == (CONNACK, b"\x00\x84\x00"), "unsupported protocol version"
    assert raw.is_closed()
    assert heard.wait("MQTT 5 is not there yet")


def test_no_client_id_and_a_kept_session_is_answered_with_2(twin):
    raw = claiming(twin)
    raw.send(connect_packet("", clean=False))
    assert raw.read() == (CONNACK, b"\x00\x02")
    assert raw.is_closed()


def test_a_silent_client_is_closed(start):
    twin = start(limits=limits(connect_wait_s=0.2))
    assert claiming(twin).is_closed()


def test_one_connect_a_second(start):
    twin = start(connects_per_s_and_client=0.001)
    claiming(twin).connect("cam1")
    assert turned_away(claiming(twin), "cam1")
    claiming(twin).connect("cam2")


def test_sni_can_be_demanded(start):
    twin = start(require_sni=True)
    claiming(twin).connect("cam1")
    with pytest.raises((ssl.SSLError, OSError)):
        claiming(twin, server_hostname=None)


def test_the_newcomer_wins(twin, device):
    camera = device()
    first = camera.connect()
    second = camera.connect()
    assert first.is_closed()
    assert second.is_alive()
    assert twin.client_ids == ["cam1"]


def test_a_refused_intruder_leaves_the_session_alone(twin, device):
    camera, intruder = device("cam1"), device("cam2")
    raw = camera.connect()
    raw.subscribe("cameraDevice/cam1/in")
    assert turned_away(intruder.open(), "cam1")
    raw.publish("cameraDevice/cam1/in", b"still here")
    assert raw.message() == ("cameraDevice/cam1/in", b"still here")


def test_a_kept_session_takes_the_new_connections_identity(twin, device):
    camera, other = device("cam1"), device("cam2")
    allow(twin, other.certificate_id, ("iot:Connect", "client/cam1"))
    raw = camera.connect(clean=False)
    raw.subscribe("cameraDevice/cam1/in")
    raw.disconnect()
    thief = other.open().connect("cam1", clean=False)
    assert thief.session_present == 1
    thief.send(b"\x30\x16" + b"\x00\x14cameraDevice/cam1/in")
    assert thief.is_closed(), "cam1's session lent cam1's rights to cam2's certificate"


def test_a_message_in_flight_does_not_go_to_another_certificate(twin, device):
    camera = device("cam1")
    raw = camera.connect(clean=False)
    raw.subscribe("cameraDevice/cam1/in", qos=1)
    raw.send(publish_packet("cameraDevice/cam1/in", b"secret", qos=1))
    assert {raw.read()[0] for _ in range(2)} == {PUBACK, PUBLISH | 2}
    raw.close()
    thief = claiming(twin).connect("cam1", clean=False)
    assert thief.session_present == 1
    assert thief.is_alive(), "the claim certificate may not receive it"


def test_thing_variables_need_the_client_id_to_be_the_thing_name(twin, device):
    camera = device()
    allow(twin, camera.certificate_id, ("iot:Connect", "client/other"))
    raw = camera.connect("other")
    raw.send(b"\x30\x17" + b"\x00\x15cameraDevice/cam1/xxx")
    assert raw.is_closed()


def test_exclusive_attachment_frees_the_client_id(twin, device):
    camera = device()
    twin.registry.things.attach("cam1", camera.certificate_id, exclusive=True)
    allow(twin, camera.certificate_id, ("iot:Connect", "client/other"))
    raw = camera.connect("other")
    raw.publish("cameraDevice/cam1/x", b"", qos=1)


def test_a_policy_change_counts_at_once(twin, device):
    camera = device()
    raw = camera.connect()
    allow(twin, camera.certificate_id, ("iot:Publish", "topic/elsewhere"))
    raw.publish("elsewhere", b"", qos=1)
    twin.registry.policies.detach("extra", camera.certificate_id)
    raw.send(b"\x30\x0b\x00\x09elsewhere")
    assert raw.is_closed()


def test_server_certificate_names(start):
    twin = start(host="twin.example")
    for name in ("twin.example", "localhost", "127.0.0.1"):
        claiming(twin, server_hostname=name).connect("cam1").disconnect()
    with pytest.raises(ssl.SSLCertVerificationError):
        claiming(twin, server_hostname="other.example")
