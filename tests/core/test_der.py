"""The DER encoder and the strict reader."""

from check import raises
from device.core import der


def test_lengths_take_their_shortest_form():
    assert der.octet_string(b"") == b"\x04\x00"
    assert der.octet_string(bytes(127))[:2] == b"\x04\x7f"
    assert der.octet_string(bytes(128))[:3] == b"\x04\x81\x80"
    assert der.octet_string(bytes(255))[:3] == b"\x04\x81\xff"
    assert der.octet_string(bytes(256))[:4] == b"\x04\x82\x01\x00"
    raises(ValueError, der.octet_string, bytes(65536))


def test_integers_keep_their_sign():
    for value, encoded in (
        (0, b"\x02\x01\x00"),
        (127, b"\x02\x01\x7f"),
        (128, b"\x02\x02\x00\x80"),
        (255, b"\x02\x02\x00\xff"),
        (256, b"\x02\x02\x01\x00"),
        ((1 << 255) + 1, b"\x02\x21\x00\x80" + bytes(30) + b"\x01"),
        ((1 << 255) - 1, b"\x02\x20\x7f" + b"\xff" * 31),
    ):
        assert der.integer(value) == encoded
    raises(ValueError, der.integer, -1)


def test_structures():
    assert der.sequence(der.integer(1), der.set_of(der.utf8_string("\u00e9"))) == (
        b"\x30\x09\x02\x01\x01\x31\x04\x0c\x02\xc3\xa9"
    )
    assert der.context(1, der.bit_string(b"\x04")) == b"\xa1\x04\x03\x02\x00\x04"
    assert der.context(0) == b"\xa0\x00"
    assert der.oid(der.OID_P256) == b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"


def test_reads_what_it_wrote():
    content = bytes(300)
    reader = der.Reader(der.sequence(der.integer(65537), der.octet_string(content), der.bit_string(b"ab")))
    inner = reader.enter(der.SEQUENCE)
    reader.done()
    assert inner.tag() == der.INTEGER
    assert inner.unsigned() == b"\x01\x00\x01"
    assert inner.take(der.OCTET_STRING) == content
    assert inner.bits() == b"ab"
    assert inner.tag() == -1
    inner.done()


def test_done_tells_of_what_is_left():
    reader = der.Reader(b"\x05\x00\x05\x00")
    reader.skip()
    raises(ValueError, reader.done)
    reader.skip()
    reader.done()
    raises(ValueError, reader.skip)


def test_refuses_bad_lengths():
    for bad in (
        b"",
        b"\x04",
        b"\x04\x01",  # content missing
        b"\x04\x80\x00\x00",  # indefinite
        b"\x04\x81",  # length missing
        b"\x04\x81\x7f" + bytes(127),  # 127 fits in one byte
        b"\x04\x82\x00\x80" + bytes(128),  # 128 fits in two
        b"\x04\x82\xff\xff",
        b"\x04\x84\xff\xff\xff\xff",
        b"\x04\x88\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\x04\xff" + b"\xff" * 127,
    ):
        raises(ValueError, der.Reader(bad).take, der.OCTET_STRING)
        raises(ValueError, der.Reader(bad).skip)


def test_refuses_other_and_long_tags():
    raises(ValueError, der.Reader(b"\x02\x01\x00").take, der.OCTET_STRING)
    raises(ValueError, der.Reader(b"\x1f\x01\x00").take, 0x1F)
    raises(ValueError, der.Reader(b"\xbf\x01\x00").skip)


def test_an_element_does_not_reach_beyond_its_parent():
    reader = der.Reader(b"\x30\x02\x04\x05hello").enter(der.SEQUENCE)
    raises(ValueError, reader.take, der.OCTET_STRING)


def test_refuses_bad_integers_and_bits():
    for bad in (b"\x02\x00", b"\x02\x01\x80", b"\x02\x02\x00\x7f", b"\x02\x02\xff\xff"):
        raises(ValueError, der.Reader(bad).unsigned)
    assert der.Reader(b"\x02\x01\x00").unsigned() == b""
    assert der.Reader(b"\x02\x02\x00\x80").unsigned() == b"\x80"
    for bad in (b"\x03\x00", b"\x03\x02\x07\x80", b"\x04\x01\x00"):
        raises(ValueError, der.Reader(bad).bits)


def test_deep_nesting_costs_no_stack():
    depth = 4000
    data = b"\x30\x80" * depth
    raises(ValueError, der.Reader(data).enter, der.SEQUENCE)
    data = b"\x05\x00"
    for _ in range(300):
        data = der.sequence(data)
    reader = der.Reader(data)
    for _ in range(300):
        reader = reader.enter(der.SEQUENCE)
    assert reader.take(der.NULL) == b""
