"""MQTT as AWS IoT Core speaks it; with it, one test per repaired defect of amqtt 0.12.1."""

import asyncio
import socket
import time

import pytest

from muster.twin.server import Twin
from tools.twin.helpers import OWN, allow, closes, quick
from tools.twin.raw import (
    PUBACK,
    PUBLISH,
    packet,
    publish_packet,
    subscribe_packet,
    text,
)


def test_a_message_comes_back(camera):
    raw = camera.connect()
    assert raw.subscribe(OWN + "a", OWN + "b/+") == b"\x01\x01"
    raw.publish(OWN + "a", b"1", qos=0)
    assert raw.message() == (OWN + "a", b"1")
    raw.publish(OWN + "b/c", b"2", qos=0)
    assert raw.message() == (OWN + "b/c", b"2")


@pytest.mark.parametrize(("sent", "wanted", "got"), [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 1)])
def test_the_lower_qos_counts(camera, sent, wanted, got):
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
    took_s = []
    for number in range(1, 101):
        began = time.monotonic()
        raw.send(publish_packet(OWN + "a", b"1", qos=1, packet_id=number))
        raw.read()
        raw.read()
        took_s.append(time.monotonic() - began)
    assert min(took_s) < 0.04, "Nagle's algorithm holds each small packet back for 40 ms"


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

    assert asyncio.run(run()) < 25, "the time for a handshake is 30 s"
