"""`muster firmware` with a tree that looks like MicroPython's: what it checks, builds, says and leaves."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from boards import micropython_tree
from cli_in_process import muster
from muster.boards import board
from muster.errors import FAILED, GOOD, INTERRUPTED, WRONG_USE
from muster.flashing import firmware

pytestmark = micropython_tree.needs_manifestfile
SUFFIXES = {"pico_w": "uf2", "esp32": "bin"}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MicroPython, with all that its build needs on PATH."""
    micropython_tree.toolchain(tmp_path / "bin", monkeypatch)
    return micropython_tree.tree(tmp_path / "mp")


def words(source: Path, out: Path, *more: object, name: str = "pico_w") -> list[object]:
    """A command line."""
    return ["firmware", "--board", name, "--micropython", source, "--out", out, *more]


@pytest.mark.parametrize("name", SUFFIXES)
def test_a_firmware_has_the_program_frozen_in_and_says_which(source: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out" / f"own.{SUFFIXES[name]}"
    done = muster(*words(source, out, "--without", "heartbeat", "-o", "json", name=name))
    assert done.returncode == GOOD, done.stderr
    made = firmware.read(out, board(name))
    assert made.frozen is not None
    assert made.frozen[:3] == (name, "full", ("heartbeat",))
    said = json.loads(done.stdout)["response"]
    assert (said["firmware"], said["micropython"], said["sha256"]) == (str(out), "1.28.0", made.sha256)
    assert said["frozen"]["digest"] == made.frozen.digest
    assert {path.name for path in out.parent.iterdir()} == {"own.log", out.name}, "nothing else is left"
    assert "CC main.c" in out.with_suffix(".log").read_text(), "mpy-cross was built first"
    assert "building the firmware: 20 of 100, Building C object" in done.stderr


def test_each_build_is_fresh_and_hears_nothing_of_a_make_above_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAKEFLAGS", " -- PORT=/dev/ttyACM0")
    monkeypatch.setenv("BUILD", "/nowhere")
    out = tmp_path / "own.uf2"
    for build in ("full", "small"):
        assert muster(*words(source, out, "--build", build)).returncode == GOOD
        made = firmware.read(out, board("pico_w"))
        assert made.frozen is not None and made.frozen.build == build
        assert "ttyACM0" not in out.with_suffix(".log").read_text()


def test_the_end_of_the_log_is_shown_when_the_build_fails(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_BUILD", "fails")
    out = tmp_path / "own.uf2"
    done = muster(*words(source, out))
    assert done.returncode == FAILED and not out.exists()
    assert "MicroPython's build of firmware failed (exit code 2), and nothing was written" in done.stderr
    assert "main.c:1:10: fatal error: \\x1b[31mno.h: No such file" in done.stderr, "not only the last lines"
    assert (
        str(out.with_suffix(".log")) in done.stderr
        and "    make: *** [Makefile:2: all] Error 2" in done.stderr
    )


def test_a_firmware_without_the_program_is_not_written(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_BUILD", "forgets")
    out = tmp_path / "own.uf2"
    out.write_bytes(b"of yesterday")
    done = muster(*words(source, out))
    assert done.returncode == FAILED and "does not have the program frozen in" in done.stderr
    assert out.read_bytes() == b"of yesterday"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "mp", "own.log", "own.uf2"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, INTERRUPTED), (signal.SIGTERM, 143)])
