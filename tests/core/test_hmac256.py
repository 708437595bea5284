"""HMAC-SHA256 against the vectors of RFC 4231."""

from binascii import hexlify

from device.core.hmac256 import hmac_sha256

# RFC 4231, 4.2 to 4.8 without 4.6, which shows a shortened result: key, data, HMAC-SHA-256
_VECTORS = (
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (
        bytes(range(1, 26)),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. "
        b"The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
)


def test_published_vectors():
    for key, data, expected in _VECTORS:
        assert hexlify(hmac_sha256(key, data)).decode() == expected


def test_key_of_exactly_one_block_is_not_hashed():
    assert hmac_sha256(b"k" * 64, b"m") != hmac_sha256(b"k" * 65, b"m")
    assert hmac_sha256(b"k", b"m") == hmac_sha256(b"k" + bytes(63), b"m")


def test_takes_bytearray_and_empty_input():
    assert hmac_sha256(bytearray(b"Jefe"), bytearray(b"x")) == hmac_sha256(b"Jefe", b"x")
    assert len(hmac_sha256(b"", b"")) == 32
