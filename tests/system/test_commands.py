"""Commands from the cloud: reboot, release, and the application's own; old ones do nothing."""

import json
import time

from device.core import fields, paths, topics
from tests.system import applications, mishaps, rig

HEARS = """
    muster.on_command("blink", lambda payload: muster.log("blinks " + payload.decode()))
    muster.log("listens")
    await asyncio.sleep(3600)
"""


def _send(twin, serial, name, payload=None, retain=False):
    payload = {fields.TIME: int(time.time())} if payload is None else payload
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    twin.send(topics.command(topics.DEFAULT_PREFIX, serial, name), data, retain)


def _ready(machine, twin, serial):
    """Wait until the board hears commands: it answers one that it does not know."""
    machine.wait_for(rig.DONE)
    start = len(machine.lines)
    while not any("this board knows" in line for line in machine.lines[start:]):
        _send(twin, serial, "nothing")
        time.sleep(0.2)
    time.sleep(2)  # what is sent in the second of the start counts as sent before it


def _board(tmp_path, twin, serial, app=HEARS):
    files = applications.compiled(tmp_path / "app", applications.body(app))
    return mishaps.flash(tmp_path / "flash.img", twin, serial, extra=files)


def test_the_application_s_own(twin, serial, tmp_path):
    with mishaps.powered(_board(tmp_path, twin, serial)) as machine:
        machine.wait_for("app        listens")
        _ready(machine, twin, serial)
        mishaps.complaint(machine, "commands", "nothing was ignored: this board knows reboot, release, blink")
        _send(twin, serial, "blink", b"3 times")
        machine.wait_for("app        blinks 3 times")
        for number in range(40):
            _send(twin, serial, f"spam-{number}")
        mishaps.still_runs(machine)
        assert len([line for line in machine.lines if "spam" in line]) <= 2, machine.console
        time.sleep(5.1)
        _send(twin, serial, "more")
        mishaps.complaint(machine, "commands", "more was ignored: this board knows", "so were", "before")


def test_reboot_and_its_replay(twin, serial, tmp_path):
    path = _board(tmp_path, twin, serial)
    with mishaps.powered(path, restart=True) as machine:
        _ready(machine, twin, serial)
        sent = {fields.TIME: int(time.time())}
        start = len(machine.lines)
        _send(twin, serial, "reboot", sent)
        mishaps.complaint(
            machine, "commands", "restarting, as the cloud has commanded", start=start, timeout_s=20
        )
        machine.wait_for(rig.DONE, 30, start=start)
        start = len(machine.lines)
        while not any(
            "reboot was ignored: it was sent before the board started" in line
            for line in machine.lines[start:]
        ):
            _send(twin, serial, "reboot", sent)
            time.sleep(0.5)
            assert time.time() - sent[fields.TIME] < 10


def test_release_and_its_replay(twin, serial, tmp_path):
    path = _board(tmp_path, twin, serial)
    with mishaps.powered(path, restart=True) as machine:
        _ready(machine, twin, serial)
        start = len(machine.lines)
        sent = {fields.TIME: int(time.time())}
        _send(twin, serial, "release", {fields.TIME: sent[fields.TIME] - 11})
        time.sleep(0.3)
        _send(twin, serial, "release", sent)
        mishaps.complaint(machine, "commands", "released by the cloud", start=start, timeout_s=20)
        machine.wait_for(rig.DONE, 30, start=start)  # its claim credentials give it another identity
        start = len(machine.lines)
        time.sleep(max(0, sent[fields.TIME] + 11.5 - time.time()))
        _send(twin, serial, "release", sent)
        mishaps.complaint(machine, "commands", "release was ignored: it is", "s old", start=start)
        mishaps.still_runs(machine)
        assert "released by" not in "\n".join(machine.lines[start:])
    kept = {name.split("/")[4] for name in rig.on_flash(path) if name.startswith(paths.KEPT + "/")}
    assert len(kept) == 1 and mishaps.identity(path) not in kept
