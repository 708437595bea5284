"""The twin's HTTP servers and clients that are slow, huge, malformed, many, or have a certificate."""

import http.client
import logging
import socket
import ssl
import types
import zlib

import pytest
from aiohttp import web

from muster.errors import MusterError
from muster.registry.certificates import INACTIVE
from muster.twin import pki
from muster.twin.https import builder, server
from muster.twin.https.limits import Buckets, HttpLimits, allowing
from muster.twin.server import running_twin
from tools.twin.browser import Browser
from tools.twin.helpers import quick, wait_until
from tools.twin.https_client import TOKEN, Board, context, request


@pytest.fixture
def parts(monkeypatch):
    """Two requests of a part that only the tests have."""

    async def whoami(asked):
        return web.json_response({"id": asked["certificate_id"]})

    @allowing(body_bytes=100_000)
    async def large(asked):
        return web.json_response({"bytes": len(await asked.read())})

    async def fails(asked):
        raise ZeroDivisionError("a secret")

    part = types.ModuleType("whoami")
    part.routes = lambda twin: [  # type: ignore[attr-defined]
        web.get("/whoami", whoami),
        web.post("/large", large),
        web.get("/fails", fails),
    ]
    monkeypatch.setattr(server, "parts", lambda: [builder, part])


def of(start, **limits):
    running = start(https_port=0, page_port=0, http_limits=HttpLimits(**limits))
    running.registry.products.add("camera", TOKEN, 0)
    return running


@pytest.fixture
def twin(parts, start):
    return of(start)


def raw(twin, data: bytes = b"", tls: bool = True) -> socket.socket:
    """A connection that has sent `data`."""
    port = twin.https_port if tls else twin.page_port
    plain = socket.create_connection(("127.0.0.1", port), timeout=10)
    made = context(twin).wrap_socket(plain, server_hostname="localhost") if tls else plain
    made.sendall(data)
    return made


def everything(sock: socket.socket) -> bytes:
    """What comes until the end; a reset is an end as well."""
    found = b""
    with sock:
        try:
            while data := sock.recv(65536):
                found += data
        except (ConnectionError, ssl.SSLError):
            pass
    return found


def test_the_certificate_of_a_client_is_known(twin, camera) -> None:
    assert request(twin, "GET", "/whoami").document == {"id": None}
    own = context(twin, camera.certificate, camera.key)
    assert request(twin, "GET", "/whoami", tls=own).document == {"id": camera.certificate_id}
    twin.registry.certificates.set_status(camera.certificate_id, INACTIVE)
    assert request(twin, "GET", "/whoami", tls=own).document == {"id": None}


def test_a_certificate_of_another_authority_is_refused(twin, tmp_path) -> None:
    with running_twin(tmp_path / "other", quick()) as other:
        stranger = context(twin, other.claim_certificate_path, other.claim_key_path)
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
            request(twin, "GET", "/whoami", tls=stranger)
    assert request(twin, "GET", "/whoami").status == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
def test_old_tls_is_refused(twin) -> None:
    old = context(twin)
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        request(twin, "GET", "/whoami", tls=old)


def test_a_mistake_of_ours_is_not_shown(twin, heard) -> None:
    answer = request(twin, "GET", "/fails")
    assert (answer.status, answer.document) == (500, {"error": "the twin failed; its log says why"})
    assert request(twin, "GET", "/whoami").status == 200


@pytest.mark.parametrize("is_page", [False, True])
@pytest.mark.parametrize(
    "data",
    [
        b"",  # nothing at all
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ",  # a head without an end
        b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc",
        b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"GET /style.css HTTP/1.1\r\nHost: localhost\r\n\r\n",  # an answer, and then nothing
    ],
)
def test_the_slow_are_cut_off(start, data, is_page) -> None:
    twin = of(start, wait_s=0.3)
    everything(raw(twin, data, tls=not is_page))  # it ends, or the socket's time-out fails the test


def test_who_does_not_shake_hands_is_cut_off(start) -> None:
    twin = of(start, handshake_s=0.3)
    plain = socket.create_connection(("127.0.0.1", twin.https_port), timeout=10)
    plain.sendall(b"\x16\x03\x01")
    assert everything(plain) == b""


def test_who_does_not_read_the_answer_is_cut_off(start) -> None:
    twin = of(start, wait_s=0.5)
    with raw(twin, b"GET /style.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2000, tls=False) as sock:
        sock.settimeout(0.1)
        wait_until(lambda: _is_gone(sock))


def _is_gone(sock: socket.socket) -> bool:
    try:
        sock.sendall(b"x")
    except TimeoutError:
        return False
    except OSError:
        return True
    return False


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: 1\r\n" % number for number in range(200)), 400),
        (b"\x00\x01\x02\r\n", 400),
        (b"GET /\r\n", 505),
        (b"GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n", 400),
        (b"GET / HTTP/1.1\r\nBad Name: 1\r\n", 400),
    ],
)
@pytest.mark.parametrize("is_page", [False, True])
def test_what_is_no_request_is_refused(start, heard, head, status, is_page) -> None:
    twin = of(start, wait_s=1)
    answer = everything(raw(twin, head + b"Host: localhost\r\n\r\n", tls=not is_page))
    assert answer.startswith(b"HTTP/") and answer[9:12] == str(status).encode(), answer[:200]
    assert b"Traceback" not in answer and not any("Traceback" in line for line in heard.lines)


