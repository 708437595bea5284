"""Many requests, many clients, much that waits: nobody suffers from what another one does."""

import asyncio
import errno
import json
import threading
import time

from device.core import fields, topics
from muster.registry import Registry
from muster.registry.certificates import ACTIVE, REVOKED
from muster.twin import faults, keeping, keypool, listener
from muster.twin import hook as hooks
from muster.twin.principal import Principals
from muster.twin.router import Router
from muster.twin.server import Twin
from muster.twin.sessions import Message, Sessions
from muster.twin.throttle import Rate
from tools.twin.helpers import OWN, REGISTER, Device, claim, limits, new_csr, quick, registration
from tools.twin.raw import PUBACK, Raw, publish_packet


def created(raw, folder):
    accepted, answer = raw.request(topics.CREATE_FROM_CSR, {fields.SIGNING_REQUEST: new_csr(folder / "key")})
    assert accepted, answer
    return answer


def test_a_request_does_not_survive_its_connection(start, tmp_path):
    asked, go = threading.Event(), threading.Event()

    def hook(event):
        asked.set()
        return go.wait() and {hooks.ALLOW: True}

    twin = start(hook=hook)
    raw = Raw(twin, twin.claim_certificate_path, twin.claim_key_path).connect("cam1", clean=False)
    raw.subscribe(topics.accepted(topics.CREATE_FROM_CSR), topics.accepted(REGISTER))
    raw.publish(REGISTER, json.dumps(registration(created(raw, tmp_path), "cam1")).encode(), qos=1)
    assert asked.wait(10)
    raw = Raw(twin, twin.claim_certificate_path, twin.claim_key_path).connect("cam1", clean=False)
    assert raw.session_present == 1
    go.set()
    with claim(twin, "cam2") as other:
        assert other.request(REGISTER, registration(created(other, tmp_path), "cam2"))[0]
    assert raw.is_alive(), "no answer comes"
    assert twin.registry.things.names() == ["cam2"]


def test_the_requests_of_a_connection_are_served_one_by_one(start, tmp_path):
    running, most, go = [], [], threading.Event()

    def hook(event):
        running.append(event)
        most.append(len(running))
        go.wait()
        running.pop()
        return {hooks.ALLOW: False}

    twin = start(hook=hook, limits=limits(calls_waiting=3))
    with claim(twin) as raw:
        document = json.dumps(registration(created(raw, tmp_path), "cam1")).encode()
        for number in range(1, 6):
            raw.send(publish_packet(REGISTER, document, qos=1, packet_id=number))
        acknowledged = 0
        refusals = []
        while acknowledged < 5 or len(refusals) < 2:  # those beyond the limit are refused at once
            first, body = raw.read()
            if first == PUBACK:
                acknowledged += 1
            else:
                refusals.append(json.loads(body[body.index(b"{") :])[fields.STATUS_CODE])
        assert refusals == [429, 429]
        go.set()
        for _ in range(3):
            assert json.loads(raw.message()[1])[fields.STATUS_CODE] == 403
    assert most == [1, 1, 1]


def test_keys_are_handed_out_in_order_and_not_to_those_who_left():
    async def run():
        pool = keypool.KeyPool(1)
        asked = [asyncio.ensure_future(pool.take()) for _ in range(4)]
        pool._loop = asyncio.get_running_loop()
        await asyncio.sleep(0)
        asked[1].cancel()
        await asyncio.sleep(0)
        for number in range(3):
            pool._arrived(number)
        return [await asked[0], await asked[2], await asked[3]]

    assert asyncio.run(run()) == [0, 1, 2]


def test_a_twin_that_nobody_reads_keeps_no_messages(tmp_path):
    assert Twin(tmp_path / "a", quick()).messages.maxlen == 0
    assert Twin(tmp_path / "b", quick(), keeps_messages=True).messages.maxlen > 0


def session(**changes):
    sessions = Sessions(limits(**changes), lambda: 0.0)
    return sessions, sessions.open("cam1", is_clean=False)[0]


