"""DNS and NTP packets: what is sent, what is believed, and that nothing hostile breaks anything."""

import struct

from check import raises
from device.core import calendar, datagrams
from device.core.datagrams import NoSuchName

_HOST = "a1-ats.iot.example"
_NAME = b"\x02ab\x00"
_TO_NAME = b"\xc0\x0c"  # a pointer to the name in the question
_A, _CNAME, _AAAA = 1, 5, 28
_NONCE = b"nonce-08"
_2025_S = 1750000000


def _query(query_id=0x1234):
    return datagrams.dns_query(_HOST, query_id)


def _record(name, kind, data):
    return name + struct.pack("!HHIH", kind, 1, 300, len(data)) + data


def _answer(*records, query=None, code=0, count=None):
    """An answer to `query` with these records in its answer section."""
    query = bytes(query or _query())
    count = len(records) if count is None else count
    head = query[:2] + struct.pack("!5H", 0x8180 | code, 1, count, 0, 0)
    return head + query[12:] + b"".join(records)


_ADDRESS = _record(_TO_NAME, _A, bytes((192, 0, 2, 17)))


def test_the_question_is_that_of_the_standard():
    expected = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02a1\x07example\x00\x00\x01\x00\x01"
    assert datagrams.dns_query("a1.example", 0x1234) == expected
    assert datagrams.dns_query("a1.example.", 0x1234) == expected, "a last dot is no label"


def test_names_that_are_none_are_not_asked_for():
    for name in ("", ".", "..", "a..b", ".a", "x" * 64, "a." + "x" * 64 + ".b"):
        raises(ValueError, datagrams.dns_query, name, 1)
    datagrams.dns_query("x" * 63 + ".example", 0xFFFF)
    longest = ".".join(["x" * 63] * 3 + ["x" * 61])
    assert len(longest) == 253
    assert len(datagrams.dns_query(longest, 1)) == 12 + 255 + 4
    raises(ValueError, datagrams.dns_query, longest + "x", 1)


def test_the_address_of_the_answer_is_found():
    for record in (
        _ADDRESS,
        _record(_query()[12:-4], _A, bytes((192, 0, 2, 17))),  # the name in full
        _record(b"\x03www\xc0\x0f", _A, bytes((192, 0, 2, 17))),  # and in part
    ):
        assert datagrams.dns_answer(_answer(record), _query()) == "192.0.2.17"


def test_aliases_and_other_records_come_before_the_address():
    alias = _record(_TO_NAME, _CNAME, b"\x02lb\xc0\x13")
    for before in ([alias], [alias] * 7, [_record(_TO_NAME, _AAAA, bytes(16))], [_record(_NAME, _A, b"")]):
        packet = _answer(*before + [_record(b"\xc0\x30", _A, bytes((10, 0, 0, 1))), _ADDRESS])
        assert datagrams.dns_answer(packet, _query()) == "10.0.0.1"


def test_upper_and_lower_case_are_one_name():
    packet = bytearray(_answer(_ADDRESS))
    packet[13:15] = b"A1"
    assert datagrams.dns_answer(bytes(packet), _query()) == "192.0.2.17"


def test_a_name_that_does_not_exist():
    raises(NoSuchName, datagrams.dns_answer, _answer(code=3), _query())
    assert isinstance(NoSuchName(), ValueError)


def test_an_answer_without_an_address_is_no_silence():
    for packet in (
        _answer(),
        _answer(code=2),
        _answer(code=5),
        _answer(_record(_TO_NAME, _CNAME, _NAME)),
        _answer(_record(_TO_NAME, _AAAA, bytes(16))),
        _answer(_record(_TO_NAME, _A, bytes(3))),
        _answer(count=65535),
        _answer(_record(_TO_NAME, _CNAME, b"") * 40, count=65535),
    ):
        error = raises(ValueError, datagrams.dns_answer, packet, _query())
        assert not isinstance(error, NoSuchName) and "without an address" in str(error)


def test_what_is_no_answer_to_our_question_is_passed_over():
    other = datagrams.dns_query("a2-ats.iot.example", 0x1234)
    for packet in (
        b"",
        bytes(_query()),  # our own question
        _answer(_ADDRESS, query=_query(0x1235)),
        _answer(_ADDRESS, query=_query(0x3412)),
        _answer(_ADDRESS, query=other),
        _answer(_ADDRESS, query=datagrams.dns_query("x" * 20, 0x1234)),
        _answer(_ADDRESS, query=_query(0x1235), code=3),
        _answer(code=3, query=other),
        _answer(_ADDRESS, query=_query()[:-3] + b"\x1c\x00\x01"),  # asked for another type
    ):
        assert datagrams.dns_answer(packet, _query()) is None, packet


def test_an_answer_cut_at_any_byte_gives_no_address():
    whole = _answer(_record(_TO_NAME, _CNAME, b"\x02lb\xc0\x13"), _ADDRESS)
    query = _query()
    for size in range(len(whole)):
        if size < len(query):
            assert datagrams.dns_answer(whole[:size], query) is None, size
        else:
            raises(ValueError, datagrams.dns_answer, whole[:size], query)
    assert datagrams.dns_answer(whole, query) == "192.0.2.17"


def _address_or_refusal(packet, query):
    try:
        found = datagrams.dns_answer(packet, query)
    except ValueError:
        return
    assert found is None or len(found.split(".")) == 4


