"""MQTT as AWS IoT Core speaks it; with it, one test per repaired defect of amqtt 0.12.1."""

import asyncio
import socket
import time

import pytest

from muster.twin.server import Twin
from tools.twin.helpers import Device, allow, limits, quick
from tools.twin.raw import (
    PUBACK,
    PUBLISH,
    connect_packet,
    packet,
    publish_packet,
    subscribe_packet,
    text,
)

OWN = "cameraDevice/cam1/"


@pytest.fixture
def camera(device):
    return device("cam1")


def closes(raw, data):
    raw.send(data)
    return raw.is_closed()


def test_a_message_comes_back(camera):
    raw = camera.connect()
    assert raw.subscribe(OWN + "a", OWN + "b/+") == b"\x01\x01"
    raw.publish(OWN + "a", b"1", qos=0)
    assert raw.message() == (OWN + "a", b"1")
    raw.publish(OWN + "b/c", b"2", qos=0)
    assert raw.message() == (OWN + "b/c", b"2")


@pytest.mark.parametrize(("sent", "wanted", "got"), [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 1)])
def test_the_lower_qos_counts(camera, device, sent, wanted, got):
    raw = camera.connect()
    raw.subscribe(OWN + "a", qos=wanted)
    raw.send(publish_packet(OWN + "a", b"1", qos=sent, packet_id=9))
    packets = [raw.read() for _ in range(1 + sent)]
    publishes = [first for first, _ in packets if first & 0xF0 == PUBLISH]
    assert [first >> 1 & 3 for first in publishes] == [got]
    assert [body for first, body in packets if first == PUBACK] == [b"\x00\x09"] * sent


@pytest.mark.parametrize("qos", [0, 1])
def test_a_forbidden_publish_closes_without_an_ack(twin, camera, qos):
    assert closes(camera.connect(), publish_packet("cameraDevice/cam2/a", b"1", qos=qos))
    assert twin.messages == []


def test_a_forbidden_subscribe_closes_without_an_ack(camera):
    assert closes(camera.connect(), subscribe_packet([(OWN + "a", 1), ("cameraDevice/cam2/a", 1)]))


@pytest.mark.parametrize("name", ["#", "cameraDevice/+/in", "cameraDevice/#"])
def test_a_wildcard_is_no_way_around_the_policy(camera, name):
    assert closes(camera.connect(), subscribe_packet([(name, 1)]))


def test_receive_is_asked_per_delivery(twin, camera):
    allow(twin, camera.certificate_id, ("iot:Subscribe", "topicfilter/x/#"), ("iot:Publish", "topic/x/*"))
    raw = camera.connect()
    raw.subscribe("x/#")
    raw.publish("x/a", b"not for you", qos=1)
    assert raw.is_alive()
    allow(twin, camera.certificate_id, ("iot:Receive", "topic/x/*"), name="receive")
    raw.send(publish_packet("x/a", b"now"))
    assert raw.message() == ("x/a", b"now")


def test_reserved_topics(twin, camera):
    allow(twin, camera.certificate_id, ("iot:*", "*"))
    raw = camera.connect()
    raw.publish("$aws/things/cam1/shadow/get", b"", qos=1)
    raw.publish("$aws/rules/a/b", b"", qos=1)
    assert closes(raw, publish_packet("$aws/things/cam1/shadow/get", b"", retain=True))
    assert closes(camera.connect(), publish_packet("$aws/other", b""))
    assert closes(camera.connect(), publish_packet("$SYS/x", b""))


def test_nine_filters_are_one_too_many(camera):
    raw = camera.connect()
    assert raw.subscribe(*[f"{OWN}{number}" for number in range(8)]) == b"\1" * 8
    assert closes(raw, subscribe_packet([(f"{OWN}{number}", 1) for number in range(9)]))


def test_fifty_filters_a_connection(camera):
    raw = camera.connect()
    for start in range(0, 48, 8):
        raw.subscribe(*[f"{OWN}{number}" for number in range(start, start + 8)])
    assert raw.subscribe(OWN + "a", OWN + "b", OWN + "c", OWN + "0") == b"\x01\x01\x80\x01"


def test_topic_limits(camera):
    raw = camera.connect()
    raw.publish(OWN + "x" * (256 - len(OWN)), b"", qos=1)
    raw.publish(OWN + "a/b/c/d/e/f", b"", qos=1)
    assert closes(raw, publish_packet(OWN + "x" * (257 - len(OWN)), b""))
    assert closes(camera.connect(), publish_packet(OWN + "a/b/c/d/e/f/g", b""))
    assert closes(camera.connect(), subscribe_packet([(OWN + "x" * (257 - len(OWN)), 0)]))
    assert closes(camera.connect(), subscribe_packet([(OWN + "a/b/c/d/e/f/g", 0)]))


def test_payload_limit(twin, camera):
    raw = camera.connect()
    raw.publish(OWN + "a", b"x" * 131_072, qos=1)
    assert len(twin.wait_for_publish(OWN + "a").payload) == 131_072
    assert closes(raw, publish_packet(OWN + "a", b"x" * 131_073))
    assert closes(camera.connect(), bytes([0x30, 0xFF, 0xFF, 0xFF, 0x7F]))


