"""What breaks the protocol ends the connection: amqtt alone forgives half of these."""

import pytest

from tools.twin.helpers import OWN, closes
from tools.twin.raw import connect_packet, packet, publish_packet, subscribe_packet, text


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x00\x00", id="type 0"),
        pytest.param(b"\xf0\x00", id="type 15"),
        pytest.param(b"\x20\x02\x00\x00", id="CONNACK"),
        pytest.param(b"\x90\x03\x00\x01\x00", id="SUBACK"),
        pytest.param(b"\xd0\x00", id="PINGRESP"),
        pytest.param(b"\xc1\x00", id="PINGREQ with flags"),
        pytest.param(b"\xc0\x01\x00", id="PINGREQ with a body"),
        pytest.param(b"\xe0\x01\x00", id="DISCONNECT with a body"),
        pytest.param(b"\x30\x80\x80\x80\x80\x01", id="length of five bytes"),
        pytest.param(b"\x30\x01\x00", id="PUBLISH cut short"),
        pytest.param(b"\x30\x02\x00\x00", id="PUBLISH without topic"),
        pytest.param(b"\x30\x03\x00\x05a", id="topic longer than the packet"),
        pytest.param(packet(0x30, text(b"\xc3\x28")), id="topic is not UTF-8"),
        pytest.param(packet(0x30, text(OWN + "\0")), id="NUL in a topic"),
        pytest.param(publish_packet(OWN + "+", b""), id="wildcard in a topic"),
        pytest.param(publish_packet(OWN + "a", b"", qos=3), id="QoS 3"),
        pytest.param(publish_packet(OWN + "a", b"", dup=True), id="DUP at QoS 0"),
        pytest.param(publish_packet(OWN + "a", b"", qos=1, packet_id=0), id="packet id 0"),
        pytest.param(packet(0x80, b"\x00\x01" + text(OWN + "a") + b"\x00"), id="SUBSCRIBE without flags"),
        pytest.param(subscribe_packet([]), id="SUBSCRIBE to nothing"),
        pytest.param(subscribe_packet([(OWN + "a", 3)]), id="SUBSCRIBE with QoS 3"),
        pytest.param(subscribe_packet([(OWN + "a", 0x41)]), id="SUBSCRIBE with reserved bits"),
        pytest.param(subscribe_packet([(OWN + "a+", 0)]), id="+ within a level"),
        pytest.param(subscribe_packet([(OWN + "#/a", 0)]), id="# not at the end"),
        pytest.param(packet(0x82, b"\x00\x01" + text(OWN + "a")), id="SUBSCRIBE without QoS"),
        pytest.param(packet(0xA2, b"\x00\x01"), id="UNSUBSCRIBE from nothing"),
        pytest.param(packet(0x40, b"\x00"), id="PUBACK cut short"),
        pytest.param(connect_packet("cam1"), id="a second CONNECT"),
    ],
)
def test_malformed_packets_close(camera, data):
    assert closes(camera.connect(), data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xc0\x00", id="PINGREQ first"),
        pytest.param(publish_packet(OWN + "a"), id="PUBLISH first"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="HTTP"),
        pytest.param(packet(0x11, connect_packet("cam1")[2:]), id="CONNECT with flags"),
        pytest.param(packet(0x10, connect_packet("cam1")[2:] + b"x"), id="trailing byte"),
        pytest.param(packet(0x10, connect_packet("cam1")[2:-2]), id="cut short"),
        pytest.param(packet(0x10, text("XXXX") + b"\x04\x02\x00\x3c" + text("cam1")), id="protocol name"),
        pytest.param(packet(0x10, text("MQTT") + b"\x04\x03\x00\x3c" + text("cam1")), id="reserved flag"),
        pytest.param(packet(0x10, text("MQTT") + b"\x04\x0a\x00\x3c" + text("cam1")), id="will QoS, no will"),
        pytest.param(
            packet(0x10, text("MQTT") + b"\x04\x42\x00\x3c" + text("cam1") + text("p")),
            id="password without user name",
        ),
        pytest.param(packet(0x10, text("MQTT") + b"\x04\x02\x00\x3c" + text(b"\xff")), id="id is not UTF-8"),
    ],
)
def test_malformed_first_packets_close(camera, data):
    assert closes(camera.open(), data)


def test_a_user_name_does_no_harm(camera):
    raw = camera.open()
    raw.send(packet(0x10, text("MQTT") + b"\x04\x82\x00\x3c" + text("cam1") + text("?SDK=Python")))
    assert raw.read() == (0x20, b"\x00\x00")