def test_every_changed_byte_gives_an_answer_or_valueerror():
    whole = _answer(_record(b"\x03www\xc0\x0f", _CNAME, b"\x02lb\xc0\x13"), _ADDRESS)
    for at in range(len(whole)):
        for value in (0x00, 0x01, 0x3F, 0x40, 0x7F, 0x80, 0xC0, 0xFF):
            _address_or_refusal(whole[:at] + bytes((value,)) + whole[at + 1 :], _query())


def test_names_without_an_end_and_pointers_in_a_circle():
    at = len(_query())
    circle = bytes((0xC0, at))
    for tail in (circle, b"\x3f", b"\xbf", b"\xff", b"\x01", b"\x00"):
        _address_or_refusal(_answer(tail, count=65535), _query())
        tail *= 400
        _address_or_refusal(_answer(tail, count=65535), _query())


def _time(unix_s, first=0x24, stratum=2, origin=_NONCE):
    head = bytes((first, stratum)) + bytes(22)
    seconds = (unix_s + 2208988800) % (1 << 32)
    return head + origin + bytes(8) + struct.pack("!II", seconds, 5)


def test_the_time_is_asked_for_with_a_nonce():
    query = datagrams.ntp_query(_NONCE)
    assert len(query) == 48 and query[0] == 0x23 and query[40:] == _NONCE
    assert query[1:40] == bytes(39)


def test_the_time_of_an_answer():
    for first in (0x24, 0x1C, 0x64, 0xA4):  # versions 4 and 3; a leap second is announced
        for stratum in (1, 2, 15):
            assert datagrams.ntp_answer(_time(_2025_S, first, stratum), _NONCE) == _2025_S
    assert datagrams.ntp_answer(_time(_2025_S) + bytes(20), _NONCE) == _2025_S, "with a signature"
    assert datagrams.ntp_answer(_time(_2025_S, origin=bytes(8)), _NONCE) == _2025_S, "a simple server"


def test_the_era_that_begins_in_2036():
    last = calendar.unix(2036, 2, 7, 6, 28, 15)  # the second after it reads as an empty field
    for now in (last, last + 2, last + 3, calendar.unix(2040, 1, 1), calendar.unix(2099, 12, 31)):
        assert datagrams.ntp_answer(_time(now), _NONCE) == now


def test_what_is_no_answer_with_the_time_is_passed_over():
    for packet in (
        _time(_2025_S, origin=b"nonce-09"),
        _time(_2025_S, origin=b"\x00" * 7 + b"\x01"),
        _time(_2025_S, stratum=0),  # kiss of death
        _time(_2025_S, stratum=16),
        _time(_2025_S, stratum=255),
        _time(_2025_S, first=0xE4),  # not synchronised
        _time(_2025_S, first=0x23),  # a question
        _time(_2025_S, first=0x25),  # a broadcast
        datagrams.ntp_query(_NONCE),
        _time(-2208988800),  # the field is empty: the server has no time to give
    ):
        assert datagrams.ntp_answer(packet, _NONCE) is None, packet


def test_an_answer_with_the_time_cut_at_any_byte_is_passed_over():
    whole = _time(_2025_S)
    for size in range(len(whole)):
        assert datagrams.ntp_answer(whole[:size], _NONCE) is None, size


def test_every_changed_byte_of_the_time_gives_a_time_or_none():
    whole = _time(_2025_S)
    for at in range(len(whole)):
        for value in (0x00, 0x01, 0x7F, 0x80, 0xFF):
            found = datagrams.ntp_answer(whole[:at] + bytes((value,)) + whole[at + 1 :], _NONCE)
            assert found is None or isinstance(found, int)


def test_the_access_point_answers_every_name_with_its_address():
    query = _query(0xBEEF)
    reply = datagrams.dns_reply(query, "192.168.4.1")
    assert datagrams.dns_answer(reply, query) == "192.168.4.1"
    with_options = bytes(query[:10]) + b"\0\1" + bytes(query[12:]) + b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
    assert datagrams.dns_reply(with_options, "192.168.4.1") == reply, "what a phone adds is not repeated"


def test_the_access_point_has_no_address_of_another_type():
    for kind in (_AAAA, _CNAME, 65):
        query = bytes(_query()[:-4]) + struct.pack("!2H", kind, 1)
        reply = datagrams.dns_reply(query, "192.168.4.1")
        assert struct.unpack_from("!4H", reply, 4) == (1, 0, 0, 0) and not reply[3] & 0x0F


def test_the_access_point_answers_no_packet_that_is_no_question():
    query = bytes(_query())
    for at in range(len(query)):
        assert datagrams.dns_reply(query[:at], "192.168.4.1") is None, at
    assert datagrams.dns_reply(_answer(_ADDRESS), "192.168.4.1") is None, (
        "an answer would be answered for ever"
    )
    assert datagrams.dns_reply(query[:2] + b"\x28" + query[3:], "192.168.4.1") is None
    for count in (0, 2):
        packet = query[:4] + struct.pack("!H", count) + query[6:]
        assert datagrams.dns_reply(packet, "192.168.4.1") is None
    pointer = query[:12] + b"\xc0\x0c" + query[-4:]
    assert datagrams.dns_reply(pointer, "192.168.4.1") is None
    long = query[:12] + (b"\x3f" + b"x" * 63) * 4 + b"\0" + query[-4:]
    assert datagrams.dns_reply(long, "192.168.4.1") is None
    for byte in range(256):
        for at in (2, 3, 12, 20):
            datagrams.dns_reply(query[:at] + bytes((byte,)) + query[at + 1 :], "192.168.4.1")
