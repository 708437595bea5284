"""`muster sim` as people and scripts call it: its own twin, groups, progress, exit codes, Ctrl-C."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from device.core import topics
from muster import errors
from muster.enrolment import secrets
from muster.fleet import devices, groups
from muster.registry import Registry
from muster.registry.fleet import PROVISIONED
from muster.twin.server import running_twin
from tools.fleet.cli_runner import Tool
from tools.twin.helpers import quick

GROUP = "lights"


@pytest.fixture
def muster(tmp_path, monkeypatch) -> Tool:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Tool(tmp_path, monkeypatch)


def add_group(home: Path, *names: str) -> None:
    with contextlib.closing(Registry(home)) as registry:
        groups.add(registry, secrets.Vault(home), GROUP, 0)
        for name in names:
            devices.add(registry, GROUP, name, 0)


def test_it_starts_a_twin_of_its_own_and_leaves_nothing(muster) -> None:
    result = muster.good("sim", "--count", "5")
    lines = [line.split("\t") for line in result.output.splitlines()]
    figures = {line[0]: line[1] for line in lines if len(line) == 2}
    assert (figures["devices"], figures["done"], figures["failed"]) == ("5", "5", "0")
    assert float(figures["devices a second"]) > 0
    assert float(figures["CPU ms per device, simulator"]) > 0
    if Path("/proc/self/stat").exists():
        assert float(figures["CPU ms per device, twin"]) > 0
    assert ["step", "count", "p50 ms", "p95 ms", "p99 ms"] in lines
    assert lines[-1][:2] == ["whole device", "5"]
    assert result.error.splitlines()[-1] == "booting: 5 of 5"
    assert not list(muster.folder.glob("muster-sim-*")) and not muster.home.exists()


def test_a_group_is_simulated_with_its_enrolment_keys(muster) -> None:
    add_group(muster.home, "lamp-1", "lamp-2", "lamp-3")
    first = muster.good("sim", "--group", GROUP, "--count", "2", "-o", "json").response
    assert (first["devices"], first["done"], first["errors"]) == (2, 2, [])
    with contextlib.closing(Registry(muster.home)) as registry:
        states = {device.name: device.state for device in registry.devices.all()}
        assert registry.boots.get("lamp-2") is not None
    assert states == {"lamp-1": PROVISIONED, "lamp-2": PROVISIONED, "lamp-3": "created"}
    rest = muster.good("sim", "--group", GROUP, "-o", "json").response
    assert (rest["devices"], rest["done"]) == (1, 1), "the same command goes on with the others"
    again = muster("sim", "--group", GROUP)
    assert again.code == errors.FAILED
    assert "waits for its certificate" in again.error and "deprovision" in again.error


def test_devices_that_the_registry_does_not_know_are_refused(muster) -> None:
    add_group(muster.home, "lamp-1")
    with running_twin(muster.home, quick()) as twin:
        words = ("--endpoint", "localhost", "--port", str(twin.port))
        refused = muster("sim", *words, "--count", "2")
        assert refused.code == errors.FAILED
        assert "403" in refused.output and "hook" in refused.error
        # The way of the group through the same server: it is the names and the proofs that count.
        assert muster.good("sim", *words, "--group", GROUP, "-o", "json").response["done"] == 1


def test_partly_done_is_exit_code_3_with_a_table_of_errors(muster) -> None:
    with running_twin(muster.home, quick()) as twin:
        twin.registry.faults.add("register", "reject", "AccessDenied", 403, "sim-2")
        result = muster("sim", "--endpoint", "localhost", "--port", str(twin.port), "--count", "3")
    assert result.code == errors.PARTLY_DONE
    rows = [line.split("\t") for line in result.output.splitlines()]
    assert ["times", "gave up", "kind", "step", "cause"] in rows
    assert rows[-1][:3] == ["1", "1", "give up"] and "403 AccessDenied" in rows[-1][4]
    assert topics.register(topics.DEFAULT_TEMPLATE) in rows[-1][4]


def test_a_home_whose_twin_runs_is_said_so(muster) -> None:
    add_group(muster.home, "lamp-1")
    with running_twin(muster.home, quick()):
        result = muster("sim", "--group", GROUP)
    assert result.code == errors.FAILED
    assert "the twin cannot be started: a twin runs in" in result.error and "--endpoint" in result.error


def test_a_profile_alone_sends_no_fleet_to_a_cloud(muster) -> None:
    folder = muster.folder / "config" / "muster" / "profiles"
    folder.mkdir(parents=True)
    (folder / "live.toml").write_text(
        'endpoint = "cloud.invalid"\nport = 1\ngroup = "lights"\ntemplate = "Other"\n'
    )
    assert muster.good("sim", "--profile", "live", "--count", "1", "-o", "json").response["done"] == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--count", "0"], "not in the range"),
        (["--port", "8883"], "belong to --endpoint"),
        (["--endpoint", "mqtts://host:8883"], "give only the host name"),
        (["--endpoint", "host", "--template", "a/b"], "template contains '/'"),
        (["--group", "Lights"], "has 'L' at character 1"),
        (["--keys", "mine"], "is not one of"),
        *(([option, "nan"], "'nan' is not a finite number") for option in ("--ramp", "--keep-connected")),
        *(([option, "inf"], "'inf' is not a finite number") for option in ("--ramp", "--keep-connected")),
        *(([option, "-1"], "not in the range") for option in ("--ramp", "--keep-connected")),
    ],
)
def test_wrong_use_is_one_sentence(muster, words, why) -> None:
    result = muster("sim", *words)
    assert (result.code, result.output) == (errors.WRONG_USE, "")
    assert why in result.error and result.error.count("\n") == 1


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, errors.INTERRUPTED), (signal.SIGTERM, errors.TERMINATED)]
)
def test_a_signal_ends_with_a_summary_of_what_was_done(tmp_path, number, code) -> None:
    words = [sys.executable, "-m", "muster", "sim", "--count", "2000", "--parallel", "4", "-o", "json"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "MUSTER_HOME": str(tmp_path / "home")}
    # `--ramp` spreads them so widely that the run cannot end before the signal comes.
    process = subprocess.Popen(
        [*words, "--ramp", "600"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stderr is not None
        assert (
            process.stderr.readline() == "muster: booting 2 000 devices against localhost; Ctrl-C stops it\n"
        )
        process.send_signal(number)
        output, error = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == code, error
    report = json.loads(output)["response"]
    assert report["interrupted"] is True
    assert report["unfinished"] == 2000 - report["done"] > 0 and report["failed"] == 0
    assert not list(tmp_path.glob("muster-sim-*")), "the twin's folder is gone, so the twin is"


def test_a_terminal_gets_a_bar_and_tables(tmp_path) -> None:
    screen, other_end = pty.openpty()
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TERM": "xterm", "COLUMNS": "100"}
    words = [sys.executable, "-m", "muster", "sim", "--count", "3"]
    process = subprocess.Popen(words, stdin=other_end, stdout=other_end, stderr=other_end, env=environment)
    os.close(other_end)
    shown = b""
    with contextlib.suppress(OSError):  # Linux: the other end is closed
        while data := os.read(screen, 65536):
            shown += data
    os.close(screen)
    assert process.wait(timeout=60) == errors.GOOD, shown
    assert b"3/3" in shown and b"whole device" in shown and b"\t" not in shown
