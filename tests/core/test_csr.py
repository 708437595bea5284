"""The key and the signing request that the board makes; tests/tools checks them with `cryptography`."""

import hashlib

from check import raises
from device.claim import csr, p256
from device.core import der, pem, x509

_KEY = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721  # RFC 6979, A.2.5
_NAME = "sensor-0001"


def test_private_key_is_121_bytes_and_names_its_curve():
    encoded = csr.private_key_der(_KEY, p256.public_key(_KEY))
    assert len(encoded) == 121
    assert encoded[:7] == b"\x30\x77\x02\x01\x01\x04\x20"
    assert x509.kind(encoded) == "p-256"
    small = csr.private_key_der(1, p256.public_key(1))
    assert len(small) == 121  # the private number keeps its leading zeros
    assert small[7:39] == bytes(31) + b"\x01"


def test_request_has_the_parts_of_rfc_2986():
    x, y = p256.public_key(_KEY)
    text = csr.signing_request(_KEY, _NAME)
    assert text.startswith("-----BEGIN CERTIFICATE REQUEST-----\n")
    data = pem.to_der(text, pem.CERTIFICATE_REQUEST)
    outer = der.Reader(data)
    request = outer.enter(der.SEQUENCE)
    outer.done()
    info = request.take(der.SEQUENCE)
    assert request.enter(der.SEQUENCE).take(der.OID) == b"\x2a\x86\x48\xce\x3d\x04\x03\x02"
    signature = der.Reader(request.bits()).enter(der.SEQUENCE)
    request.done()
    r, s = p256.sign(_KEY, hashlib.sha256(der.sequence(info)).digest())
    assert int.from_bytes(signature.unsigned(), "big") == r
    assert int.from_bytes(signature.unsigned(), "big") == s
    signature.done()

    parts = der.Reader(info)
    assert parts.unsigned() == b""
    name = parts.enter(der.SEQUENCE).enter(der.SET).enter(der.SEQUENCE)
    assert name.take(der.OID) == b"\x55\x04\x03"
    assert name.take(der.UTF8_STRING) == _NAME.encode()
    key = parts.enter(der.SEQUENCE)
    key.skip()
    assert key.bits() == b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
    parts.enter(der.CONTEXT).done()
    parts.done()


def test_the_same_key_and_name_give_the_same_request():
    public = p256.public_key(_KEY)
    calls = []
    first = csr.signing_request(_KEY, _NAME)
    assert csr.signing_request(_KEY, _NAME, lambda: calls.append(1), public) == first
    assert len(calls) == 14
    assert csr.signing_request(_KEY, _NAME, lambda: calls.append(1)) == first
    assert len(calls) == 14 + 28


def test_name_has_1_to_64_characters():
    public = p256.public_key(_KEY)
    assert len(csr.signing_request(_KEY, "n" * 64, None, public)) < 500
    assert "65" in str(raises(ValueError, csr.signing_request, _KEY, "n" * 65, None, public))
    raises(ValueError, csr.signing_request, _KEY, "", None, public)
    csr.signing_request(_KEY, "\u00e9" * 64, None, public)


def test_refuses_a_key_out_of_range():
    raises(ValueError, csr.signing_request, 0, _NAME)
    raises(ValueError, csr.signing_request, p256.N, _NAME)
