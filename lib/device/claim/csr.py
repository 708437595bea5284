"""PKCS#10 signing request (RFC 2986) and SEC1 private key (RFC 5915) for a P-256 key made on the board."""

import hashlib

from device.claim import p256
from device.core import der, pem

_COMMON_NAME = b"\x55\x04\x03"  # 2.5.4.3
_ECDSA_WITH_SHA256 = b"\x2a\x86\x48\xce\x3d\x04\x03\x02"  # 1.2.840.10045.4.3.2
_MOST_CHARACTERS = 64  # ub-common-name, RFC 5280 appendix A


def private_key_der(d, public):
    """Return the ECPrivateKey (RFC 5915, section 3) of `d` with named curve and public point (x, y)."""
    return der.sequence(
        der.integer(1),
        der.octet_string(d.to_bytes(p256.SIZE, "big")),
        der.context(0, der.oid(der.OID_P256)),
        der.context(1, der.bit_string(_point(public))),
    )


def signing_request(d, common_name, progress=None, public=None):
    """Return the PEM text of a signing request for key `d`, subject CN = `common_name`.

    Signed with ecdsa-with-SHA256, no attributes, under 500 characters for an ASCII name. `public` is
    (x, y) if known, which saves half of the time. `progress()` as in `p256.public_key`.
    ValueError for an empty name or one of more than 64 characters, and for a key out of range.
    """
    if not 1 <= len(common_name) <= _MOST_CHARACTERS:
        raise ValueError("signing request: name has %d characters; 1 to 64 are allowed" % len(common_name))
    if public is None:
        public = p256.public_key(d, progress)
    name = der.sequence(der.oid(_COMMON_NAME), der.utf8_string(common_name))
    info = der.sequence(
        der.integer(0),
        der.sequence(der.set_of(name)),
        der.sequence(
            der.sequence(der.oid(der.OID_EC_PUBLIC_KEY), der.oid(der.OID_P256)),
            der.bit_string(_point(public)),
        ),
        der.context(0),
    )
    r, s = p256.sign(d, hashlib.sha256(info).digest(), progress)
    request = der.sequence(
        info,
        der.sequence(der.oid(_ECDSA_WITH_SHA256)),
        der.bit_string(der.sequence(der.integer(r), der.integer(s))),
    )
    return pem.from_der(request, pem.CERTIFICATE_REQUEST)


def _point(public):
    """Return the uncompressed form of a point (SEC 1, section 2.3.3)."""
    x, y = public
    return b"\x04" + x.to_bytes(p256.SIZE, "big") + y.to_bytes(p256.SIZE, "big")


def make(common_name, random_bytes, progress=None):
    """[private key PEM, signing request PEM] of a new key; `random_bytes` and `progress` as in `p256`."""
    d = p256.generate_private_key(random_bytes)
    public = p256.public_key(d, progress)
    request = signing_request(d, common_name, progress, public)
    return [pem.from_der(private_key_der(d, public), pem.EC_PRIVATE_KEY), request]