def test_a_build_that_is_stopped_leaves_no_process_and_no_file(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    monkeypatch.setenv("TEST_BUILD", "hangs")
    monkeypatch.setenv("TEST_PID", str(tmp_path / "pid"))
    folder = tmp_path / "out"
    command = [sys.executable, "-m", "muster", *map(str, words(source, folder / "own.uf2"))]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert any("40 of 100" in line for line in running.stderr), "it ended by itself"
        compiler = psutil.Process(int((tmp_path / "pid").read_text()))
        running.send_signal(number)
        said = running.stderr.read()
    assert running.returncode == code and "nothing was written" in said
    compiler.wait(30)  # raises when it is still there
    assert [path.name for path in folder.iterdir()] == ["own.log"]


@pytest.mark.parametrize(
    ("version", "preview", "name", "said"),
    [
        ((1, 23, 0), 0, "pico_w", "is MicroPython 1.23.0, and Muster works with 1.24 to 1.29"),
        ((1, 25, 0), 0, "esp32", "is MicroPython 1.25.0, and Muster works with 1.26 to 1.29"),
        ((1, 30, 0), 1, "pico_w", "is MicroPython 1.30.0-preview, and Muster works with 1.24 to 1.29"),
    ],
)
def test_another_version_is_refused(
    tmp_path: Path, version: tuple[int, int, int], preview: int, name: str, said: str
) -> None:
    source = micropython_tree.tree(tmp_path / "mp", version, preview)
    done = muster(*words(source, tmp_path / "own", name=name))
    assert done.returncode == WRONG_USE and said in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("py/mpconfig.h", "is not the source of MicroPython"),
        ("ports/rp2/boards/RPI_PICO_W/manifest.py", "has no board RPI_PICO_W"),
        ("lib/lwip/README.md", "submodules lib/lwip are not there: `make -C"),
    ],
)
def test_a_tree_that_is_not_whole_is_refused(source: Path, tmp_path: Path, gone: str, said: str) -> None:
    (source / gone).unlink()
    if not any((source / gone).parent.iterdir()):
        (source / gone).parent.rmdir()
    done = muster(*words(source, tmp_path / "own.uf2"))
    assert done.returncode == WRONG_USE and said in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("name", "without", "said"),
    [
        ("pico_w", "cmake", "cmake is not on PATH, which configures the build: `sudo apt-get install cmake`"),
        ("pico_w", "arm-none-eabi-gcc", "arm-none-eabi-gcc is not on PATH, the compiler: `sudo apt-get"),
        ("pico_w", "make", "make is not on PATH"),
        ("esp32", "gcc", "gcc is not on PATH, which compiles mpy-cross"),
        ("esp32", "idf.py", "idf.py is not on PATH: install the ESP-IDF that "),
    ],
)
def test_a_missing_tool_is_named_with_what_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, without: str, said: str
) -> None:
    monkeypatch.delenv("IDF_PATH", raising=False)
    micropython_tree.toolchain(tmp_path / "bin", monkeypatch, (without,))
    done = muster(*words(micropython_tree.tree(tmp_path / "mp"), tmp_path / "own", name=name))
    assert done.returncode == WRONG_USE and said in done.stderr, done.stderr
    assert done.stderr.endswith("Nothing was built.\n")


def test_each_of_several_missing_things_has_its_sentence(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin/cmake").unlink()
    (tmp_path / "bin/picotool").unlink()
    (tmp_path / "bin/arm-none-eabi-gcc").write_text("#!/bin/sh\necho nano.specs\n")
    done = muster(*words(source, tmp_path / "own.uf2"))
    assert [line.partition(" is not")[0].partition(" has no")[0] for line in done.stderr.splitlines()] == [
        "muster: cmake",
        "muster: arm-none-eabi-gcc",
    ]
    assert "no C library (newlib)" in done.stderr
    micropython_tree.toolchain(tmp_path / "again", monkeypatch, ("picotool",))
    done = muster(*words(source, tmp_path / "own.uf2"))
    assert done.returncode == GOOD and "picotool is not on PATH: the build fetches" in done.stderr


def test_esp_idf_that_is_installed_has_only_to_be_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    micropython_tree.toolchain(tmp_path / "bin", monkeypatch, ("idf.py",))
    monkeypatch.setenv("IDF_PATH", "/opt/esp-idf")
    source = micropython_tree.tree(tmp_path / "mp")
    done = muster(*words(source, tmp_path / "own.bin", name="esp32"))
    assert "`. /opt/esp-idf/export.sh`" in done.stderr


def test_spaces_in_paths_are_refused_before_make_trips_over_them(source: Path, tmp_path: Path) -> None:
    source.rename(tmp_path / "my mp")
    done = muster(*words(tmp_path / "my mp", tmp_path / "own.uf2"))
    assert done.returncode == WRONG_USE and "takes no spaces in paths" in done.stderr
    done = muster(*words((tmp_path / "my mp").rename(source), tmp_path / "my out" / "own.uf2"))
    assert done.returncode == WRONG_USE and "takes no spaces in paths" in done.stderr


def test_a_dry_run_evaluates_the_manifest_and_builds_nothing(source: Path, tmp_path: Path) -> None:
    done = muster(*words(source, tmp_path / "out" / "own.uf2", "--dry-run"))
    assert done.returncode == GOOD and "own.uf2: would have full, " in done.stdout
    assert list((tmp_path / "out").iterdir()) == []
    (source / "ports/rp2/modules/microdot.py").write_text("")
    assert "frozen twice" in muster(*words(source, tmp_path / "out" / "own.uf2", "--dry-run")).stderr
