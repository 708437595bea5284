"""Dates and keys of certificates: golden files made by `cryptography`, and damaged ones."""

from check import golden, raises
from device.claim import csr, p256
from device.core import der, pem, x509

_NAMES = ("ec", "ec_other", "ec384", "rsa")
_FORMS = ("traditional", "pkcs8")


def _certificate(name):
    return pem.to_der(golden(f"p256/{name}.crt.pem"), pem.CERTIFICATE)


def _key(name, form):
    return pem.to_der(golden(f"p256/{name}.{form}.key.pem"), pem.PRIVATE_KEY)


def test_dates():
    for name, not_before, not_after in (
        ("ec", 1767323045, 2524607999),  # 2026-01-02 03:04:05 to 2049-12-31 23:59:59
        ("ec_other", -631152000, 2524608000),  # 1950-01-01 to 2050-01-01
        ("ec384", 2524607999, 253402300799),  # to 9999-12-31 23:59:59
        ("rsa", 1767323045, 1835438400),  # to 2028-02-29 12:00:00
    ):
        certificate = x509.read(_certificate(name))
        assert (certificate.not_before, certificate.not_after) == (not_before, not_after)


def _minimal(not_before=b"\x17\x0d260101000000Z", public_key=b"", **more):
    """A certificate of the least that `read` looks at, valid to the end of 2049; `more` says where."""
    validity = der.sequence(not_before, b"\x17\x0d491231235959Z", more.get("in_validity", b""))
    name = der.sequence()
    signed = der.sequence(der.integer(1), name, name, validity, name, der.sequence(public_key))
    return der.sequence(signed, name, more.get("signature", b"\x03\x02\x00x"), more.get("at_end", b""))


def _with_date(tag, text):
    return _minimal(der.element(tag, text), der.integer(7))


def test_both_forms_of_a_date():
    for tag, text, expected in (
        (der.UTC_TIME, b"700101000000Z", 0),
        (der.UTC_TIME, b"500101000000Z", -631152000),
        (der.UTC_TIME, b"491231235959Z", 2524607999),
        (der.UTC_TIME, b"000229000000Z", 951782400),
        (der.GENERALIZED_TIME, b"20491231235959Z", 2524607999),
        (der.GENERALIZED_TIME, b"20500101000000Z", 2524608000),
        (der.GENERALIZED_TIME, b"21000301000000Z", 4107542400),
        (der.GENERALIZED_TIME, b"99991231235959Z", 253402300799),
    ):
        certificate = x509.read(_with_date(tag, text))
        assert certificate.not_before == expected
        assert certificate.public_key == der.integer(7)


def test_refuses_dates_that_do_not_exist():
    for tag, text in (
        (der.UTC_TIME, b"261301000000Z"),
        (der.UTC_TIME, b"260001000000Z"),
        (der.UTC_TIME, b"260100000000Z"),
        (der.UTC_TIME, b"260132000000Z"),
        (der.UTC_TIME, b"260229000000Z"),
        (der.UTC_TIME, b"260101240000Z"),
        (der.UTC_TIME, b"260101006000Z"),
        (der.UTC_TIME, b"260101000060Z"),
        (der.UTC_TIME, b"2601010000Z"),
        (der.UTC_TIME, b"260101000000+0100"),
        (der.UTC_TIME, b"260101000000z"),
        (der.UTC_TIME, b"-60101000000Z"),
        (der.UTC_TIME, b"26 101000000Z"),
        (der.UTC_TIME, b"260101000000+"),
        (der.UTC_TIME, b""),
        (der.GENERALIZED_TIME, b"21000229000000Z"),
        (der.GENERALIZED_TIME, b"20260101000000.5Z"),
        (der.GENERALIZED_TIME, b"260101000000Z"),
        (der.GENERALIZED_TIME, b"\xff" * 14 + b"Z"),
        (der.UTF8_STRING, b"260101000000Z"),
    ):
        raises(ValueError, x509.read, _with_date(tag, text))


def test_matches_exactly_the_own_key():
    for name in _NAMES:
        for other in _NAMES:
            for form in _FORMS:
                assert x509.matches(_certificate(name), _key(other, form)) == (name == other)


def test_matches_a_key_without_its_point():
    whole = _key("ec", "traditional")
    key = der.sequence(der.integer(1), der.octet_string(whole[7:39]), der.context(0, der.oid(der.OID_P256)))
    for name in _NAMES:  # nothing but its curve can contradict it
        assert x509.matches(_certificate(name), key) == (name in ("ec", "ec_other"))


