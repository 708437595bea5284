"""Commands from the cloud: reboot, release, and the application's own; old ones do nothing."""

import re
import time

from device.core import fields, paths
from tests.system import applications, mishaps, rig
from tests.system.commanding import send, send_until

HEARS = """
    muster.on_command("blink", lambda payload: muster.log("blinks " + payload.decode()))
    await asyncio.sleep(3600)
"""


def _ready(machine, twin, serial):
    """Wait until the board hears commands, and what is sent now is not of the second of its start."""
    machine.wait_for(rig.DONE)
    send_until(machine, twin, serial, "blink", "app        blinks ready", b"ready")
    machine.wait_for(re.compile(r"heartbeat +up ([2-9]|\d\d+) s"))


def _board(tmp_path, twin, serial):
    files = applications.compiled(tmp_path / "app", applications.body(HEARS))
    return mishaps.flash(tmp_path / "flash.img", twin, serial, extra=files)


def test_the_application_s_own(twin, serial, tmp_path):
    with mishaps.powered(_board(tmp_path, twin, serial)) as machine:
        _ready(machine, twin, serial)
        send(twin, serial, "nothing")
        mishaps.complaint(machine, "commands", "nothing was ignored: this board knows reboot, release, blink")
        for number in range(40):
            send(twin, serial, f"spam-{number}")
        send_until(machine, twin, serial, "blink", "app        blinks 3 times", b"3 times")
        assert len([line for line in machine.lines if "spam" in line]) <= 2, machine.console
        unsaid = re.compile(r"more was ignored: this board knows .*; so were (\d+) before")
        found = send_until(machine, twin, serial, "more", unsaid)
        assert int(unsaid.search(found)[1]) >= 38, found


def test_reboot_and_its_replay(twin, serial, tmp_path):
    path = _board(tmp_path, twin, serial)
    with mishaps.powered(path, restart=True) as machine:
        _ready(machine, twin, serial)
        sent = {fields.TIME: int(time.time())}
        start = len(machine.lines)
        send(twin, serial, "reboot", sent)
        mishaps.complaint(machine, "commands", "restarting, as the cloud has commanded", start=start)
        machine.wait_for(rig.DONE, start=start)
        ignored = "reboot was ignored: it was sent before the board started"
        send_until(machine, twin, serial, "reboot", ignored, sent, start=start)


def test_release_and_its_replay(twin, serial, tmp_path):
    path = _board(tmp_path, twin, serial)
    with mishaps.powered(path, restart=True) as machine:
        _ready(machine, twin, serial)
        sent = {fields.TIME: int(time.time())}
        send(twin, serial, "release", {fields.TIME: sent[fields.TIME] - 13})
        machine.wait_for(re.compile(r"release was ignored: it is 1\d s old; the limit is 10 s"))
        start = len(machine.lines)
        send(twin, serial, "release", sent)
        mishaps.complaint(machine, "commands", "released by the cloud", start=start)
        machine.wait_for(rig.DONE, start=start)  # its claim credentials give it another identity
        start = len(machine.lines)
        send_until(machine, twin, serial, "release", "release was ignored: it ", sent, start=start)
        mishaps.still_runs(machine)
        assert "released by" not in "\n".join(machine.lines[start:])
    kept = {name.split("/")[4] for name in rig.on_flash(path) if name.startswith(paths.KEPT + "/")}
    assert len(kept) == 1 and mishaps.identity(path) not in kept
