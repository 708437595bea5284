"""device.port.http under MicroPython and servers that want to know who asks: mutual TLS."""

import re
import socket
import ssl
from pathlib import Path

import pytest

from device.core.failures import AGAIN
from tests.port import micro
from tests.port.http_case import Case, said, serving
from tests.port.tls_peer import Authority

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(params=micro.BITS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    micro.command(request.param)
    return Case(tmp_path, request.param)


def demanding(case: Case, clients: Authority) -> ssl.SSLContext:
    """A server's context for clients with a certificate of `clients`."""
    context = case.context()
    context.load_verify_locations(clients.path)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_the_board_shows_its_certificate(case: Case) -> None:
    home = case.home / "clients"
    home.mkdir()
    clients = Authority(home, "Clients CA")
    seen = []

    def script(plain: socket.socket) -> None:
        assert isinstance(plain, ssl.SSLSocket)
        seen.append(plain.getpeercert()["subject"][0][0][1])  # type: ignore[index]
        said(OK + b"Content-Length: 2\r\n\r\nhi")(plain)

    identity = [str(path) for path in clients.issue("camera-0001")]
    stranger = [str(path) for path in case.authority.issue("camera-0001")]
    with serving(script, demanding(case, clients)) as port:
        order = {"url": f"https://localhost:{port}/"}
        good, *bad = case.run(
            {**order, "identity": identity},
            order,  # without any
            {**order, "identity": stranger},
            {**order, "identity": [identity[0], stranger[1]]},  # a key of another certificate
        )
    assert good.get("body") == "hi", good
    for outcome in bad:  # the alert may come after the handshake, or be overtaken by the end
        assert outcome.get("kind") == AGAIN and "failure" in outcome, bad
        assert re.search(r"server closed the connection|ended the TLS handshake", outcome["failure"]), bad
    assert seen == ["camera-0001"]


def test_an_identity_that_cannot_be_used(case: Case) -> None:
    junk = case.home / "junk.pem"
    junk.write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with serving(said(OK + b"\r\n"), case.context()) as port:
        (outcome,) = case.run({"url": f"https://localhost:{port}/", "identity": [str(junk), str(junk)]})
    assert "failure" in outcome and "AAAA" not in outcome["failure"], outcome
