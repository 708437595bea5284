"""How much longer eight ESP32s at once take than one, over cables as slow as real ones."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from muster.boards import board
from muster.errors import MusterError
from muster.image import build_image
from tests.bench.common import Bench, Result, Row, Tell, median, ratio
from tests.boards import firmware_files

BOARDS = 8
RUNS = 3
BAUD = 460800
GOAL = 1.3
LIMIT_S = 300
FIRMWARE_BYTES = 500_000

HOW = """\
`muster flash` with firmware ({firmware} KB that cannot be compressed) and a file system, onto {boards}
programs that answer as an ESP32's loader does, each a process behind a cable of {baud} baud; from the start
of the command to its end, with the check of what was written. The peer is esptool's own command line for one
board, at the same speed. Medians of {runs} runs, all kinds in turn."""


@contextlib.contextmanager
def chips(count: int) -> Iterator[list[str]]:
    """The ports of so many boards."""
    with contextlib.ExitStack() as stack:
        ports = []
        for number in range(count):
            mac = f"24:0a:c4:00:00:{number:02x}"
            words = [sys.executable, "-m", "tests.bench.peer_loader", mac, str(BAUD / 10)]
            program = stack.enter_context(
                subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            assert program.stdin is not None and program.stdout is not None
            stack.callback(program.stdin.close)
            ports.append(program.stdout.readline().strip())
        yield ports


def took_s(words: list[str]) -> float:
    """Seconds of a command. Raises MusterError when it fails."""
    begun_s = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        raise MusterError(f"{words} failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    return time.monotonic() - begun_s


def flash_s(folder: Path, count: int, firmware: Path) -> float:
    """Seconds of `muster flash` for so many boards, each a device of a fresh home."""
    facts, home = board("esp32"), folder / f"home-{time.monotonic_ns()}"
    muster = [sys.executable, "-m", "muster"]
    for words in (["group", "row"], ["devices", "-g", "row", "--count", str(count), "--prefix", "board-"]):
        took_s([*muster, "add", *words, "--home", str(home)])
    (home / "images").mkdir()
    for number in range(1, count + 1):
        image = build_image({"/name": b"board-%d" % number}, facts.name)
        (home / "images" / f"board-{number}-esp32.img").write_bytes(image)
    with chips(count) as ports:
        words = [word for port in ports for word in ("--port", port)]
        return took_s(
            [*muster, "flash", "-g", "row", "--home", str(home), "--firmware", str(firmware), *words]
        )


def esptool_s(firmware: Path, image: Path) -> float:
    """Seconds of esptool's own command for one board."""
    with chips(1) as ports:
        where = ["--port", ports[0], "--baud", str(BAUD), "write-flash"]
        files = ["0x1000", str(firmware), hex(board("esp32").flash_offset), str(image)]
        return took_s([sys.executable, "-m", "esptool", *where, *files])


def measure(bench: Bench, tell: Tell) -> Result:
    """One board, eight boards, esptool; in turn."""
    firmware, image = bench.folder / "firmware.bin", bench.folder / "esp32.img"
    firmware.write_bytes(firmware_files.esp(size=FIRMWARE_BYTES))
    image.write_bytes(build_image({"/name": b"peer"}, "esp32"))
    one, all_, peer = [], [], []
    for number in range(RUNS):
        tell(f"run {number + 1} of {RUNS}")
        one.append(flash_s(bench.folder, 1, firmware))
        all_.append(flash_s(bench.folder, BOARDS, firmware))
        peer.append(esptool_s(firmware, image))
    alone = f"{median(one):.1f} s"
    rows = [
        Row("flash one ESP32", alone, f"{median(peer):.1f} s (esptool)", ratio(median(one), median(peer))),
        Row(
            f"flash {BOARDS} ESP32s at once",
            f"{median(all_):.1f} s",
            f"{alone} (one)",
            ratio(median(all_), median(one)),
            f"ratio {GOAL}",
        ),
    ]
    how = HOW.format(boards=BOARDS, runs=RUNS, baud=BAUD, firmware=FIRMWARE_BYTES // 1000)
    return Result("A row of boards", rows, how, [])
