"""The credentials provider of the twin, judged by AWS's own SDK, and by Python's HTTPS client."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from awscrt import auth, http, io

from device.core import fields
from muster.registry.certificates import REVOKED
from muster.twin.issued_keys import MOST_KEPT, Credentials
from muster.twin.settings import DEFAULT_ROLE_ALIAS
from tools.twin.helpers import Device, allow, quick
from tools.twin.https_client import Answer, context, request

WAIT_S = 30
PATH = f"/role-aliases/{DEFAULT_ROLE_ALIAS}/credentials"


@pytest.fixture
def twin(start):
    return start(https_port=0)


def ask(device: Device | None, twin, path: str = PATH, thing: str | None = "cam1") -> Answer:
    headers = {} if thing is None else {"x-amzn-iot-thingname": thing}
    tls = context(twin, device.certificate, device.key) if device else context(twin)
    return request(twin, "GET", path, None, headers, tls)


def refused(answer: Answer, status: int, message: str) -> None:
    assert (answer.status, answer.document["message"]) == (status, message)
    assert answer.document["traceId"]
    assert answer.headers["content-type"].startswith("application/json")


@contextlib.contextmanager
def proxy(port: int) -> Iterator[int]:
    """The port of a proxy that leads every CONNECT to `port`: the SDK knows only port 443."""
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                head = b""
                while b"\r\n\r\n" not in head:
                    head += client.recv(4096)
                assert head.startswith(b"CONNECT localhost:443 "), head
                server = socket.create_connection(("127.0.0.1", port))
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(WAIT_S)


def by_the_sdk(device: Device, twin, alias: str = DEFAULT_ROLE_ALIAS):
    """What AWS's SDK gets from its provider for IoT; raises what it raises."""
    options = io.TlsContextOptions.create_client_with_mtls_from_path(str(device.certificate), str(device.key))
    options.override_default_trust_store_from_path(None, str(twin.ca_pem_path))
    with proxy(twin.https_port) as port:
        provider = auth.AwsCredentialsProvider.new_x509(
            endpoint="localhost",
            thing_name=device.serial,
            role_alias=alias,
            tls_ctx=io.ClientTlsContext(options),
            http_proxy_options=http.HttpProxyOptions("127.0.0.1", port),
        )
        return provider.get_credentials().result(WAIT_S)


def test_the_sdk_of_aws_gets_keys(twin, camera) -> None:
    found = by_the_sdk(camera, twin)
    issued = twin.credentials.secret_of(found.access_key_id)
    assert (found.secret_access_key, found.session_token) == (issued.secret, issued.token)
    assert found.expiration.timestamp() == issued.expires_s
    assert 3590 <= issued.expires_s - time.time() <= 3600
    assert (issued.thing_name, issued.certificate_id) == ("cam1", camera.certificate_id)


def test_the_sdk_of_aws_is_refused(twin, camera) -> None:
    with pytest.raises(Exception, match="AWS_AUTH_CREDENTIALS_PROVIDER"):
        by_the_sdk(camera, twin, "other")


def test_the_document_is_that_of_aws(twin, camera) -> None:
    answer = ask(camera, twin)
    assert answer.status == 200 and list(answer.document) == ["credentials"]
    given = answer.document["credentials"]
    assert list(given) == ["accessKeyId", "secretAccessKey", "sessionToken", "expiration"]
    assert len(given["accessKeyId"]) == 20 and given["accessKeyId"].startswith("ASIA")
    assert len(given["secretAccessKey"]) == 40 and len(given["sessionToken"]) > 900
    assert time.strptime(given["expiration"], "%Y-%m-%dT%H:%M:%SZ")
    again = ask(camera, twin).document["credentials"]
    assert not set(given.values()) & (set(again.values()) - {given["expiration"], again["expiration"]})


def test_who_gets_none(twin, camera, device) -> None:
    other = device("cam2")
    refused(ask(None, twin), 403, "Access Denied")
    refused(ask(camera, twin, thing="cam2"), 403, "Access Denied")
    refused(ask(other, twin), 403, "Access Denied")
    refused(ask(camera, twin, "/role-aliases/other/credentials"), 403, "Access Denied")
    refused(ask(camera, twin, "/role-aliases/a%20b/credentials"), 403, "Access Denied")
    allow(twin, camera.certificate_id, ("iot:AssumeRoleWithCertificate", "rolealias/oth*"))
    refused(ask(camera, twin, "/role-aliases/other/credentials"), 404, "Role alias does not exist")
    assert ask(camera, twin).status == 200


def test_the_claim_certificate_gets_none(twin, camera) -> None:
    tls = context(twin, twin.claim_certificate_path, twin.claim_key_path)
    refused(request(twin, "GET", PATH, None, {}, tls), 403, "Access Denied")


def test_a_revoked_certificate_gets_none(twin, camera) -> None:
    assert ask(camera, twin).status == 200
    assert twin.registry.certificates.set_status(camera.certificate_id, REVOKED)
    refused(ask(camera, twin), 403, "Access Denied")


def test_the_thing_name_counts_in_policies(twin, camera) -> None:
    named = "rolealias/${iot:Connection.Thing.ThingName}-keys"
    allow(twin, camera.certificate_id, ("iot:AssumeRoleWithCertificate", named))
    path = "/role-aliases/cam1-keys/credentials"
    refused(ask(camera, twin, path), 404, "Role alias does not exist")
    refused(ask(camera, twin, path, thing=None), 403, "Access Denied")
    assert ask(camera, twin, thing=None).status == 200, "where no policy asks for it, it is not needed"


def test_life_is_a_setting(start, tmp_path) -> None:
    twin = start(https_port=0, credentials_life_s=900)
    camera = Device(twin, tmp_path, "cam1")
    given = ask(camera, twin).document["credentials"]
    issued = twin.credentials.secret_of(given[fields.ACCESS_KEY_ID])
    assert 890 <= issued.expires_s - time.time() <= 900


def test_what_is_kept_is_bounded_and_not_shown() -> None:
    now_s = [1000.0]
    kept = Credentials(quick(clock=lambda: now_s[0]))
    first = kept.issue("c", "t")
    assert first.secret not in repr(first) and first.token not in repr(first)
    assert kept.secret_of(first.access_key_id) == first
    for _ in range(MOST_KEPT):
        last = kept.issue("c", None)
    assert kept.secret_of(first.access_key_id) is None
    now_s[0] = last.expires_s
    kept.issue("c", None)
    assert kept.secret_of(last.access_key_id) is None, "what has ended is forgotten"
