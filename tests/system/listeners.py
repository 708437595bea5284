"""Servers that are not the twin: with the wrong certificate, with none, or silent."""

import contextlib
import datetime
import socket
import ssl
import threading
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from muster.twin import pki
from muster.twin.settings import Home


class Authority(NamedTuple):
    """A root CA: its key, its certificate, and that as PEM."""

    key: pki.PrivateKey
    certificate: x509.Certificate
    pem: bytes


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _issue(
    subject: str, key: pki.PrivateKey, issuer: x509.Name, signer: pki.PrivateKey, from_s: float, to_s: float
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.timezone.utc)
    is_ca = key is signer
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(seconds=from_s))
        .not_valid_after(now + datetime.timedelta(seconds=to_s))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
    )
    return builder.sign(signer, hashes.SHA256())


def foreign_authority() -> Authority:
    """A root CA that no board and no twin knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _issue("another root", key, _name("another root"), key, -3600, 86400)
    return Authority(key, certificate, certificate.public_bytes(serialization.Encoding.PEM))


def twin_authority(home: Home) -> Authority:
    """The root CA of a twin."""
    pem = home.ca_pem.read_bytes()
    key = serialization.load_pem_private_key(home.ca_key.read_bytes(), None)
    assert isinstance(key, pki.PrivateKey)
    return Authority(key, x509.load_pem_x509_certificate(pem), pem)


def server_context(folder: Path, ca: Authority, from_s: float = -3600, to_s: float = 3600) -> ssl.SSLContext:
    """TLS for a server "localhost" by `ca`, its certificate valid from and to so many seconds from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _issue("localhost", key, ca.certificate.subject, ca.key, from_s, to_s)
    path = folder / f"server-{certificate.serial_number:x}.pem"
    pki.write_new(
        path, pki.key_pem(key) + certificate.public_bytes(serialization.Encoding.PEM).decode(), 0o600
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def silent() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


class Listener:
    """Accepts every connection: with TLS as `context` says, else says `answer` at once; then nothing."""

    def __init__(self, context: ssl.SSLContext | None = None, answer: bytes = b"") -> None:
        self._context = context
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> "Listener":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed at the end
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the board goes away when it does not like what it sees
            if self._context is not None:
                self._open.append(self._context.wrap_socket(connection, server_side=True))
            connection.sendall(self._answer)
