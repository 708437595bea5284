"""The watcher: revocations close connections, whatever happens to the registry in between."""

import asyncio
import contextlib
import itertools
import logging

import pytest

from device.core import topics
from muster.errors import MusterError
from muster.registry import Registry
from muster.registry.boots import Boot
from muster.registry.certificates import PENDING_ACTIVATION, REVOKED, Certificates
from muster.registry.failures import RegistryError
from muster.twin import faults
from muster.twin.engine import Engine
from muster.twin.faults import Plan
from muster.twin.server import Twin
from tools.twin.helpers import quick, wait_until
from tools.twin.other_process import OtherProcess
from tools.twin.raw import connect_packet


def test_a_revocation_after_another_process_wrote_for_long_closes_the_connection(twin, camera):
    registry = twin.registry
    with camera.connect() as raw, OtherProcess(twin.home.root):
        assert raw.is_alive()
    with camera.connect() as raw:
        registry.certificates.add("run-out", "pem", PENDING_ACTIVATION, 0, 1)
        with OtherProcess(twin.home.root):
            assert raw.is_alive()
        registry.certificates.add_token("token", "run-out", 0)
        wait_until(lambda: registry.certificates.get("run-out") is None)
        registry.certificates.set_status(camera.certificate_id, REVOKED)
        assert raw.is_closed()


def test_a_client_that_is_revoked_while_its_connect_is_delayed_does_not_come_in(twin, camera, monkeypatch):
    def revoke_meanwhile(_):
        with contextlib.closing(Registry(twin.home.root)) as registry:
            registry.certificates.set_status(camera.certificate_id, REVOKED)
        return 0.2  # longer than a round of the watcher, whose timer is therefore due first

    monkeypatch.setattr(Plan, "delay_s", property(revoke_meanwhile))
    twin.registry.faults.add(faults.CONNECT, faults.DELAY, number=1)
    raw = camera.open()
    raw.send(connect_packet("cam1"))
    assert raw.is_closed()


@pytest.mark.parametrize("turns", [(False,), (False, True)], ids=["alone", "beside another process"])
def test_a_registry_that_cannot_be_used_is_told_once_and_then_watched_again(
    twin, camera, monkeypatch, caplog, turns
):
    is_awaited = itertools.cycle(turns)
    delete = Certificates.delete_unclaimed
    rounds = []

    def failing(self, now_s):
        rounds.append(now_s)
        if len(rounds) < 5:
            raise RegistryError("the disk is full")
        return delete(self, now_s)

    with caplog.at_level(logging.WARNING, "muster.twin"), camera.connect() as raw:
        monkeypatch.setattr(Registry, "is_awaited", property(lambda registry: next(is_awaited)))
        monkeypatch.setattr(Certificates, "delete_unclaimed", failing)
        wait_until(lambda: len(rounds) >= 6)
        twin.registry.certificates.set_status(camera.certificate_id, REVOKED)
        assert raw.is_closed()
    told = [message for message in caplog.messages if "CONNECTION_LOST" not in message]  # a busy machine
    assert told == ["revocations and ended tokens are not seen: the disk is full"]


def test_a_twin_whose_watcher_ends_ends_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(Engine, "drop_inactive", lambda self: 1 / 0)

    async def run():
        twin = Twin(tmp_path, quick())
        await twin.start()
        try:
            await twin.serve(asyncio.Event())
        finally:
            await twin.stop()

    with pytest.raises(MusterError, match="no longer sees revocations .*ZeroDivisionError.*start it again"):
        asyncio.run(run())


def test_what_a_device_brings_about_at_once_is_stored_at_once(twin, camera, monkeypatch):
    stored = []
    store = Twin._store

    def watched(self, writes):
        stored.append([write.what for write in writes])
        store(self, writes)

    monkeypatch.setattr(Twin, "_store", watched)
    with camera.connect() as raw:
        raw.publish(topics.booted("cameraDevice", "cam1"), b"{}", qos=1)
        assert twin.registry.boots.get("cam1") is not None, "stored before it is acknowledged"
        raw.publish(topics.booted("cameraDevice", "cam1"), b"{}", qos=1)
    assert stored == [["a connection", "a boot status"], ["a boot status"]]


def test_a_write_that_fails_takes_no_other_of_its_turn_along(tmp_path, caplog):
    """What clients bring about in one turn of the loop is one transaction, unless one of them fails."""

    def broken():
        raise ValueError("a value that does not fit")

    async def one_turn():
        twin = Twin(tmp_path, quick())
        boots = twin.registry.boots
        await twin.start()
        for name, write in (
            ("first", lambda: boots.put(Boot("a", "t", b"", 1))),
            ("broken", broken),
            ("last", lambda: boots.put(Boot("b", "t", b"", 2))),
        ):
            twin._write(name, write)
        await asyncio.sleep(0)
        stored = [boot.thing for boot in boots.all()]
        await twin.stop()
        return stored

    assert asyncio.run(one_turn()) == ["b", "a"]
    assert [record.getMessage() for record in caplog.records if "stored" in record.getMessage()] == [
        "broken was not stored: a value that does not fit"
    ]
