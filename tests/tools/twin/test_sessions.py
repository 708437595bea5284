"""Retained messages, wills, kept sessions and keep-alive, as AWS IoT Core has them."""

import time

from tools.twin.helpers import OWN, Device, allow, closes, limits
from tools.twin.raw import PUBACK, PUBLISH, connect_packet, packet, publish_packet


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


def test_a_will_waits_for_the_client_that_wanted_it_itself(twin, camera):
    raw = camera.connect(clean=False, will=(OWN + "will", b"gone", 1, False))
    raw.subscribe(OWN + "will", qos=1)
    raw.close()
    twin.wait_for_publish(OWN + "will")
    raw = camera.connect(clean=False)
    assert raw.session_present == 1
    assert raw.message() == (OWN + "will", b"gone")


def test_a_will_needs_permission_too(twin, camera):
    camera.connect(will=("cameraDevice/cam2/will", b"forged", 1, False)).close()
    camera.connect(will=(OWN + "will", b"own", 1, False)).close()
    twin.wait_for_publish(OWN + "will")
    assert [message.topic for message in twin.messages] == [OWN + "will"]


def test_a_will_to_a_reserved_topic_is_refused_at_once(camera):
    raw = camera.open()
    raw.send(connect_packet("cam1", will=("$aws/things/cam1/shadow/update", b"", 0, False)))
    assert raw.is_closed()


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


def test_a_silent_client_is_dropped_at_one_and_a_half(start, tmp_path):
    twin = start(limits=limits(keep_alive_min_s=0.2, keep_alive_max_s=0.4))
    camera = Device(twin, tmp_path, "cam1")
    began = time.monotonic()
    raw = camera.connect(keep_alive_s=60)  # 60 s is brought down to the maximum
    assert raw.is_closed()
    assert time.monotonic() - began >= 0.59
    raw = camera.connect(keep_alive_s=0)  # 0 means the maximum, not for ever
    assert raw.is_closed()
    raw = camera.connect(will=(OWN + "will", b"", 0, False), keep_alive_s=60)
    assert raw.is_closed()
    twin.wait_for_publish(OWN + "will")


def test_pings_keep_it_alive(start, tmp_path):
    twin = start(limits=limits(keep_alive_min_s=2, keep_alive_max_s=2))
    raw = Device(twin, tmp_path, "cam1").connect()
    end = time.monotonic() + 4
    while time.monotonic() < end:
        assert raw.is_alive()
        time.sleep(0.05)
