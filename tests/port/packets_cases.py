"""Packets of device.port.packets, byte for byte; run under MicroPython by test_packets.py."""

from check import raises
from device.core.failures import AGAIN, Failure
from device.port import packets

_LONG_TOPIC = "$aws/things/" + "t" * 64 + "/shadow/name/" + "s" * 29 + "/update/accepted"


def _packets(client_id="SN-1"):
    return packets.Packets(client_id, 44)


def _length(size):
    """The remaining length, MQTT 3.1.1 section 2.2.3."""
    encoded = bytearray()
    while True:
        size, digit = size >> 7, size & 0x7F
        encoded.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(encoded)


def _text(data):
    data = data.encode() if isinstance(data, str) else data
    return bytes((len(data) >> 8, len(data) & 0xFF)) + data


def _frame(first, body):
    return bytes((first,)) + _length(len(body)) + body


def _pattern(size):
    return bytes(at * 31 & 0xFF for at in range(size))


def test_connect():
    assert bytes(_packets().connect_packet()) == b"\x10\x10\x00\x04MQTT\x04\x02\x00\x2c\x00\x04SN-1"
    for name in ("x", "x" * 115, "x" * 116, "x" * 128):
        expected = _frame(0x10, b"\x00\x04MQTT\x04\x02\x00\x2c" + _text(name))
        assert bytes(_packets(name).connect_packet()) == expected, len(name)


def test_connect_leaves_the_module_s_sockets_as_they_were():
    before = packets.umqtt.simple.socket
    _packets().connect_packet()
    assert packets.umqtt.simple.socket is before


def test_publish_without_acknowledgement():
    for size in (0, 1, 100, 121, 122, 127, 128, 5000, 16377, 16378, 17000, 70000):
        payload = _pattern(size)
        expected = _frame(0x30, _text("a/b") + payload)
        assert bytes(_packets().publish_packet("a/b", payload)) == expected, size


def test_publish_with_acknowledgement():
    for size in (0, 1, 119, 120, 127, 128, 5000, 16375, 16376, 17000, 70000):
        for packet_id in (1, 255, 256, 65535):
            payload = _pattern(size)
            body = _text("a/b") + bytes((packet_id >> 8, packet_id & 0xFF)) + payload
            found = _packets().publish_packet("a/b", payload, packet_id)
            assert bytes(found) == _frame(0x32, body), (size, packet_id)
    found = _packets().publish_packet("a", b"x", 7)
    found[0] |= 0x08  # the second copy
    assert bytes(found) == b"\x3a\x06\x00\x01a\x00\x07x"


def test_publish_of_topics_outside_ascii_and_long_ones():
    for topic in ("Gr\xfcn/\u20ac", _LONG_TOPIC, "t" * 256):
        expected = _frame(0x32, _text(topic) + b"\x00\x01" + b"p")
        assert bytes(_packets().publish_packet(topic, b"p", 1)) == expected


def test_subscribe_to_four_filters_in_one_packet():
    filters = ["$aws/certificates/create/json/accepted", "b", "", _LONG_TOPIC]
    body = b"\x00\x05" + b"".join(_text(name) + b"\x01" for name in filters)
    assert bytes(_packets().subscribe_packet(filters, 5)) == _frame(0x82, body)


def test_subscribe_to_a_topic_of_134_bytes():
    assert len(_LONG_TOPIC) == 134
    found = bytes(_packets().subscribe_packet([_LONG_TOPIC], 0x1234))
    assert found == b"\x82\x8b\x01\x12\x34\x00\x86" + _LONG_TOPIC.encode() + b"\x01"


def test_subscribe_to_one():
    assert bytes(_packets().subscribe_packet(["ab"], 65535)) == b"\x82\x07\xff\xff\x00\x02ab\x01"


def test_ping_and_disconnect():
    assert bytes(_packets().ping_packet()) == b"\xc0\x00"
    assert bytes(_packets().disconnect_packet()) == b"\xe0\x00"


def test_packets_can_be_changed_for_a_second_copy():
    made = _packets()
    for packet in (made.publish_packet("a", b"", 1), made.subscribe_packet(["a"], 1), made.ping_packet()):
        packet[0] |= 0


def test_packet_identifiers_wrap_from_65535_to_1():
    made = _packets()
    assert [made.next_id() for _ in range(3)] == [1, 2, 3]
    made.pid = 65533
    assert [made.next_id() for _ in range(4)] == [65534, 65535, 1, 2]
    made.publish_packet("a", b"", made.next_id())
    made.subscribe_packet(["a"], made.next_id())
    assert made.next_id() == 5, "building takes no identifier of its own"


