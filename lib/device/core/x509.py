"""What a board needs to know about a certificate (RFC 5280) and its private key.

Only subject, dates and the public key: the TLS library checks chains, names and signatures. Input is DER;
malformed input raises ValueError.
"""

from device.core import calendar, der

_COMMON_NAME = b"\x55\x04\x03"  # 2.5.4.3
_CURVES = (  # encoded OID, name, bytes of a coordinate
    (der.OID_P256, "p-256", 32),
    (b"\x2b\x81\x04\x00\x22", "p-384", 48),  # 1.3.132.0.34
    (b"\x2b\x81\x04\x00\x23", "p-521", 66),  # 1.3.132.0.35
)


class Certificate:
    """What `read` found.

    subject: its common name, "" without one. not_before, not_after: Unix seconds, both inclusive. public_key:
    the content of SubjectPublicKeyInfo.
    """

    def __init__(self, subject, not_before, not_after, public_key):
        self.subject = subject
        self.not_before = not_before
        self.not_after = not_after
        self.public_key = public_key


def read(certificate_der):
    """Return subject, dates and public key of one certificate; raises ValueError for anything else."""
    outer = der.Reader(certificate_der)
    certificate = outer.enter(der.SEQUENCE)
    outer.done()
    signed = certificate.enter(der.SEQUENCE)
    certificate.enter(der.SEQUENCE)  # signature algorithm
    certificate.bits()
    certificate.done()
    if signed.tag() == der.CONTEXT:
        signed.skip()  # version
    signed.take(der.INTEGER)  # serial number
    signed.enter(der.SEQUENCE)  # signature algorithm
    signed.enter(der.SEQUENCE)  # issuer
    validity = signed.enter(der.SEQUENCE)
    not_before = _unix_time(validity)
    not_after = _unix_time(validity)
    validity.done()
    subject = _common_name(signed.enter(der.SEQUENCE))
    return Certificate(subject, not_before, not_after, signed.take(der.SEQUENCE))


def _common_name(names):
    while names.tag() == der.SET:
        part = names.enter(der.SET).enter(der.SEQUENCE)
        if part.take(der.OID) == _COMMON_NAME:
            return part.take(part.tag()).decode()
    return ""


def matches(certificate_der, private_key_der):
    """Whether the private key belongs to the certificate, as far as its public part shows.

    RSA (PKCS#1, PKCS#8) by modulus and exponent, EC (SEC1, PKCS#8) by curve and point. A point missing
    from an EC key is not computed: with the right curve such a key counts as matching, because nothing
    contradicts it. Raises ValueError when either is malformed or of an unknown kind.
    """
    kind_of_certificate, wanted = _public_of_certificate(read(certificate_der).public_key)
    kind_of_key, public = _private_key(private_key_der)
    return kind_of_key == kind_of_certificate and public in (None, wanted)


def kind(private_key_der):
    """Return the kind of a private key as text: "rsa-2048", "p-256", ...; ValueError as in `matches`."""
    return _private_key(private_key_der)[0]


def _public_of_certificate(content):
    info = der.Reader(content)
    algorithm = info.enter(der.SEQUENCE)
    name = algorithm.take(der.OID)
    if name == der.OID_EC_PUBLIC_KEY:
        curve = _curve(algorithm.take(der.OID))
        point = _checked_point(info.bits(), curve)
        info.done()
        return curve[1], point
    if name != der.OID_RSA:
        raise ValueError("certificate: public key is neither RSA nor EC")
    bits = der.Reader(info.bits())
    info.done()
    key = bits.enter(der.SEQUENCE)
    bits.done()
    modulus = key.unsigned()
    exponent = key.unsigned()
    key.done()
    return _rsa_name(modulus), (modulus, exponent)


def _private_key(data):
    """Return the kind and the public part, None where the key lacks it."""
    outer = der.Reader(data)
    key = outer.enter(der.SEQUENCE)
    outer.done()
    version = key.unsigned()
    following = key.tag()
    if following == der.OCTET_STRING and version == b"\x01":
        return _sec1(key, None)
    if following == der.INTEGER:
        return _pkcs1(key)
    if following != der.SEQUENCE:
        raise ValueError("private key: neither PKCS#1, SEC1 nor PKCS#8")
    algorithm = key.enter(der.SEQUENCE)
    name = algorithm.take(der.OID)
    curve = _curve(algorithm.take(der.OID)) if name == der.OID_EC_PUBLIC_KEY else None
    outer = der.Reader(key.take(der.OCTET_STRING))
    inner = outer.enter(der.SEQUENCE)
    outer.done()
    inner.unsigned()  # version
    if curve:
        return _sec1(inner, curve)
    if name == der.OID_RSA:
        return _pkcs1(inner)
    raise ValueError("private key: neither RSA nor EC")


def _pkcs1(key):
    """Read RSAPrivateKey (RFC 8017, A.1.2) after its version: n, e, d, p, q and three more."""
    modulus = key.unsigned()
    exponent = key.unsigned()
    for _ in range(6):
        key.unsigned()
    key.done()
    return _rsa_name(modulus), (modulus, exponent)


def _sec1(key, curve):
    """Read ECPrivateKey (RFC 5915) after its version; `curve` from the enclosing structure, or None."""
    secret = key.take(der.OCTET_STRING)
    if key.tag() == der.CONTEXT:
        curve = _curve(key.enter(der.CONTEXT).take(der.OID))
    if curve is None:
        raise ValueError("private key: no curve is named")
    public = None
    if key.tag() == der.CONTEXT + 1:
        public = _checked_point(key.enter(der.CONTEXT + 1).bits(), curve)
    key.done()
    if len(secret) != curve[2]:
        raise ValueError("private key: %d bytes is the wrong length for %s" % (len(secret), curve[1]))
    return curve[1], public


def _curve(content):
    for curve in _CURVES:
        if curve[0] == content:
            return curve
    raise ValueError("curve must be P-256, P-384 or P-521")


def _checked_point(point, curve):
    if len(point) != 1 + 2 * curve[2] or point[0] != 4:
        raise ValueError("%s: public point has the wrong length or is compressed" % curve[1])
    return point


def _rsa_name(modulus):
    if not modulus:
        raise ValueError("RSA: modulus is 0")
    bits = 8 * len(modulus)
    first = modulus[0]
    while first < 0x80:
        first <<= 1
        bits -= 1
    return "rsa-%d" % bits


def _unix_time(validity):
    """Take a UTCTime or GeneralizedTime (RFC 5280, 4.1.2.5) and return Unix seconds."""
    if validity.tag() == der.UTC_TIME:
        text = validity.take(der.UTC_TIME)
        text = (b"19" if text[:1] >= b"5" else b"20") + text
    else:
        text = validity.take(der.GENERALIZED_TIME)
    digits = text[:14]
    if len(text) != 15 or text[14:] != b"Z" or not digits.isdigit():
        raise ValueError("certificate: date is malformed")
    numbers = [int(digits[:4])] + [int(digits[at : at + 2]) for at in (4, 6, 8, 10, 12)]
    unix_s = calendar.unix(*numbers)
    if calendar.date(unix_s) != tuple(numbers):
        raise ValueError("certificate: date does not exist")
    return unix_s
