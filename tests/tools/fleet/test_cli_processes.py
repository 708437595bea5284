"""The command line beside a running twin: many short processes on one registry."""

import contextlib
import os
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from muster.registry import FILE_NAME, Registry
from muster.registry.fleet import CREATED, Device

EMPTY = '{"Statement": []}'


def muster(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "muster", *words],
        env={**os.environ, "MUSTER_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_short_processes_leave_the_registry_of_a_long_one_whole(tmp_path: Path) -> None:
    """A twin has several connections; no handle that it closes may drop the locks of the others."""
    with contextlib.closing(Registry(tmp_path)) as first, contextlib.closing(Registry(tmp_path)) as second:
        assert muster(tmp_path, "add", "group", "hall").returncode == 0
        assert (tmp_path / f"{FILE_NAME}-wal").exists(), "the short process took itself for the last one"
        first.policies.put("p", EMPTY)
        for number in range(3):
            assert muster(tmp_path, "add", "device", "-g", "hall", f"lamp-{number}").returncode == 0
            assert len(second.devices.names()) == number + 1
            first.policies.put(f"p-{number}", EMPTY)
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as checked:
        assert checked.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert checked.execute("SELECT COUNT(*) FROM policies").fetchone() == (4,)


def test_a_reader_that_leaves_is_no_traceback(tmp_path: Path) -> None:
    assert muster(tmp_path, "add", "group", "hall").returncode == 0
    with contextlib.closing(Registry(tmp_path)) as registry, registry.transaction():
        registry.devices.add(
            Device(f"lamp-{number}", "hall", f"{number:010}", CREATED, {}, 0) for number in range(20_000)
        )
    words = [sys.executable, "-m", "muster", "get", "devices", "--home", str(tmp_path)]
    command = f"{shlex.join(words)} | head -n 2"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert result.stdout.count("\n") == 2
    assert result.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
@pytest.mark.parametrize(
    "words", [("help",), ("profile", "list", "-o", "json"), ("profile", "list", "-o", "x")]
)
def test_output_that_cannot_be_written_is_one_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "muster", *words],
            env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert result.returncode == (2 if "x" in words else 1)
    assert result.stderr.count("\n") == 1
    assert ("Invalid value" if "x" in words else "No space left on device") in result.stderr
