"""A TLS server that follows a script, one connection after the other, and certificates for it.

The peer encrypts in memory, so a script decides which bytes leave together.
"""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIMIT_S = 20
_DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority that lives in the folder `home`."""

    def __init__(self, home: Path, name: str = "Test CA") -> None:
        self.home = home
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(self._name, self._key, 0).add_extension(
            x509.BasicConstraints(True, None), True
        )
        self.path = home / f"{name}.pem"
        self.path.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days_off: int
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.timezone.utc) + days_off * _DAY
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + _DAY)
        )

    def issue(self, name: str, *, address: str | None = None, days_off: int = 0) -> tuple[Path, Path]:
        """Certificate and key files for the host `name`, and for `address`; its dates moved by `days_off`."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName(name)]
        if address:
            names.append(x509.IPAddress(ipaddress.ip_address(address)))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, key, days_off)
        certificate = builder.add_extension(x509.SubjectAlternativeName(names), False).sign(
            self._key, hashes.SHA256()
        )
        number = len(list(self.home.iterdir()))
        paths = self.home / f"{number}.crt.pem", self.home / f"{number}.key.pem"
        paths[0].write_bytes(_pem(certificate))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        return paths


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def server_context(server: tuple[Path, Path], clients: Path, newest: ssl.TLSVersion) -> ssl.SSLContext:
    """Demands a client certificate that `clients` signed; speaks TLS up to `newest`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server)
    context.load_verify_locations(clients)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = newest
    return context


class Peer:
    """The server's end of one connection."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext) -> None:
        self.plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        try:
            self._drive(self._tls.do_handshake)
        except ssl.SSLError:
            plain.shutdown(socket.SHUT_WR)  # the alert is out; it must not be overtaken by a reset
            while plain.recv(65536):
                pass
            raise

    def _drive(self, call: Callable[..., bytes | int | None], *arguments: object) -> bytes | int | None:
        while True:
            try:
                result = call(*arguments)
            except ssl.SSLWantReadError:
                self.raw(self._outgoing.read())
                data = self.plain.recv(65536)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
                continue
            finally:
                self.raw(self._outgoing.read())
            return result

    def read(self, size: int) -> bytes:
        """`size` bytes. EOFError when the client has closed."""
        found = b""
        while len(found) < size:
            try:
                part = self._drive(self._tls.read, size - len(found))
            except (ssl.SSLError, ConnectionError):
                raise EOFError from None
            if not isinstance(part, bytes) or not part:
                raise EOFError
            found += part
        return found

    def packet(self) -> bytes:
        """The next MQTT packet: its first byte, then its body without the length."""
        first = self.read(1)
        size = shift = 0
        while True:
            digit = self.read(1)[0]
            size |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                return first + self.read(size)

    def expect(self, first: int) -> bytes:
        """The body of the next packet, whose first byte must be this."""
        packet = self.packet()
        assert packet[0] == first, f"expected 0x{first:02x}, got {packet[:40].hex()}"
        return packet[1:]

    def accept(self) -> bytes:
        """Take CONNECT and answer that all is well; the body of CONNECT."""
        body = self.expect(0x10)
        self.send(b"\x20\x02\x00\x00")
        return body

    def encrypted(self, *records: bytes) -> bytes:
        """The TLS records that hold these, one each; nothing is sent."""
        for record in records:
            self._tls.write(record)
        return self._outgoing.read()

    def send(self, *records: bytes) -> None:
        """Send these, each as a TLS record of its own."""
        self.raw(self.encrypted(*records))

    def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        if data:
            self.plain.sendall(data)

    def until_closed(self) -> None:
        """Wait until the client has gone, taking what it still sends."""
        try:
            while True:
                self.read(1)
        except EOFError:
            pass


Script = Callable[[Peer], None]


class Server:
    """Listens on a free port; each connection follows the next of `scripts`. `errors`: what they raised."""

    def __init__(self, context: ssl.SSLContext | None, *scripts: Script) -> None:
        self._context = context
        self._scripts = scripts
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)  # a client soon notices
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self._listener.settimeout(LIMIT_S)
        self.port: int = self._listener.getsockname()[1]
        self.errors: list[Exception] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        for script in self._scripts:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            with plain:
                plain.settimeout(LIMIT_S)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    if self._context is None:
                        plain.recv(65536)  # says nothing, and waits until the client gives up
                        while plain.recv(65536):
                            pass
                    else:
                        script(Peer(plain, self._context))
                except (OSError, EOFError, AssertionError) as error:
                    self.errors.append(error)

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for a client
        self._thread.join(LIMIT_S)
        self._listener.close()