def test_message_without_acknowledgement():
    for first in (0x30, 0x31, 0x38, 0x39):  # retained and repeated ones too
        for size in (0, 1, 122, 123, 5000, 20000):
            payload = _pattern(size)
            for form in (bytes, bytearray):
                found = _packets().parse(form(_frame(first, _text("to/pic") + payload)))
                assert found == (packets.MESSAGE, "to/pic", payload, b""), (first, size)


def test_message_with_acknowledgement():
    for packet_id in (1, 255, 256, 65535):
        raw = bytes((packet_id >> 8, packet_id & 0xFF))
        for first in (0x32, 0x33, 0x3A, 0x3B):
            found = _packets().parse(_frame(first, _text("t") + raw + b"payload"))
            assert found[:3] == (packets.MESSAGE, "t", b"payload")
            assert bytes(found[3]) == b"\x40\x02" + raw


def test_message_stays_when_the_next_one_comes():
    made = _packets()
    first = made.parse(_frame(0x30, _text("a") + b"1"))
    second = made.parse(_frame(0x32, _text("b") + b"\x00\x09" + b"2"))
    assert (first[1:], second[1:3]) == (("a", b"1", b""), ("b", b"2"))


def test_answers_of_the_server():
    made = _packets()
    assert made.parse(b"\x20\x02\x00\x00") == (packets.CONNECTED, 0)
    assert made.parse(b"\x20\x02\x01\x05") == (packets.CONNECTED, 5)
    assert made.parse(b"\x40\x02\x01\x02") == (packets.ACKNOWLEDGED, 0x0102)
    found = made.parse(b"\x90\x06\xff\xfe\x01\x80\x00\x02")
    assert found[:2] == (packets.GRANTED, 0xFFFE) and list(found[2]) == [1, 0x80, 0, 2]
    assert made.parse(b"\xd0\x00") == (packets.PONG,)


def test_packets_that_no_client_expects_are_of_no_use():
    for first in (0x00, 0x10, 0x50, 0x62, 0x70, 0x82, 0xA2, 0xB0, 0xC0, 0xE0, 0xF0):
        assert _packets().parse(bytes((first, 0))) is None, first


def _only_failure(frame):
    """Parse; a Failure is a good answer, any other exception is not."""
    try:
        return _packets().parse(frame)
    except Failure as failure:
        assert failure.kind == AGAIN and "invalid packet" in str(failure)
        return None


def test_truncated_packets():
    for frame in (b"\x20\x02\x00\x00", b"\x40\x02\x01\x02", b"\x90\x03\x00\x01\x01"):
        for size in range(1, 4):
            raises(Failure, _packets().parse, frame[:size])
    for frame in (
        _frame(0x30, _text("topic") + b"payload"),
        _frame(0x32, _text("topic") + b"\x00\x01payload"),
        _frame(0x32, _text("topic") + b"\x00\x01" + b"x" * 200),
    ):
        for size in range(1, len(frame)):
            raises(Failure, _packets().parse, frame[:size])


def test_hostile_messages():
    for frame in (
        b"\x30\x00",
        b"\x30\x01\x00",
        b"\x30\x02\xff\xff",
        b"\x30\x04\x00\x03ab",
        b"\x32\x04\x00\x01a\x00",
        b"\x32\x03\x00\x01a",
        b"\x30\x03\x00\x01\xff",  # a topic that is no text
        b"\x30\x04\x00\x02\xc3\x28",
        b"\x34\x06\x00\x01a\x00\x01x",  # QoS 2, which AWS does not have
        b"\x36\x06\x00\x01a\x00\x01x",  # QoS 3, which nobody has
        b"\x30\x80",
        b"\x30\x80\x80\x80\x80\x80",
        b"\x30\xff\xff\xff\x7f",
    ):
        raises(Failure, _packets().parse, frame)


def test_any_bytes_at_all():
    state = 12345
    for _ in range(3000):
        frame = bytearray()
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        for _ in range(state >> 8 & 15):
            state = state * 1103515245 + 12345 & 0x7FFFFFFF
            frame.append(state >> 16 & 0xFF)
        for first in (0x20, 0x30, 0x32, 0x3D, 0x40, 0x90, 0xD0):
            _only_failure(bytes((first,)) + _length(len(frame)) + bytes(frame))
            _only_failure(bytes((first,)) + bytes(frame))


def test_a_broken_message_does_no_harm_to_the_next():
    made = _packets()
    raises(Failure, made.parse, b"\x30\x04\x00\x03ab")
    assert made.parse(b"\x30\x04\x00\x01ab") == (packets.MESSAGE, "a", b"b", b"")


def test_origin_says_which_copy_runs():
    assert packets.origin().endswith("umqtt/simple.py"), packets.origin()