def test_what_waits_for_a_session_is_limited():
    _, one = session(waiting_messages=2, waiting_bytes=1000)
    few = limits(waiting_messages=2, waiting_bytes=1000)
    assert [one.wait(Message("t", b"1"), few) for _ in range(3)] == [True, True, False]
    assert [one.wait(Message("t", b"1" * 900), limits(waiting_bytes=1000)) for _ in range(2)] == [True, False]
    one.next_waiting()
    assert one.wait(Message("t", b"1"), limits(waiting_bytes=1000))


def test_what_waits_for_all_absent_sessions_is_limited():
    sessions = Sessions(limits(absent_bytes=30), lambda: 0.0)
    first, second = (sessions.open(name, is_clean=False)[0] for name in ("cam1", "cam2"))
    sessions.close(first)
    sessions.close(second)
    assert sessions.keep(first, Message("t", b"1" * 19))
    assert not sessions.keep(second, Message("t", b"1" * 19))
    assert sessions.open("cam1", is_clean=False) == (first, True)  # it is sent its messages now
    assert sessions.keep(second, Message("t", b"1" * 19))
    sessions.open("cam2", is_clean=True)
    sessions.close(first)
    assert sessions.keep(first, Message("t", b"1" * 9))


def test_the_sessions_of_absent_clients_are_limited():
    sessions = Sessions(limits(absent_sessions=2), lambda: 0.0)
    for name in ("cam1", "cam2", "cam3"):
        one, _ = sessions.open(name, is_clean=False)
        sessions.subscribe(one, "t", 1)
        sessions.close(one)
    assert [one.client_id for one in sessions] == ["cam2", "cam3"]
    assert [one.client_id for one, _ in sessions.subscribers("t")] == ["cam2", "cam3"]


def test_retained_messages_are_limited():
    sessions, _ = session()
    router = Router(sessions, limits(retained_messages=2, retained_bytes=100))
    router.retain("a", b"1" * 50, 0)
    router.retain("b", b"1" * 60, 0)
    assert list(router.retained) == ["a"], "too many bytes"
    router.retain("a", b"", 0)
    for name in "bcd":
        router.retain(name, b"1", 0)
    assert list(router.retained) == ["b", "c"], "too many messages"


def test_a_sessions_filters_are_found_by_name():
    sessions, one = session(filters_per_connection=3)
    other, _ = sessions.open("cam2", is_clean=False)
    for name, qos in (("a/b", 0), ("a/+", 1), ("#", 0)):
        assert sessions.subscribe(one, name, qos)
    assert not sessions.subscribe(one, "x", 0), "too many"
    assert sessions.subscribe(other, "a/b", 1)
    assert dict(sessions.subscribers("a/b")) == {one: 1, other: 1}
    assert dict(sessions.subscribers("x")) == {one: 0}
    assert (one.granted("a/b"), one.granted("x"), other.granted("x")) == (1, 0, None)
    sessions.delete(one)
    sessions.unsubscribe(other, "a/b")
    assert not sessions._exact and not sessions._wildcards


def test_sessions_and_retained_messages_survive_a_restart(tmp_path, home_of):
    twin, stop = home_of()
    camera = Device(twin, tmp_path, "cam1")
    raw = camera.connect(clean=False)
    raw.subscribe(OWN + "in")
    raw.send(publish_packet(OWN + "in", b"in flight", qos=1))
    raw.read(), raw.read()
    raw.publish(OWN + "kept", b"retained", qos=1, retain=True)
    stop()
    assert (twin.home.sessions.stat().st_mode & 0o777) == 0o600
    camera.twin, _ = home_of()
    raw = camera.connect(clean=False)
    assert raw.session_present == 1
    assert raw.message() == (OWN + "in", b"in flight")
    raw.subscribe(OWN + "kept")
    assert raw.message() == (OWN + "kept", b"retained")


def test_a_file_of_sessions_that_cannot_be_read_is_left_out(tmp_path):
    sessions, _ = session()
    router = Router(sessions, limits())
    (tmp_path / "sessions.json").write_text('{"sessions": [{"client": 1}], "retained": []}')
    keeping.load(tmp_path / "sessions.json", router)
    assert len(sessions) == 1