def test_a_large_body_is_refused_before_it_is_read(twin) -> None:
    answer = Board(twin).ask("register", b'{"claim": "' + b"x" * 20_000 + b'"}')
    assert answer.status == 413
    assert request(twin, "POST", "/large", b"x" * 100_000).document == {"bytes": 100_000}
    assert request(twin, "POST", "/large", b"x" * 100_001).status == 413
    page = Browser(twin).post("/sign-in", token="x", name="x" * 20_000, password="x")
    assert page.status == 413


def test_a_compressed_body_does_not_grow_beyond_the_limit(twin) -> None:
    bomb = zlib.compress(b"x" * 10_000_000)
    assert len(bomb) < 16_000
    assert Board(twin).ask("register", bomb, **{"Content-Encoding": "deflate"}).status in (400, 413)
    assert Board(twin).ask("register", b"no zip", **{"Content-Encoding": "gzip"}).status == 400


def test_of_one_address_there_are_so_many_connections(start) -> None:
    twin = of(start, connections_of_address=3)
    waiting = [raw(twin, tls=False) for _ in range(2)]
    assert Browser(twin).get("/sign-in").status == 200
    waiting.append(raw(twin, tls=False))
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        Browser(twin).get("/sign-in")
    for sock in waiting:
        sock.close()
    wait_until(lambda: _answers(twin))


def _answers(twin) -> bool:
    try:
        return Browser(twin).get("/sign-in").status == 200
    except (ConnectionError, http.client.HTTPException):
        return False


def test_who_asks_too_often_is_told_when_to_come_again(start) -> None:
    twin = of(start, requests=5, requests_per_s=0.1)
    statuses = [request(twin, "GET", "/nothing").status for _ in range(7)]
    assert statuses == [404] * 5 + [429] * 2
    answer = request(twin, "GET", "/nothing")
    assert 1 <= int(answer.headers["retry-after"]) <= 10


def test_mqtt_goes_on_while_the_servers_are_attacked(start, tmp_path) -> None:
    from tools.twin.helpers import Device

    twin = of(start, wait_s=2)
    attack = [raw(twin, b"GET / HT", tls=False) for _ in range(40)]
    with Device(twin, tmp_path, "cam1").connect() as device:
        device.publish("cameraDevice/cam1/x", b"1")
        twin.wait_for_publish("cameraDevice/cam1/x")
    for sock in attack:
        sock.close()


def test_the_page_says_when_it_is_open_to_a_network(tmp_path, caplog) -> None:
    with caplog.at_level(logging.WARNING, "muster.twin"):
        with running_twin(tmp_path / "a", quick(page_port=0)) as twin:
            assert twin.page_url == f"http://127.0.0.1:{twin.page_port}/"
        assert "the page for people listens" not in caplog.text
        with running_twin(tmp_path / "b", quick(page_port=0, page_bind="0.0.0.0")):
            pass
    assert "the page for people listens on 0.0.0.0, over plain HTTP" in caplog.text


def test_a_port_that_is_taken_leaves_nothing_behind(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings = quick(https_port=0, page_port=other.getsockname()[1])
        with pytest.raises(MusterError, match="--page-port"), running_twin(tmp_path / "a", settings):
            pass
    with running_twin(tmp_path / "a", quick(https_port=0)):
        pass  # the home is free again


def test_buckets_fill_again() -> None:
    now_s = 0.0
    buckets = Buckets(2, 0.5, lambda: now_s)
    assert buckets.wait_s("a") == 0
    buckets.count("a")
    buckets.count("a")
    assert buckets.wait_s("a") == 2 and buckets.wait_s("b") == 0
    buckets.count("a")
    assert buckets.wait_s("a") == 2, "who goes on does not wait longer"
    now_s = 2.0
    assert buckets.wait_s("a") == 0
    buckets.count("a")
    assert buckets.wait_s("a") == 2
    buckets.forget("a")
    assert buckets.wait_s("a") == 0


def test_ids_are_those_of_the_registry(twin) -> None:
    der = ssl.PEM_cert_to_DER_cert(twin.claim_certificate_path.read_text())
    own = context(twin, twin.claim_certificate_path, twin.claim_key_path)
    assert request(twin, "GET", "/whoami", tls=own).document == {"id": pki.certificate_id(der)}