def test_matches_a_p384_key_without_its_point():
    whole = _key("ec384", "traditional")
    curve = der.context(0, der.oid(b"\x2b\x81\x04\x00\x22"))
    start = whole.index(b"\x04\x30") + 2
    key = der.sequence(der.integer(1), der.octet_string(whole[start : start + 48]), curve)
    for name in _NAMES:
        assert x509.matches(_certificate(name), key) == (name == "ec384")
    raises(ValueError, x509.kind, der.sequence(der.integer(1), der.octet_string(bytes(32)), curve))
    raises(ValueError, x509.kind, der.sequence(der.integer(1), der.octet_string(bytes(32))))


def test_kind():
    for name, expected in (("ec", "p-256"), ("ec384", "p-384"), ("rsa", "rsa-2048")):
        for form in _FORMS:
            assert x509.kind(_key(name, form)) == expected
    assert x509.kind(csr.private_key_der(5, p256.public_key(5))) == "p-256"


def test_refuses_what_is_something_else():
    for bad in (b"", b"\x00", b"hello", bytes(500), b"\xff" * 500, b"\x30\x00", b"\x30\x80" * 200):
        raises(ValueError, x509.read, bad)
        raises(ValueError, x509.kind, bad)
        raises(ValueError, x509.matches, bad, _key("ec", "pkcs8"))
        raises(ValueError, x509.matches, _certificate("ec"), bad)
    raises(ValueError, x509.read, _key("rsa", "pkcs8"))
    raises(ValueError, x509.kind, _certificate("rsa"))
    raises(ValueError, x509.read, _certificate("ec") + b"\n")


def test_refuses_more_than_the_standard_has():
    extra = der.integer(1)
    assert x509.read(_minimal()).not_after == 2524607999
    raises(ValueError, x509.read, _minimal(in_validity=extra))
    raises(ValueError, x509.read, _minimal(at_end=extra))
    raises(ValueError, x509.read, _minimal(signature=extra))


def _ec_public(point, more=b""):
    algorithm = der.sequence(der.oid(der.OID_EC_PUBLIC_KEY), der.oid(der.OID_P256))
    return _minimal(public_key=algorithm + der.bit_string(point) + more)


def test_public_points_are_whole():
    key = _key("ec", "traditional")
    point = key[-65:]
    assert x509.matches(_ec_public(point), key)
    for bad in (b"", b"\x04", point[:-1], point + b"\x00", b"\x03" + point[1:], b"\x02" + point[1:33]):
        raises(ValueError, x509.matches, _ec_public(bad), key)
    raises(ValueError, x509.matches, _ec_public(point, der.integer(1)), key)
    raises(ValueError, x509.kind, key[:-65] + b"\x03" + key[-64:])


def _rsa_key(modulus, more=b""):
    return der.sequence(der.integer(0), der.integer(modulus), *[der.integer(3)] * 7 + [more])


def test_rsa_keys_are_counted_in_bits():
    assert x509.kind(_rsa_key(1 << 2047)) == "rsa-2048"
    assert x509.kind(_rsa_key((1 << 2047) - 1)) == "rsa-2047"
    assert x509.kind(_rsa_key(1 << 1024)) == "rsa-1025"
    raises(ValueError, x509.kind, _rsa_key(0))
    raises(ValueError, x509.kind, _rsa_key(1 << 2047, der.integer(3)))
    raises(ValueError, x509.kind, _rsa_key(1 << 2047) + b"\n")


def test_ec_keys_have_version_1_and_nothing_more():
    parts = (der.octet_string(bytes(31) + b"\x01"), der.context(0, der.oid(der.OID_P256)))
    assert x509.kind(der.sequence(der.integer(1), *parts)) == "p-256"
    raises(ValueError, x509.kind, der.sequence(der.integer(2), *parts))
    raises(ValueError, x509.kind, der.sequence(der.integer(1), *parts + (der.integer(1),)))
    raises(ValueError, x509.kind, der.sequence(der.integer(1), *parts) + b"\n")


def test_every_prefix_is_refused():
    for name in _NAMES:
        data = _certificate(name)
        for size in range(len(data)):
            raises(ValueError, x509.read, data[:size])
        for form in _FORMS:
            data = _key(name, form)
            for size in range(len(data)):
                raises(ValueError, x509.kind, data[:size])


def test_every_changed_byte_gives_an_answer_or_valueerror():
    certificate = _certificate("ec")
    key = _key("ec", "traditional")
    for at in range(len(certificate)):
        for value in (0x00, 0x30, 0x7F, 0x80, 0x84, 0xFF):
            _matches_or_refuses(certificate[:at] + bytes([value]) + certificate[at + 1 :], key)
    for at in range(len(key)):
        for value in (0x00, 0x30, 0x7F, 0x80, 0x84, 0xFF):
            _matches_or_refuses(certificate, key[:at] + bytes([value]) + key[at + 1 :])


def _matches_or_refuses(certificate, key):
    try:
        answer = x509.matches(certificate, key)
    except ValueError:
        return
    assert answer in (True, False)
