"""Opening a connection: every way in which it can fail is told apart, in words that help."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.core.failures import AGAIN, GIVE_UP, OVER
from tests.port import micro
from tests.port.broker_case import QUICK, Case, failure
from tests.port.tls_peer import Authority, Peer

TLS_1_3 = ssl.TLSVersion.TLSv1_3


@pytest.fixture(params=micro.BITS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    micro.command(request.param)
    return Case(tmp_path, request.param)


def other_authority(case: Case) -> Authority:
    home = case.home / "other"
    home.mkdir()
    return Authority(home, "Other CA")


def welcome(peer: Peer) -> None:
    peer.accept()
    peer.until_closed()


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, TLS_1_3])
def test_mutual_tls_and_connect(case: Case, newest: ssl.TLSVersion) -> None:
    bodies = []

    def script(peer: Peer) -> None:
        bodies.append(peer.accept())
        assert peer.expect(0xE0) == b"", "DISCONNECT"
        peer.until_closed()

    case.newest = newest
    assert case.run(script, ["close"]) == [{"ok": True}] * 2
    assert bodies == [b"\x00\x04MQTT\x04\x02\x00\x2c\x00\x04SN-1"]
    assert case.errors == []


def test_files_with_windows_line_ends(case: Case) -> None:
    for path in (case.ca, case.certificate, case.key):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert case.run(welcome) == [{"ok": True}]


def test_bundle_of_root_certificates(case: Case) -> None:
    other = other_authority(case).path.read_bytes()
    for bundle in (other + case.ca.read_bytes(), case.ca.read_bytes() + other):
        path = case.home / "bundle.pem"
        path.write_bytes(b"# roots\n" + bundle)
        case.client_ca, case.ca = case.authority.path, path
        assert case.run(welcome) == [{"ok": True}]
        case.ca = case.authority.path


def test_endpoint_is_an_address_that_the_certificate_names(case: Case) -> None:
    case.host = "127.0.0.1"
    case.server = case.authority.issue("localhost", address="127.0.0.1")
    assert case.run(welcome) == [{"ok": True}]


def test_endpoint_is_an_address_that_the_certificate_does_not_name(case: Case) -> None:
    case.host = "127.0.0.1"
    failure(case.run(welcome)[0], AGAIN, "certificate is not for 127.0.0.1", "correct the endpoint")


def test_wrong_host_name(case: Case) -> None:
    case.server = case.authority.issue("other.example")
    failure(case.run(welcome)[0], AGAIN, "certificate is not for localhost", "correct the endpoint")


def test_wrong_root_certificate(case: Case) -> None:
    case.client_ca, case.ca = case.ca, other_authority(case).path
    failure(case.run(welcome)[0], AGAIN, "localhost is not signed by our root CA", "replace the root CA")


@pytest.mark.parametrize("days_off", [-30, 30])
def test_server_certificate_out_of_date_names_the_clock(case: Case, days_off: int) -> None:
    case.server = case.authority.issue("localhost", days_off=days_off)
    failure(
        case.run(welcome)[0], AGAIN, "the certificate of localhost is not valid now (the clock says 20", "NTP"
    )


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, TLS_1_3])
def test_client_certificate_refused(case: Case, newest: ssl.TLSVersion) -> None:
    case.client_ca = other_authority(case).path
    case.newest = newest
    failure(case.run(welcome)[0], AGAIN, "refused our certificate", refused=True)


def test_server_that_closes_during_the_handshake(case: Case) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        case.port = listener.getsockname()[1]

        def close() -> None:
            plain, _ = listener.accept()
            with plain:
                plain.recv(4096)

        thread = threading.Thread(target=close, daemon=True)
        thread.start()
        failure(case.run(welcome)[0], AGAIN, "closed the connection during the TLS handshake", refused=True)
        thread.join(20)


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, TLS_1_3])
def test_certificate_and_key_do_not_belong_together(case: Case, newest: ssl.TLSVersion) -> None:
    case.key = case.authority.issue("board")[1]
    case.newest = newest
    outcome = case.run(welcome)[0]
    assert outcome["refused"] or outcome["kind"] == OVER, outcome


@pytest.mark.parametrize("name", ["ca", "certificate", "key"])
@pytest.mark.parametrize(
    "content", [b"", b"text", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END", b"\x30\x03\x02\x01\x00"]
)
def test_files_that_cannot_be_used(case: Case, name: str, content: bytes) -> None:
    path = case.home / "bad.pem"
    path.write_bytes(content)
    setattr(case, name, path)
    case.client_ca = case.authority.path
    if name == "ca":
        failure(case.run(welcome)[0], GIVE_UP, "root CA cannot be used", "replace the root CA file")
    else:
        failure(case.run(welcome)[0], OVER, "certificate or key cannot be used", "replace both files")


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken but does not listen: connections are refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize("stack", ["", "lwip"])
def test_closed_port(case: Case, closed_port: int, stack: str) -> None:
    """lwIP lets such a connection open: only poll tells that it was refused."""
    case.board["MUSTER_BOARD_STACK"] = stack
    case.port = closed_port
    failure(case.run(welcome)[0], AGAIN, f"localhost:{closed_port} refused the connection", "nothing listens")


def test_mutual_tls_on_lwip(case: Case) -> None:
    case.board["MUSTER_BOARD_STACK"] = "lwip"
    assert case.run(welcome, ["close"]) == [{"ok": True}] * 2


def test_a_network_through_which_nothing_gets_any_more(case: Case) -> None:
    """Though it says that it is up: the name server is silent, and so is a server known by its address."""
    case.board["MUSTER_BOARD_NETWORK"] = "stuck:0"
    failure(case.run(welcome)[0], AGAIN, "cannot resolve localhost", lost=True)
    case.host = "127.0.0.1"
    case.intervals = QUICK
    failure(case.run(welcome)[0], AGAIN, "does not answer", lost=True)


def test_name_that_nobody_knows(case: Case) -> None:
    case.host = "nobody.invalid"
    case.board["MUSTER_BOARD_DNS"] = "down"
    failure(
        case.run(welcome)[0],
        AGAIN,
        "no address found for nobody.invalid (no such name)",
        "check the endpoint",
    )


def test_a_name_server_that_does_not_answer(case: Case) -> None:
    case.board["MUSTER_BOARD_DNS"] = "silent"
    failure(case.run(welcome)[0], AGAIN, "cannot resolve localhost", "127.0.0.1", lost=True)


def test_server_that_takes_the_connection_and_says_nothing(case: Case) -> None:
    case.silent = True
    case.intervals = QUICK
    failure(case.run(welcome)[0], AGAIN, "does not answer", "firewall", lost=True)


def test_server_that_takes_no_connection(case: Case) -> None:
    """Its queue is full: the packets that should open one are dropped, as by a firewall."""
    case.intervals = QUICK
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(8):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            waiting.append(client)
        case.port = listener.getsockname()[1]
        failure(case.run(welcome)[0], AGAIN, "does not answer", lost=True)
        for client in waiting:
            client.close()


def test_no_connack(case: Case) -> None:
    case.intervals = QUICK

    def script(peer: Peer) -> None:
        peer.expect(0x10)
        peer.until_closed()

    failure(case.run(script)[0], AGAIN, "does not answer", lost=True)


@pytest.mark.parametrize("code", [1, 5, 7, 255])
def test_connack_with_a_code(case: Case, code: int) -> None:
    def script(peer: Peer) -> None:
        peer.expect(0x10)
        peer.send(bytes((0x20, 2, 0, code)))
        peer.until_closed()

    failure(case.run(script)[0], AGAIN, f"CONNACK code {code}", refused=True)


def test_closed_instead_of_connack(case: Case) -> None:
    failure(
        case.run(lambda peer: None if peer.expect(0x10) else None)[0],
        AGAIN,
        "the server closed the connection",
        refused=True,
    )


@pytest.mark.parametrize(
    "answer",
    [
        b"\xd0\x00",
        b"\x30\x03\x00\x01a",
        b"\x20\x00",
        b"\x20\x01\x00",
        b"\x90\x01\x00",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
def test_something_else_than_connack(case: Case, answer: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.expect(0x10)
        peer.send(answer)
        peer.until_closed()

    case.intervals = QUICK
    promises_more = answer.startswith(b"HTTP")  # read as a length, "T" is 84 bytes
    failure(case.run(script)[0], AGAIN, lost=promises_more)


def test_server_that_speaks_no_tls(case: Case) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        case.port = listener.getsockname()[1]

        def answer() -> None:
            plain, _ = listener.accept()
            with plain:
                plain.recv(4096)
                plain.sendall(b"\x20\x02\x00\x00" * 20)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        failure(case.run(welcome)[0], AGAIN, refused=True)
        thread.join(20)