def test_qos_2_is_met_with_silence(twin, camera):
    raw = camera.connect()
    raw.send(publish_packet(OWN + "a", b"2", qos=2))
    raw.send(subscribe_packet([(OWN + "a", 2)]))
    assert raw.is_alive(), "only the PINGRESP may come"
    assert twin.messages == []
    raw.publish(OWN + "a", b"1", qos=1)
    assert raw.is_alive(), "and no subscription was made"


def test_a_hash_does_not_cover_its_parent(twin, camera):
    allow(twin, camera.certificate_id, ("iot:*", "*"))
    raw = camera.connect()
    raw.subscribe("a/#")
    raw.publish("a", b"parent", qos=1)
    raw.send(publish_packet("a/b", b"child"))
    assert raw.message() == ("a/b", b"child")


def test_a_message_matching_twice_comes_once(camera):
    raw = camera.connect()
    raw.subscribe(OWN + "a", OWN + "+")
    raw.send(publish_packet(OWN + "a", b"once"))
    assert raw.message() == (OWN + "a", b"once")
    assert raw.is_alive()


def test_resubscribing_changes_the_qos(camera):
    raw = camera.connect()
    raw.subscribe(OWN + "a", qos=0)
    raw.subscribe(OWN + "a", qos=1)
    raw.publish(OWN + "b", b"", qos=1)
    raw.send(publish_packet(OWN + "a", b"1", qos=1))
    assert {raw.read()[0] & 0xF6 for _ in range(2)} == {PUBACK, PUBLISH | 2}


def test_unsubscribe(camera):
    raw = camera.connect()
    raw.subscribe(OWN + "a")
    raw.send(packet(0xA2, b"\x00\x05" + text(OWN + "a")))
    assert raw.read() == (0xB0, b"\x00\x05")
    raw.publish(OWN + "a", b"1", qos=1)
    assert raw.is_alive()


def test_packets_are_taken_in_order(camera):
    raw = camera.connect()
    raw.send(
        subscribe_packet([(OWN + "a", 0)])
        + publish_packet(OWN + "a", b"1")
        + packet(0xA2, b"\x00\x05" + text(OWN + "a"))
        + publish_packet(OWN + "a", b"2")
        + b"\xc0\x00"
    )
    assert [raw.read()[0] for _ in range(4)] == [0x90, 0x30, 0xB0, 0xD0]


# Retained messages and wills


def test_retained_only_for_an_exact_filter(camera):
    raw = camera.connect()
    raw.publish(OWN + "r", b"kept", qos=1, retain=True)
    raw.subscribe(OWN + "+")
    assert raw.is_alive(), "no retained message for a wildcard"
    raw.subscribe(OWN + "r")
    assert raw.message() == (OWN + "r", b"kept")
    assert raw.first & 1
    raw.disconnect()
    raw = camera.connect()
    assert raw.is_alive(), "no retained message for one who did not ask"
    raw.publish(OWN + "r", b"", qos=1, retain=True)
    raw.subscribe(OWN + "r")
    assert raw.is_alive(), "an empty payload deletes"


def test_retaining_needs_its_own_permission(twin, camera):
    allow(twin, camera.certificate_id, ("iot:Publish", "topic/x"))
    assert closes(camera.connect(), publish_packet("x", b"", retain=True))


def test_a_will_is_published_and_a_disconnect_cancels_it(twin, camera):
    camera.connect(will=(OWN + "will", b"gone", 1, False)).close()
    assert twin.wait_for_publish(OWN + "will").payload == b"gone"
    camera.connect(will=(OWN + "will", b"again", 1, False)).disconnect()
    camera.connect().publish(OWN + "after", b"", qos=1)
    assert [message.topic for message in twin.messages] == [OWN + "will", OWN + "after"]


def test_a_will_needs_permission_too(twin, camera):
    camera.connect(will=("cameraDevice/cam2/will", b"forged", 1, False)).close()
    camera.connect(will=(OWN + "will", b"own", 1, False)).close()
    twin.wait_for_publish(OWN + "will")
    assert [message.topic for message in twin.messages] == [OWN + "will"]


def test_a_will_to_a_reserved_topic_is_refused_at_once(camera):
    raw = camera.open()
    raw.send(connect_packet("cam1", will=("$aws/things/cam1/shadow/update", b"", 0, False)))
    assert raw.is_closed()


# Sessions


def test_what_came_meanwhile_is_delivered(camera, device):
    raw = camera.connect(clean=False)
    assert raw.session_present == 0
    raw.subscribe(OWN + "in", qos=1)
    raw.disconnect()
    other = device("cam2")
    allow(camera.twin, other.certificate_id, ("iot:Publish", "topic/cameraDevice/*"))
    sender = other.connect()
    sender.publish(OWN + "in", b"qos 0", qos=0)
    for number in range(3):
        sender.publish(OWN + "in", b"%d" % number, qos=1)
    raw = camera.connect(clean=False)
    assert raw.session_present == 1
    assert [raw.message()[1] for _ in range(3)] == [b"0", b"1", b"2"]
    assert not raw.first & 1, "it is not a retained message"


