"""Handshakes that fail are told by `twin run -v`: a board that is refused in TLS reaches nothing else."""

import socket
import ssl

import pytest

from muster.twin.server import RunningTwin
from tools.twin.heard import Heard
from tools.twin.helpers import Device


def _context(twin: RunningTwin) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=twin.ca_pem_path)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def test_a_client_without_certificate_is_told(twin: RunningTwin, heard: Heard) -> None:
    with socket.create_connection(("127.0.0.1", twin.port)) as plain, pytest.raises(ssl.SSLError):
        _context(twin).wrap_socket(plain, server_hostname="localhost")
    assert heard.wait("TLS handshake failed (PEER_DID_NOT_RETURN_A_CERTIFICATE)")


def test_a_client_that_goes_away_is_told(twin: RunningTwin, heard: Heard) -> None:
    with socket.create_connection(("127.0.0.1", twin.port)):
        pass
    assert heard.wait("TLS handshake not finished")


def test_bytes_that_are_no_tls_are_told(twin: RunningTwin, heard: Heard) -> None:
    with socket.create_connection(("127.0.0.1", twin.port)) as plain:
        plain.sendall(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00" * 4)
        assert heard.wait("TLS handshake failed")


def test_a_goodbye_is_answered(camera: Device) -> None:
    with camera.connect() as raw:
        raw.socket.unwrap()  # raises SSLError when the twin only closes the socket
