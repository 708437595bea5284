"""The board's own cryptography against the `cryptography` package, on hundreds of random keys."""

import datetime
import hashlib
import random
from collections.abc import Iterator

import pytest
from cryptography import x509 as reference
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from device.claim import csr, p256
from device.core import pem, x509

CURVE = ec.SECP256R1()
KEYS = 300
FORMS = (PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def private_numbers(count: int, seed: int) -> Iterator[int]:
    """Yield random private keys, the same ones in every run, after those at the edges."""
    yield from (1, 2, 3, p256.N - 1, p256.N - 2, p256.N // 2, p256.N // 2 + 1, 1 << 255, (1 << 208) - 1)
    source = random.Random(seed)
    for _ in range(count):
        yield p256.generate_private_key(source.randbytes)


def public_of(d: int) -> ec.EllipticCurvePublicKey:
    return ec.derive_private_key(d, CURVE).public_key()


def self_signed(key: Key, not_before: datetime.datetime, not_after: datetime.datetime) -> bytes:
    name = reference.Name([reference.NameAttribute(reference.NameOID.COMMON_NAME, "x")])
    builder = reference.CertificateBuilder(name, name, key.public_key(), 1, not_before, not_after)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def private_der(key: Key, form: PrivateFormat) -> bytes:
    return key.private_bytes(Encoding.DER, form, NoEncryption())


def test_comb_table_is_what_its_comment_says() -> None:
    for index in range(16):
        scalar = 1 << 208
        for tooth in range(4):
            scalar += (1 if index >> tooth & 1 else -1) << 52 * tooth
        numbers = public_of(scalar % p256.N).public_numbers()
        entry = numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
        assert p256._TABLE[64 * index : 64 * (index + 1)] == entry
    assert len(p256._TABLE) == 1024


def test_public_keys_are_equal() -> None:
    for d in private_numbers(KEYS, seed=1):
        numbers = public_of(d).public_numbers()
        assert p256.public_key(d) == (numbers.x, numbers.y)


def test_signatures_verify() -> None:
    for d in private_numbers(KEYS, seed=2):
        digest = hashlib.sha256(str(d).encode()).digest()
        signature = encode_dss_signature(*p256.sign(d, digest))
        public_of(d).verify(signature, digest, ec.ECDSA(Prehashed(hashes.SHA256())))


def test_signatures_equal_the_deterministic_ones() -> None:
    try:
        algorithm = ec.ECDSA(Prehashed(hashes.SHA256()), deterministic_signing=True)
    except UnsupportedAlgorithm as error:
        pytest.skip(f"this OpenSSL signs with random k only: {error}")
    for d in private_numbers(20, seed=3):
        for digest in (bytes(32), b"\xff" * 32, hashlib.sha256(str(d).encode()).digest()):
            expected = ec.derive_private_key(d, CURVE).sign(digest, algorithm)
            assert encode_dss_signature(*p256.sign(d, digest)) == expected


def test_requests_load_and_are_signed() -> None:
    for count, d in enumerate(private_numbers(100, seed=4)):
        name = "n" * (count % 64 + 1)
        text = csr.signing_request(d, name, public=p256.public_key(d))
        assert len(text) < 500
        request = reference.load_pem_x509_csr(text.encode())
        assert request.is_signature_valid
        assert request.public_key() == public_of(d)
        assert request.subject.rfc4514_string() == f"CN={name}"
        assert list(request.extensions) == []
        assert isinstance(request.signature_hash_algorithm, hashes.SHA256)


def test_private_keys_load_and_are_byte_for_byte_the_same() -> None:
    for d in private_numbers(100, seed=5):
        encoded = csr.private_key_der(d, p256.public_key(d))
        key = serialization.load_der_private_key(encoded, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert key.private_numbers().private_value == d
        assert private_der(key, PrivateFormat.TraditionalOpenSSL) == encoded
        text = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
        assert pem.from_der(encoded, pem.EC_PRIVATE_KEY) == text


def test_matches_good_and_mismatched_pairs() -> None:
    keys: list[Key] = [rsa.generate_private_key(65537, size) for size in (2048, 2048, 3072)]
    keys += [ec.generate_private_key(curve) for curve in (CURVE, CURVE, ec.SECP384R1(), ec.SECP521R1())]
    kinds = ["rsa-2048", "rsa-2048", "rsa-3072", "p-256", "p-256", "p-384", "p-521"]
    start = datetime.datetime(2026, 1, 1)
    certificates = [self_signed(key, start, start + datetime.timedelta(days=1)) for key in keys]
    for key, kind in zip(keys, kinds, strict=True):
        for form in FORMS:
            encoded = private_der(key, form)
            assert x509.kind(encoded) == kind
            found = [x509.matches(certificate, encoded) for certificate in certificates]
            assert found == [other is key for other in keys]


def test_board_key_matches_the_certificate_made_from_its_request() -> None:
    start = datetime.datetime(2026, 1, 1)
    for d in private_numbers(20, seed=6):
        certificate = self_signed(ec.derive_private_key(d, CURVE), start, start + datetime.timedelta(days=1))
        public = p256.public_key(d)
        assert x509.matches(certificate, csr.private_key_der(d, public))
        other = p256.N - d
        assert not x509.matches(certificate, csr.private_key_der(other, p256.public_key(other)))


def test_dates_equal() -> None:
    key = ec.generate_private_key(CURVE)
    source = random.Random(7)
    first = datetime.datetime(1950, 1, 1)
    span_s = int((datetime.datetime(9999, 12, 31) - first).total_seconds())
    for _ in range(200):
        offsets = sorted(source.randrange(span_s) // source.choice((1, 80)) for _ in range(2))
        dates = [first + datetime.timedelta(seconds=offset) for offset in offsets]
        encoded = self_signed(key, *dates)
        certificate = reference.load_der_x509_certificate(encoded)
        read = x509.read(encoded)
        assert read.not_before == int(certificate.not_valid_before_utc.timestamp())
        assert read.not_after == int(certificate.not_valid_after_utc.timestamp())


def test_bundle_of_certificates() -> None:
    start = datetime.datetime(2026, 1, 1)
    key = ec.generate_private_key(CURVE)
    encoded = [self_signed(key, start, start + datetime.timedelta(days=days)) for days in (1, 2, 3)]
    text = "".join(pem.from_der(der, pem.CERTIFICATE) for der in encoded)
    assert [
        c.public_bytes(Encoding.DER) for c in reference.load_pem_x509_certificates(text.encode())
    ] == encoded
    assert pem.all_der(text) == encoded