def test_qos_1_is_sent_again_until_acknowledged(camera):
    raw = camera.connect(clean=False)
    raw.subscribe(OWN + "in", qos=1)
    raw.send(publish_packet(OWN + "in", b"1", qos=1))
    received = [raw.read() for _ in range(2)]
    first = next(body for head, body in received if head & 0xF0 == PUBLISH)
    raw.close()
    raw = camera.connect(clean=False)
    head, again = raw.read()
    assert head == PUBLISH | 2 | 8, "DUP is set"
    assert again == first, "the packet id is the same"
    raw.send(packet(PUBACK, again[2 + len(OWN + "in") :][:2]))
    assert raw.is_alive()
    raw.close()
    raw = camera.connect(clean=False)
    assert raw.is_alive(), "acknowledged messages do not come again"


def test_a_clean_session_forgets(camera):
    raw = camera.connect(clean=False)
    raw.subscribe(OWN + "in", qos=1)
    raw.disconnect()
    camera.connect(clean=True).disconnect()
    raw = camera.connect(clean=False)
    assert raw.session_present == 0
    raw.publish(OWN + "in", b"", qos=1)
    assert raw.is_alive()


def test_no_more_than_the_allowed_number_unacknowledged(start, tmp_path):
    twin = start(limits=limits(unacknowledged=3))
    raw = Device(twin, tmp_path, "cam1").connect()
    raw.subscribe(OWN + "in", qos=1)
    for number in range(1, 6):
        raw.send(publish_packet(OWN + "in", b"%d" % number, qos=1, packet_id=number))
    heads = [raw.read() for _ in range(8)]
    waiting = [body for head, body in heads if head & 0xF0 == PUBLISH]
    assert len(waiting) == 3
    raw.send(packet(PUBACK, waiting[0][2 + len(OWN + "in") :][:2]))
    assert raw.message()[1] == b"4"


# Keep-alive


def test_a_silent_client_is_dropped_at_one_and_a_half(start, tmp_path):
    twin = start(limits=limits(keep_alive_min_s=0.2, keep_alive_max_s=0.4))
    camera = Device(twin, tmp_path, "cam1")
    raw = camera.connect(keep_alive_s=60)  # 60 s is brought down to the maximum
    began = time.monotonic()
    assert raw.is_closed()
    assert time.monotonic() - began >= 0.59
    raw = camera.connect(keep_alive_s=0)  # 0 means the maximum, not for ever
    assert raw.is_closed()
    raw = camera.connect(will=(OWN + "will", b"", 0, False), keep_alive_s=60)
    assert raw.is_closed()
    twin.wait_for_publish(OWN + "will")


def test_pings_keep_it_alive(start, tmp_path):
    twin = start(limits=limits(keep_alive_min_s=0.4, keep_alive_max_s=0.4))
    raw = Device(twin, tmp_path, "cam1").connect()
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        assert raw.is_alive()
        time.sleep(0.05)


# Malformed packets


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


# The others must not suffer


def test_a_frozen_subscriber_holds_nobody_up(twin, camera, device):
    other = device("cam2")
    allow(twin, other.certificate_id, ("iot:*", "*"))
    allow(twin, camera.certificate_id, ("iot:*", "*"))
    frozen = camera.connect()
    frozen.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    frozen.subscribe("flood", qos=0)
    sender = other.connect()
    worst_s, number = 0.0, 0
    while "cam1" in twin.client_ids:  # who reads nothing is cut off at last
        number += 1
        assert number < 1000
        began = time.monotonic()
        sender.publish("flood", b"x" * 100_000, qos=1, packet_id=number)
        worst_s = max(worst_s, time.monotonic() - began)
    assert sender.is_alive()
    assert worst_s < 2


def test_small_packets_are_not_held_back(camera):
    raw = camera.connect()
    raw.subscribe(OWN + "a", qos=0)
    began = time.monotonic()
    for number in range(1, 101):
        raw.send(publish_packet(OWN + "a", b"1", qos=1, packet_id=number))
        raw.read()
        raw.read()
    assert time.monotonic() - began < 4, "100 round trips with Nagle's 40 ms would take longer"


def test_a_broken_handshake_does_no_harm(twin, camera):
    for data in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"):
        with socket.create_connection(("127.0.0.1", twin.port)) as plain:
            plain.sendall(data)
    assert camera.connect().is_alive()


def test_stopping_does_not_wait_for_clients(tmp_path):
    async def run():
        twin = Twin(tmp_path / "other", quick())
        await twin.start()
        plain = socket.create_connection(("127.0.0.1", twin.port))  # never begins its handshake
        began = time.monotonic()
        await twin.stop()
        plain.close()
        return time.monotonic() - began

    assert asyncio.run(run()) < 2
