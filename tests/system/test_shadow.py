"""Shadows on a whole board, with the twin's shadow service: what the cloud desires, and what is reported."""

import contextlib
import json
import textwrap
import time

from device.core import fields, paths, shadow_topics
from muster.image import strict_json
from muster.registry import Registry
from muster.relay import Relay
from muster.twin import faults
from muster.twin import shadow as service
from tests.system import applications, mishaps, rig
from tests.system.shadows import desire, reported, wait_reported

LAMP = """
    shadow = muster.shadow()
    shadow.on_change(lambda changes: muster.log("changes " + ", ".join(sorted(changes))))
    await shadow.report({"model": "m1"})
    muster.log("reported")
"""


def board(tmp_path, twin, serial, lines, *, extra=None, **more):
    app = applications.compiled(
        tmp_path / "app", applications.body(textwrap.dedent(lines) + "\nawait asyncio.sleep(3600)")
    )
    return mishaps.flash(tmp_path / "flash.img", twin, serial, extra={**app, **(extra or {})}, **more)


def test_a_change_while_off_arrives_at_start_and_is_reported(twin, serial, tmp_path):
    path = board(tmp_path, twin, serial, LAMP)
    with mishaps.powered(path) as machine:
        machine.wait_for("app        reported")
        wait_reported(twin, serial, {"model": "m1"})
        desire(twin, serial, {"lamp": True})  # while it is on line
        machine.wait_for("changes lamp")
        wait_reported(twin, serial, {"model": "m1", "lamp": True})
    desire(twin, serial, {"level": {"red": 3}})
    with mishaps.powered(path) as machine:
        machine.wait_for("changes level")
        wait_reported(twin, serial, {"model": "m1", "lamp": True, "level": {"red": 3}})


def test_a_report_made_off_line_survives_a_restart(twin, serial, tmp_path):
    lines = """
    shadow = muster.shadow("room")
    await muster.online()
    while muster.is_online():
        await asyncio.sleep(0.1)
    await shadow.report({"off": "line"})
    muster.log("kept")
    """
    quick = {"retry_ms": 300, "shadow_save_ms": 100}
    with contextlib.ExitStack() as link:
        relay = link.enter_context(Relay("127.0.0.1", twin.port))
        path = board(tmp_path, twin, serial, lines, port=relay.port, intervals=quick)
        with mishaps.powered(path) as machine:
            machine.wait_for(rig.DONE)
            machine.wait_for("app        started")
            link.close()
            machine.wait_for("app        kept")
    assert json.loads(rig.on_flash(path)[paths.SHADOW])["room"][fields.PENDING] == {"off": "line"}
    assert reported(twin, serial, "room") is None
    with Relay("127.0.0.1", twin.port, port=relay.port), mishaps.powered(path):
        wait_reported(twin, serial, {"off": "line"}, "room")


def test_throttling_and_conflicts_are_not_the_end(twin, serial, tmp_path):
    for number in (429, 500, 409, 429):
        twin.registry.faults.add(faults.SHADOW, faults.REJECT, number=number, client=serial, count=1)
    path = board(tmp_path, twin, serial, LAMP)
    with mishaps.powered(path) as machine:
        machine.wait_for("the shadow was refused: 429")
        machine.wait_for("asking again")
        machine.wait_for("app        reported")
        wait_reported(twin, serial, {"model": "m1"})


def test_hostile_documents_leave_everything_else_alone(twin, serial, tmp_path):
    path = board(tmp_path, twin, serial, LAMP)
    with mishaps.powered(path) as machine:
        machine.wait_for("app        reported")
        deep = {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}
        desire(twin, serial, deep)
        machine.wait_for("nothing is reported; what is reported is nested too deeply")
        delta = shadow_topics.of(serial) + shadow_topics.DELTA
        left = Registry(twin.home.root)
        left.outbox.put(delta, b'{"version": 99, "state": ' + b"[" * 5000)
        machine.wait_for("the cloud's document is left out: ")
        left.outbox.put(delta, b'{"version": 99, "state": {"a": "' + b"x" * 60_000 + b'"}}')
        machine.wait_for("left out a message of 60")
        left.close()
        desire(twin, serial, {"a": None, "lamp": 2})
        machine.wait_for("changes a, lamp")
        assert machine.console.count("connected to") == 1


