"""The twin's certificate authority: root, server certificate, claim certificate, device certificates.

Source of the certificate's shape: AWS IoT Developer Guide, "X.509 client certificates"; of the rules for a
CSR: AWS IoT API Reference, CreateCertificateFromCsr.
"""

import datetime
import hashlib
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from muster import files
from muster.twin.settings import Home, KeyKind

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

SUBJECT = "AWS IoT Certificate"
ROOT_NAME = "Muster twin root CA"  # common name; a twin's CA is recognized by it
AWS_NOT_AFTER = datetime.datetime(2049, 12, 31, 23, 59, 59, tzinfo=datetime.timezone.utc)
BACKDATE_S = 120  # AWS dates a new certificate two minutes back
CSR_CHARACTERS = 4096
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_DAY = datetime.timedelta(days=1)
_SERVER_DAYS = 397


class BadRequestError(ValueError):
    """A certificate signing request that AWS would refuse; the text says why."""


def new_key(kind: KeyKind) -> PrivateKey:
    """A fresh RSA-2048 or P-256 private key."""
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_pem(key: PrivateKey) -> str:
    """The key as AWS hands it out: PKCS#1 for RSA, SEC 1 for an elliptic curve."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def certificate_id(der: bytes) -> str:
    """AWS names a certificate by the SHA-256 of its DER form, 64 hex digits."""
    return hashlib.sha256(der).hexdigest()


def public_key_of_csr(pem: str) -> PublicKey:
    """The public key of a PEM certificate signing request; raises BadRequestError as AWS would refuse."""
    if len(pem) > CSR_CHARACTERS:
        raise BadRequestError(f"CSR is longer than {CSR_CHARACTERS} characters")
    try:
        csr = x509.load_pem_x509_csr(pem.encode())
        is_valid, key = csr.is_signature_valid, csr.public_key()
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise BadRequestError("CSR could not be parsed") from error
    if not is_valid:
        raise BadRequestError("CSR signature is not valid")
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < 2048:
            raise BadRequestError("RSA key must have at least 2048 bits")
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES):
        return key
    raise BadRequestError("key must be RSA or on the NIST curve P-256, P-384 or P-521")


def write_new(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file that appears whole, with its mode from the first byte on."""
    files.write(path, text.encode(), mode=mode)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative_names(host: str) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for name in dict.fromkeys((host, "localhost", "127.0.0.1", "::1")):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            names.append(x509.DNSName(name))
    return names


class Authority:
    """The root CA of one home: it signs the server's and every device's certificate."""

    def __init__(self, home: Home, kind: KeyKind) -> None:
        """Load the CA of `home`, or make it (the key file has mode 0600)."""
        self._home = home
        self._kind: KeyKind = kind
        home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (home.ca_pem.exists() and home.ca_key.exists()):
            self._make_root()
        self.certificate = x509.load_pem_x509_certificate(home.ca_pem.read_bytes())
        key = serialization.load_pem_private_key(home.ca_key.read_bytes(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
        self._key: PrivateKey = key
        # What every certificate of ours has in common: to build it anew costs as much as to sign.
        self._common = (
            x509.CertificateBuilder()
            .issuer_name(self.certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
            )
            .add_extension(_usage(sign_certificates=False), critical=True)
        )
        self._of_devices = self._common.subject_name(_name(SUBJECT))

    def _make_root(self) -> None:
        key = new_key(self._kind)
        name = _name(ROOT_NAME)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
        builder = _of_key(builder, key.public_key(), _now() - _DAY, AWS_NOT_AFTER)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(sign_certificates=True), critical=True)
        certificate = builder.sign(key, hashes.SHA256())
        write_new(self._home.ca_key, key_pem(key), 0o600)
        write_new(self._home.ca_pem, _pem(certificate))

    def ensure_server(self, host: str) -> None:
        """Make the certificate of the twin's server for `host` unless a good one is there."""
        self.ensure_pair(host, self._home.server_pem, self._home.server_key)

    def ensure_pair(self, host: str, pem: Path, key_file: Path) -> None:
        """Make a server's certificate and key for `host` in these files unless good ones are there."""
        names = _alternative_names(host)
        if pem.exists() and key_file.exists():
            old = x509.load_pem_x509_certificate(pem.read_bytes())
            is_ours = old.issuer == self.certificate.subject and _signed_by(old, self.certificate)
            covered = old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            if is_ours and all(name in covered for name in names) and _not_after(old) > _now() + 30 * _DAY:
                return
        key = new_key(self._kind)
        until = min(_now() + _SERVER_DAYS * _DAY, AWS_NOT_AFTER)
        builder = _of_key(self._common.subject_name(_name(host)), key.public_key(), _now() - _DAY, until)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        write_new(key_file, key_pem(key), 0o600)
        write_new(pem, _pem(certificate))

    def issue(self, key: PublicKey, now_s: float, not_after_s: float) -> tuple[str, str]:
        """Sign a client certificate for `key`; (certificate id, PEM). Times are Unix seconds."""
        builder = _of_key(self._of_devices, key, _time(now_s - BACKDATE_S), _time(not_after_s))
        certificate = builder.sign(self._key, hashes.SHA256())
        return certificate_id(certificate.public_bytes(serialization.Encoding.DER)), _pem(certificate)


def not_after_s(now_s: float, ttl_h: float | None) -> float:
    """When a certificate issued at `now_s` ends (Unix seconds); `ttl_h` None: AWS's own date."""
    latest_s = AWS_NOT_AFTER.timestamp()
    return latest_s if ttl_h is None else min(latest_s, now_s + ttl_h * 3600)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def _time(unix_s: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(unix_s), datetime.timezone.utc)


def _not_after(certificate: x509.Certificate) -> datetime.datetime:
    return certificate.not_valid_after_utc


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _of_key(
    builder: x509.CertificateBuilder,
    key: PublicKey,
    not_before: datetime.datetime,
    not_after: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        builder.public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )
