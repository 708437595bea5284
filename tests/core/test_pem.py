"""PEM to DER and back, with what people's files look like."""

from check import golden, raises
from device.core import pem

_DER = b"\x30\x0a\x04\x08ABCDEFGH"
_PEM = "-----BEGIN CERTIFICATE-----\nMAoECEFCQ0RFRkdI\n-----END CERTIFICATE-----\n"
_OTHER = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"


def _reason(source, *label):
    return str(raises(ValueError, pem.to_der, source, *label))


def test_takes_text_bytes_and_bytearray():
    assert pem.to_der(_PEM) == _DER
    assert pem.to_der(_PEM.encode()) == _DER
    assert pem.to_der(bytearray(_PEM.encode())) == _DER


def test_forgives_line_ends_and_text_around():
    assert pem.to_der(_PEM.replace("\n", "\r\n")) == _DER
    assert pem.to_der(_PEM.replace("\n", "\r")) == _DER
    assert pem.to_der(_PEM[:-1]) == _DER
    assert pem.to_der("\ufeff" + _PEM) == _DER
    assert pem.to_der("subject=CN = x\n0 leading text\n" + _PEM + "\n\n trailing\x00") == _DER
    assert pem.to_der(_PEM.replace("Q0RF", "Q0RF\n")) == _DER
    assert pem.to_der(_PEM.replace("\nMAo", "\n  MAo")) == _DER


def test_der_passes_unchanged():
    assert pem.to_der(_DER) == _DER
    assert pem.to_der(bytearray(_DER)) == _DER
    der = golden("p256/rsa.crt.pem")
    der = pem.to_der(der)
    assert der[:2] == b"\x30\x82"
    assert pem.to_der(der) == der
    assert pem.all_der(der) == [der]


def test_label_chooses_the_block():
    assert pem.to_der(_OTHER + _PEM, "CERTIFICATE") == _DER
    assert pem.to_der(_OTHER + _PEM) == b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
    for label in ("PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"):
        assert pem.to_der(_OTHER + _PEM.replace("CERTIFICATE", label), pem.PRIVATE_KEY) == _DER
    assert "expected PRIVATE KEY, found CERTIFICATE" in _reason(_PEM, pem.PRIVATE_KEY)
    assert "expected KEY" in _reason(_PEM.replace("CERTIFICATE", "MONKEY"), "KEY")


def test_all_der_reads_a_bundle():
    assert pem.all_der("first\n" + _PEM + "second\n" + _OTHER + _PEM.replace("\n", "\r\n")) == [_DER, _DER]
    raises(ValueError, pem.all_der, _OTHER)
    raises(ValueError, pem.all_der, _PEM + _PEM[:-20])
    assert len(pem.all_der(_PEM * 100)) == 64


def test_says_why_it_refuses():
    assert "empty" in _reason("")
    assert "empty" in _reason(b"")
    assert "neither" in _reason("hello")
    assert "neither" in _reason(b"\xff\xfe\x00")
    assert "END" in _reason(_PEM[:40])
    assert "END" in _reason(_PEM.replace("END CERTIFICATE", "END PRIVATE KEY"))
    assert "BEGIN" in _reason("-----BEGIN CERTIFICATE")
    assert "BEGIN" in _reason("-----BEGIN " + "x" * 100 + "-----")
    assert "label" in _reason(b"-----BEGIN \xff-----\nAAAA\n-----END \xff-----\n")
    assert "two characters" in _reason(_PEM.replace("\n", "\\n"))
    assert "damaged" in _reason(_PEM.replace("Q0RF", ""))
    assert "damaged" in _reason(_PEM.replace("MAoECEFCQ0RFRkdI", ""))
    assert "damaged" in _reason(_PEM.replace("Q0RF", "????"))
    assert "base64" in _reason(_PEM.replace("RkdI", "Rkd"))
    assert "base64" in _reason(_PEM.replace("RkdI", "R"))
    assert "too large" in _reason(" " * 70000 + _PEM)
    assert "truncated" in _reason(_DER[:-1])
    assert "other bytes" in _reason(_DER + b"\n")


def test_refuses_encrypted_keys():
    assert "encrypted" in _reason(golden("p256/ec.encrypted.key.pem"), pem.PRIVATE_KEY)
    old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
    assert "encrypted" in _reason(old)


def test_no_part_of_a_key_is_in_a_message():
    text = golden("p256/rsa.traditional.key.pem").decode()
    body = text.split("\n")[1:-2]
    for broken in (text[:-40], text.replace(body[3], body[3][:-1]), text.replace(body[0], "")):
        reason = _reason(broken)
        for line in body:
            assert line[:8] not in reason


def test_every_cut_of_a_file_is_refused():
    text = golden("p256/ec.crt.pem")
    for size in range(len(text) - 1):
        raises(ValueError, pem.to_der, text[:size])
    der = pem.to_der(text)
    for size in range(len(der)):
        raises(ValueError, pem.to_der, der[:size])


def test_round_trip():
    assert pem.from_der(_DER, pem.CERTIFICATE) == _PEM
    for name in ("ec.crt", "rsa.crt", "ec.traditional.key", "rsa.pkcs8.key"):
        text = golden(f"p256/{name}.pem").decode()
        label = text[11 : text.index("-----", 11)]
        assert pem.from_der(pem.to_der(text), label) == text
    for size in (0, 1, 47, 48, 49, 96):
        lines = pem.from_der(bytes(size), "X").split("\n")
        assert lines[0] == "-----BEGIN X-----"
        assert lines[-2:] == ["-----END X-----", ""]
        assert all([0 < len(line) <= 64 for line in lines[1:-2]])