def test_a_large_document_at_start_does_not_end_the_connection(twin, serial, tmp_path):
    path = board(tmp_path, twin, serial, 'await muster.publish(muster.topic("x"), "y")')
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
    desire(twin, serial, {f"k{number:03}": number for number in range(500)})
    edited = applications.compiled(tmp_path / "lamp", applications.body(LAMP))
    mishaps.edit(path, edited)
    with mishaps.powered(path) as machine:
        machine.wait_for("left out a message of")
        machine.wait_for("app        reported")
        assert reported(twin, serial) == {"model": "m1"}


def test_names_in_the_configuration(twin, serial, tmp_path):
    config = {fields.SERVICES: {fields.CLOUD: {fields.SHADOW: ["room"]}}}
    path = board(tmp_path, twin, serial, "pass", extra={paths.CONFIG: strict_json(config)})
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        desire(twin, serial, {"lamp": 1}, "room")
        machine.wait_for("shadow room: ")
    with mishaps.powered(path) as machine:
        machine.wait_for("shadow room: version 1")
        machine.wait_for("all services OK", start=len(machine.lines))
    assert json.loads(rig.on_flash(path)[paths.SHADOW])["room"][fields.DESIRED] == {"lamp": 1}


def test_what_the_cloud_refuses_is_told_and_the_next_report_goes_on(twin, serial, tmp_path):
    lines = """
    shadow = muster.shadow()
    await shadow.report({"model": "m1"})
    while "long" not in shadow.desired():
        await asyncio.sleep(0.1)
    try:
        await shadow.report({"text": "y" * 5000})
    except muster.Failure as failure:
        muster.log("failed: %s" % failure)
    await shadow.report({"model": "m2"})
    muster.log("goes on")
    """
    path = board(tmp_path, twin, serial, lines)
    with mishaps.powered(path) as machine:
        wait_reported(twin, serial, {"model": "m1"})
        desire(twin, serial, {"long": "x" * 5000})  # together more than 8 KB
        machine.wait_for("app        failed: the classic shadow: the shadow was refused: 413")
        machine.wait_for("app        goes on")
        assert reported(twin, serial) == {"model": "m2"}


def test_a_deleted_shadow_is_reported_anew_at_the_next_start(twin, serial, tmp_path):
    path = board(tmp_path, twin, serial, LAMP)
    with mishaps.powered(path) as machine:
        machine.wait_for("app        reported")
    registry = Registry(twin.home.root)
    service.serve(registry, shadow_topics.of(serial) + shadow_topics.DELETE, b"", int(time.time()))
    registry.close()
    with mishaps.powered(path):
        wait_reported(twin, serial, {"model": "m1"})


def test_a_message_that_does_not_fit_into_the_heap_costs_nothing_else(twin, serial, tmp_path):
    mishaps.need_interpreter(32)
    lines = """
    shadow = muster.shadow()
    shadow.on_change(lambda changes: muster.log("%d changes" % len(changes)))
    """
    path = board(tmp_path, twin, serial, lines)
    rig.boot_to_the_end(path)
    desire(twin, serial, {f"key{number:03}": number for number in range(150)})
    with mishaps.powered(path, bits=32, heap_kb=212) as machine:
        mishaps.complaint(machine, "mqtt", "left out a message of", "/get/accepted")
        machine.wait_for("all services OK", start=len(machine.lines))
        assert machine.console.count("connected to") == 1
        assert "150 changes" not in machine.console
    with mishaps.powered(path, bits=32, heap_kb=512) as machine:  # it was not too large for every board
        machine.wait_for("150 changes")
