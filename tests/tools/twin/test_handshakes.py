"""Handshakes that fail are told by `twin run -v`: a board that is refused in TLS reaches nothing else."""

import gc
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from muster.twin.server import RunningTwin


class _Heard(logging.Handler):
    """Collects what the twin says; `wait` until it has said something with these words."""

    def __init__(self) -> None:
        super().__init__()
        self._news = threading.Condition()
        self._said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        with self._news:
            self._said.append(record.getMessage())
            self._news.notify_all()

    def has(self, words: str) -> bool:
        with self._news:
            return any(words in line for line in self._said)

    def wait(self, words: str) -> bool:
        """Whether it is said in time. What never finished is told when the collector finds it."""
        end_s = time.monotonic() + 30
        while not self.has(words) and time.monotonic() < end_s:
            gc.collect()
            with self._news:
                self._news.wait(0.1)
        return self.has(words)


@pytest.fixture
def heard() -> Iterator[_Heard]:
    log = logging.getLogger("muster.twin")
    handler, level = _Heard(), log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    log.removeHandler(handler)
    log.setLevel(level)


def _context(twin: RunningTwin) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=twin.ca_pem_path)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def test_a_client_without_certificate_is_told(twin: RunningTwin, heard: _Heard) -> None:
    with socket.create_connection(("127.0.0.1", twin.port)) as plain, pytest.raises(ssl.SSLError):
        _context(twin).wrap_socket(plain, server_hostname="localhost")
    assert heard.wait("TLS handshake failed (PEER_DID_NOT_RETURN_A_CERTIFICATE)")


def test_a_client_that_goes_away_is_told(twin: RunningTwin, heard: _Heard) -> None:
    with socket.create_connection(("127.0.0.1", twin.port)):
        pass
    assert heard.wait("TLS handshake not finished")


def test_bytes_that_are_no_tls_are_told(twin: RunningTwin, heard: _Heard) -> None:
    with socket.create_connection(("127.0.0.1", twin.port)) as plain:
        plain.sendall(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00" * 4)
        assert heard.wait("TLS handshake failed")
