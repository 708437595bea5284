"""A board with everything on, for a long time: links and power are cut, the twin restarts, the clock jumps.

Two minutes; MUSTER_SOAK_S sets other seconds, MUSTER_SOAK_SEED repeats a run. `make soak` takes 20 minutes.
"""

import contextlib
import json
import logging
import os
import random
import re
import time
from pathlib import Path

from device.core import fields, paths
from muster import application
from muster.layout import REPO
from muster.relay import Relay
from muster.twin.server import RunningTwin, running_twin
from muster.twin.settings import Settings
from muster.virtual import VirtualBoard
from tests.system import exported, mishaps, rig
from tests.system.synced import changes_in_cloud, in_cloud

LENGTH_S = int(os.environ.get("MUSTER_SOAK_S", "120"))
SEED = int(os.environ.get("MUSTER_SOAK_SEED", "0")) or random.randrange(1, 10**6)
QUICK = {"authority_key": "ec", "claim_key": "ec", "key_pool": 0}
READING = re.compile(r"app +\S+ degrees, reading (\d+-\d+)")
FREE = re.compile(r"heartbeat +up \d+ s, connected, (\d+) bytes free")
GROWTH_BYTES = 16384  # of the heap's use, from the first quarter of the last run to its last quarter
CALM_READINGS = 40  # that the last run goes on for
MISHAPS = ("cut", "cut", "cut", "refuse", "silent", "power", "power", "operation", "twin")


class Soak:
    """One board, its twin behind a relay, and what has happened so far."""

    def __init__(self, folder: Path, serial: str) -> None:
        self.folder, self.serial = folder, serial
        self.random = random.Random(SEED)
        self.relay = Relay("127.0.0.1", 1)
        self.happened: dict[str, int] = dict.fromkeys(MISHAPS, 0)
        self.stored: set[str] = set()  # readings that the application saw put into the table
        self._stack = contextlib.ExitStack()
        self.twin = self._start_twin()
        self.machine: VirtualBoard | None = None

    def _start_twin(self) -> RunningTwin:
        twin = self._stack.enter_context(running_twin(self.folder / "twin", Settings(**QUICK)))
        self.relay.target = ("127.0.0.1", twin.port)
        return twin

    def make_board(self) -> Path:
        """The image of a board with the example application and all services."""
        config = {
            fields.SERVICES: {fields.CLOUD: {fields.SYNC: {"readings": "up"}}},
            fields.LOGS: exported.MQTT,
            fields.LOG: {fields.FLASH_BYTES: 16384},
        }
        files = {
            **application.files_of(REPO / "examples/sensor"),
            paths.CONFIG: json.dumps(config).encode(),
        }
        told = {"heartbeat_ms": 2000, "good_start_ms": 200}  # so many power cuts are no crash loop
        path = mishaps.flash(
            self.folder / "flash.img",
            self.twin,
            self.serial,
            port=self.relay.port,
            extra=files,
            intervals=told,
            app={"every_s": 1},
        )
        rig.boot_to_the_end(path)
        return path

    def switch_on(self, path: Path, **options: object) -> VirtualBoard:
        """Power; the clock begins anywhere within a year of the truth."""
        jump_s = self.random.choice((0, 0, -180 * 86400, 180 * 86400))
        environment = {"CLOCK": str(int(time.time()) + jump_s)}
        self.machine = rig.board(path, environment=environment, **options).start()
        return self.machine

    def switch_off(self) -> None:
        """Cut the power, and keep what the board has said."""
        machine = self.machine
        assert machine is not None
        machine.stop()
        self.stored |= set(READING.findall(machine.console))
        unexplained = connections_without_reason(machine.lines)
        assert not unexplained, "\n".join(unexplained)
        assert "Traceback" not in machine.console, machine.console

    def mishap(self, path: Path) -> None:
        """Let one thing go wrong."""
        kind = self.random.choice(MISHAPS)
        self.happened[kind] += 1
        relay = self.relay
        if kind == "cut":
            relay.cut_after_total = relay.bytes_up + relay.bytes_down + self.random.randrange(1, 3000)
        elif kind in ("refuse", "silent"):
            setattr(relay, "refuse" if kind == "refuse" else "black_hole", True)
        elif kind == "twin":
            self._stack.close()
            self.twin = self._start_twin()
        else:
            self.switch_off()
            cut_at = self.random.randrange(1, 60) if kind == "operation" else None
            self.switch_on(path, cut_at=cut_at, tear=self.random.random() < 0.5)

    def go_on(self, readings: int) -> None:
        """Wait until the board has stored so many more, or has lost its power; then mend the link."""
        machine = self.machine
        assert machine is not None
        start = len(machine.lines)
        end_s = time.monotonic() + 60
        while time.monotonic() < end_s:
            if not machine.running or len(READING.findall("\n".join(machine.lines[start:]))) >= readings:
                break
            time.sleep(0.05)
        else:
            raise AssertionError(f"no reading for a minute (seed {SEED}):\n{machine.console[-3000:]}")
        self.mend_link()

    def mend_link(self) -> None:
        """Let the relay pass everything on again."""
        self.relay.refuse = self.relay.black_hole = False

    def stop(self) -> None:
        """Stop the twin."""
        self._stack.close()


def connections_without_reason(lines: list[str]) -> list[str]:
    """Lines that say a reconnection, without one since the last connection that says why."""
    found, has_reason = [], True
    for line in lines:
        if re.search(r"(mqtt|network|health|renew|url|start) .*(Trying again|lost|lends|short)", line):
            has_reason = True
        elif re.search(r"mqtt +connected to", line):
            if not has_reason:
                found.append(line)
            has_reason = False
    return found


def test_soak(serial, tmp_path, caplog, capsys):
    caplog.set_level(logging.INFO, "muster.twin")
    print(f"seed {SEED}")  # with what a failure shows
    soak = Soak(tmp_path, serial)
    with soak.relay:
        path = soak.make_board()
        soak.switch_on(path)
        try:
            end_s = time.monotonic() + LENGTH_S
            while time.monotonic() < end_s:
                soak.go_on(soak.random.randrange(1, 4))
                if not soak.machine.running:
                    soak.switch_off()
                    soak.switch_on(path)
                else:
                    soak.mishap(path)
            soak.switch_off()
            soak.mend_link()
            last = soak.switch_on(path)
            soak.go_on(CALM_READINGS)
            soak.stored |= set(READING.findall(last.console))
            exported.wait_for(lambda: soak.stored <= in_cloud(soak.twin, serial, "readings").keys())
            soak.switch_off()
        finally:
            soak.machine.stop()
        cloud = in_cloud(soak.twin, serial, "readings")
        changes = changes_in_cloud(soak.twin, serial, "readings")
        soak.stop()
    with capsys.disabled():
        counts = ", ".join(f"{count} {kind}" for kind, count in soak.happened.items())
        print(f"\nsoak, seed {SEED}: {len(soak.stored)} readings, {len(cloud)} in the cloud; {counts}")
    assert len(soak.stored) >= LENGTH_S // 4
    assert changes == len(cloud), "each reading once in effect"
    free = [int(text) for text in FREE.findall(last.console)]
    quarter = max(1, len(free) // 4)
    assert min(free[-quarter:]) > min(free[:quarter]) - GROWTH_BYTES, free
    ends = [message for message in caplog.messages if message.startswith(f"{serial}: ")]
    assert sum("connected" in message for message in ends) > 3