def test_a_rate_lets_so_many_a_second_through():
    now_s = [0.0]
    rate = Rate(10, lambda: now_s[0])
    assert sum(rate.passes() for _ in range(20)) == 10
    now_s[0] = 0.25
    assert sum(rate.passes() for _ in range(20)) == 2
    now_s[0] = 100
    assert sum(rate.passes() for _ in range(20)) == 10
    now_s[0] = 50  # the clock was set back
    assert not rate.passes()


def test_calls_and_publishes_are_throttled(start):
    now_s = time.time()
    twin = start(throttle=True, clock=lambda: now_s, limits=limits(publishes_per_s=3, calls_per_s=2))
    with claim(twin) as raw:
        answers = [raw.request(topics.CREATE_KEYS) for _ in range(3)]
        assert [accepted for accepted, _ in answers] == [True, True, False]
        assert answers[2][1] == faults.THROTTLED
        raw.send(publish_packet(topics.CREATE_KEYS, b"", qos=1))
        assert raw.is_alive(), "the fourth publish of this second is dropped without a word"


def test_no_files_left_is_told_once_and_the_others_go_on(twin, camera, heard, monkeypatch):
    held = camera.connect()
    real, left = listener._accepted, [5]

    def accept(listening):
        if left[0]:
            left[0] -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return real(listening)

    monkeypatch.setattr(listener, "_accepted", accept)
    monkeypatch.setattr(listener, "_PAUSE_S", 0.01)
    assert camera.connect().is_alive(), "accepted as soon as there are files again"
    assert held.is_closed(), "taken over, not dropped before"
    assert not left[0]
    told = [line for line in heard.lines if "no more connections" in line]
    assert len(told) == 1 and "ulimit" in told[0]


def test_only_clients_that_have_changed_are_looked_at(tmp_path):
    registry, other = Registry(tmp_path), Registry(tmp_path)
    for name in ("a", "b"):
        registry.certificates.add(name, "pem", ACTIVE, 0, 2e9)
    now_s = [1e9]
    known = Principals(registry, quick(clock=lambda: now_s[0]))
    first, second = known.principal("a", "cam1"), known.principal("b", "cam2")
    assert first.is_active and second.is_active
    known.watch(first)
    known.look(), known.changed()
    assert not known.look() and not known.has_changes
    registry.certificates.set_status("a", REVOKED)
    has_changed = known.changed()
    assert (has_changed("a"), has_changed("b"), first.is_active) == (True, False, False)
    other.policies.put("p", json.dumps({"Statement": []}))
    other.certificates.set_status("b", REVOKED)
    assert second.is_active, "not before the next look"
    assert known.look() and known.changed()("b")
    assert not second.is_active
    known.watch(first)
    assert not known.has_changes
    now_s[0] = 2e9
    assert known.has_changes and known.changed()("a"), "it has ended"


def test_a_client_that_leaves_amid_a_huge_answer_leaves_no_traceback(twin, caplog):
    twin.registry.faults.add("create-keys", "huge")
    for _ in range(3):
        raw = claim(twin)
        raw.publish(topics.CREATE_KEYS, b"{}", qos=1)
        raw.socket.recv(10)
        raw.close()
    assert claim(twin).is_alive()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def test_the_file_limit_is_raised(monkeypatch):
    limits_set = []
    monkeypatch.setattr(listener.resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(listener.resource, "setrlimit", lambda _, wanted: limits_set.append(wanted))
    listener.raise_file_limit()
    assert limits_set == [(4096, 4096)]


def test_a_twin_that_was_killed_does_not_go_back_to_the_stop_before(tmp_path):
    """What clients subscribed to or deleted since then would be wrong, and they would not know."""
    path = tmp_path / "sessions.json"
    router = Router(Sessions(limits(), time.time), limits())
    router.retain("a", b"old", 1)
    keeping.save(path, router)
    keeping.load(path, router)
    assert not path.exists()


def test_a_file_of_sessions_of_another_form_is_left_out(tmp_path):
    path = tmp_path / "sessions.json"
    path.write_text('{"sessions": [{"client": "a", "ended": 1, "filters": []}], "retained": []}')
    router = Router(Sessions(limits(), time.time), limits())
    keeping.load(path, router)
    assert not len(router.sessions)
