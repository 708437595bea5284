"""Batches that are stopped: the same command goes on, and in the end everything is there once."""

import contextlib
import itertools
import json
import random
import re
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from muster.cli import output
from muster.cli.termination import Terminated, terminable
from muster.cloud import Wanted
from muster.cloud.twin import TwinCloud
from muster.errors import FAILED, INTERRUPTED, PARTLY_DONE, TERMINATED, MusterError
from muster.fleet import claim_ids
from muster.registry import FILE_NAME, Registry
from tools.fleet.cli_runner import Tool
from tools.fleet.stopping import stopped

KILLED = -signal.SIGKILL


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    made = Tool(tmp_path, monkeypatch)
    made.good("add", "group", "hall")
    return made


def count(tool: Tool) -> int:
    with closing(sqlite3.connect(tool.home / FILE_NAME)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        number = opened.execute("SELECT COUNT(*) FROM devices").fetchone()[0]
        assert isinstance(number, int)
        return number


def manifest(folder: Path) -> list[list[str]]:
    return [line.split(",") for line in (folder / "manifest.csv").read_text().splitlines()]


def closest(codes: list[str]) -> int:
    """2 when two codes differ in up to two places, else 3: whether two are alike with two places left out."""
    seen = set()
    for code in codes:
        for one, other in itertools.combinations(range(len(code)), 2):
            rest = (one, other, code[:one] + code[one + 1 : other] + code[other + 1 :])
            if rest in seen:
                return 2
            seen.add(rest)
    return 3


def test_closest_sees_what_is_too_close() -> None:
    assert closest(["AAAAAAAAAA", "AAAABBAAAA"]) == 2
    assert closest(["AAAAAAAAAA", "AAAABBBAAA"]) == 3


def test_ten_kills_of_ten_thousand(tool: Tool) -> None:
    words = ("add", "devices", "-g", "hall", "--count", "10000", "--prefix", "lamp-")
    chance = random.Random(10)
    before = 0
    for _ in range(10):  # a device is two writes, so no run can make a tenth of them
        assert stopped(tool, "SIGKILL", "write", chance.randint(2, 1900), *words).returncode == KILLED
        now = count(tool)
        assert before <= now <= before + 1000
        before = now
    assert 0 < before < 10000, before
    final = tool.good(*words, "-o", "json").response
    assert (final["created"], final["existing"]) == (10000 - before, before)
    assert count(tool) == 10000
    folder = Path(final["folder"])
    names = [f"lamp-{number}" for number in range(1, 10001)]
    assert (folder / "names.txt").read_text() == "\n".join(names) + "\n"
    header, *rows = manifest(folder)
    assert [row[0] for row in rows] == names
    codes = [row[header.index("claim ID")].replace("-", "") for row in rows]
    assert closest(codes) == claim_ids.MIN_DISTANCE
    with closing(Registry(tool.home)) as registry:
        assert sorted(codes) == sorted(registry.devices.claim_ids())
        assert [batch.state for batch, _ in registry.batches.all()] == ["done"]
    again = tool.good(*words)
    assert again.output.startswith("10 000 exist already; nothing to do\n")


def test_a_kill_at_every_file_of_the_folder(tool: Tool) -> None:
    words = ("add", "devices", "-g", "hall", "--count", "4", "--secrets")
    for at in itertools.count(1):
        shutil.rmtree(tool.home / "batches", ignore_errors=True)
        done = stopped(tool, "SIGKILL", "file", at, *words)
        if done.returncode == 0:
            break
        assert done.returncode == KILLED
        for path in (tool.home / "batches").rglob("[!.]*"):
            assert path.is_dir() or path.read_text().endswith("\n"), f"half of {path.name} at {at}"
    assert at > 4 * 2, "each of the four files is written aside, then renamed"
    (folder,) = (tool.home / "batches").iterdir()
    found = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert found == {"README", "manifest.csv", "names.txt", "secrets.csv"}
    assert len(manifest(folder)) == 5


def test_another_machine_with_the_same_home_goes_on(tool: Tool) -> None:
    words = ("add", "devices", "-g", "hall", "--count", "900")
    assert stopped(tool, "SIGKILL", "write", 1000, *words).returncode == KILLED
    made = count(tool)
    tool.home = shutil.copytree(tool.home, tool.folder / "elsewhere")
    response = tool.good(*words, "--home", str(tool.home), "-o", "json").response
    assert (response["created"], response["existing"]) == (900 - made, made)
    assert Path(response["folder"]).parent == tool.home / "batches"
    assert len(manifest(Path(response["folder"]))) == 901


def test_ctrl_c_says_how_to_go_on(tool: Tool) -> None:
    words = ("add", "devices", "-g", "hall", "--count", "2000")
    done = stopped(tool, "SIGINT", "write", 2500, *words)
    assert done.returncode == INTERRUPTED
    made = count(tool)
    assert 0 < made < 2000
    said = re.search(
        r"interrupted; ([\d ]+) of 2 000 devices are done, the same command continues", done.stderr
    )
    assert said and int(said[1].replace(" ", "")) == made
    assert "Traceback" not in done.stderr
    assert "open" in tool.good("batches").output
    result = tool.good(*words)
    assert f"{2000 - made}" in result.output.replace(" ", "")
    assert count(tool) == 2000


def test_next_continues_the_batch_that_was_stopped(tool: Tool) -> None:
    tool.good("add", "devices", "-g", "hall", "--count", "7")
    words = ("add", "devices", "-g", "hall", "--count", "900", "--start", "next", "-o", "json")
    for at in (1, 900, 900):  # before the first device; on the way
        assert stopped(tool, "SIGKILL", "write", at, *words).returncode == KILLED
    assert stopped(tool, "SIGKILL", "file", 1, *words).returncode == KILLED, "with its folder not written"
    final = tool.good(*words).response
    assert (final["created"], final["existing"], count(tool)) == (0, 900, 907)
    assert Path(final["folder"], "names.txt").read_text().split()[-1] == "hall-907"
    assert tool.good(*words).response["created"] == 900
    assert count(tool) == 1807


def test_sigterm_ends_it_in_order_and_the_document_still_comes(tool: Tool) -> None:
    words = ("add", "devices", "-g", "hall", "--count", "2000", "-o", "json")
    done = stopped(tool, "SIGTERM", "write", 2500, *words)
    assert (done.returncode, "Traceback" in done.stderr) == (TERMINATED, False)
    made = count(tool)
    assert 0 < made < 2000
    sentence = f"terminated; {output.number(made)} of 2 000 devices are done, the same command continues"
    document = json.loads(done.stdout)
    assert document["status"] == "failed" and sentence in document["error"] and sentence in done.stderr
    assert tool.good(*words).response["created"] == 2000 - made


@pytest.mark.parametrize("signals", [("SIGTERM", TERMINATED), ("SIGINT", INTERRUPTED)])
def test_a_command_without_progress_ends_in_order_too(tool: Tool, signals: tuple[str, int]) -> None:
    before = tool.registry()
    done = stopped(tool, signals[0], "write", 2, "add", "device", "-g", "hall", "lamp-1", "-o", "json")
    assert done.returncode == signals[1]
    assert json.loads(done.stdout)["status"] == "failed" and "Traceback" not in done.stderr
    assert tool.registry() == before


def test_only_the_first_sigterm_counts_while_a_command_ends() -> None:
    before = signal.getsignal(signal.SIGTERM)
    ended = []
    with contextlib.suppress(Terminated), terminable():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            ended.append("in order")
    assert ended == ["in order"] and signal.getsignal(signal.SIGTERM) == before


def test_a_full_disk_is_partly_done(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("add", "devices", "-g", "hall", "--count", "1200")
    new, left = claim_ids.new, iter(range(1100))

    def full(*arguments: object) -> str:
        if next(left, None) is None:
            raise sqlite3.OperationalError("database or disk is full")
        return new(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(claim_ids, "new", full)
        result = tool(*words)
    assert result.code == PARTLY_DONE
    assert "disk is full" in result.error and "continues where it stopped" in result.error
    assert 0 < count(tool) < 1200
    tool.good(*words)
    assert count(tool) == 1200


@pytest.mark.parametrize(("alive", "code"), [(3, PARTLY_DONE), (0, FAILED)])
def test_a_dead_network_is_partly_done(
    tool: Tool, monkeypatch: pytest.MonkeyPatch, alive: int, code: int
) -> None:
    words = ("add", "devices", "-g", "hall", "--count", "7")

    def dies(twin: TwinCloud, batch: object, wanted: list[Wanted]) -> object:
        for one in wanted[:alive]:
            yield from create(twin, batch, [one])  # type: ignore[arg-type]
        raise MusterError("the cloud does not answer")

    create = TwinCloud.create
    with monkeypatch.context() as patch:
        patch.setattr(TwinCloud, "create", dies)
        result = tool(*words)
    assert result.code == code
    assert f"the cloud does not answer; {alive} of 7 devices are done" in result.error
    assert not (tool.home / "batches").exists()
    assert tool.good(*words, "-o", "json").response["existing"] == alive
    assert count(tool) == 7


def test_what_somebody_else_took_meanwhile_is_said(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    create = TwinCloud.create

    def loses(twin: TwinCloud, batch: object, wanted: list[Wanted]) -> object:
        return create(twin, batch, wanted[1:])  # type: ignore[arg-type]

    monkeypatch.setattr(TwinCloud, "create", loses)
    result = tool("add", "devices", "-g", "hall", "--count", "3")
    assert result.code == PARTLY_DONE
    assert "not in group hall, because another command moved or deleted them: hall-1" in result.error


def test_a_folder_that_cannot_be_written_is_partly_done(tool: Tool) -> None:
    (tool.home / "batches").write_text("")
    result = tool("add", "devices", "-g", "hall", "--count", "3")
    assert result.code == PARTLY_DONE
    assert "cannot be written" in result.error and "3 of 3 devices are done" in result.error
    (tool.home / "batches").unlink()
    assert tool.good("add", "devices", "-g", "hall", "--count", "3").output.startswith("3 exist already")
    assert len(list((tool.home / "batches").glob("*/manifest.csv"))) == 1
