"""How long a person waits: a second `make demo`, and a boot of a board that has nothing to provision."""

import os
import subprocess
import time

from muster import image
from muster.errors import MusterError
from muster.layout import BOOT, REPO
from tests.bench.common import CLOUD, NONE, Bench, Result, Row, Tell, median, ratio
from tests.system import rig

RUNS = 9
DEMO_RUNS = 3
DEMO_GOAL_S = 15
LIMIT_S = 120
STOP = "boot.py has ended"
EMPTY = b""

HOW = """\
`make demo` once more after a first one, from the shell's point of view; there is nothing to compare it
with. *Boot with nothing to do*: a provisioned virtual board, from the start of its process to the end of
boot.py (main.py replaced by one line that says so); the peer is the same board with an empty boot.py, that
is, interpreter, stand-ins and LittleFS alone. Medians of {demo_runs} and {runs} runs."""


def demo_s() -> float:
    """Seconds of one `make demo`; its set-up is not looked at. Raises MusterError when it fails."""
    ours = ("MAKE", "ARGS")  # the ARGS of `make bench` are not the demo's
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    begun_s = time.monotonic()
    words = ["make", "--old-file=build/.setup", "demo"]
    result = subprocess.run(
        words, cwd=REPO, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if result.returncode:
        raise MusterError(f"make demo failed: {result.stdout[-500:]}{result.stderr[-500:]}")
    return time.monotonic() - begun_s


def boots_ms(bench: Bench, kinds: tuple[bytes, ...]) -> list[float]:
    """Milliseconds from the start of a provisioned board to the end of each boot.py of `kinds`, medians."""
    path = bench.flash(CLOUD, bench.twin.port)
    rig.boot_to_the_end(path)
    files = rig.on_flash(path)
    times_ms: list[list[float]] = [[] for _ in kinds]
    for _ in range(RUNS):  # in turn, so that whatever else the machine does falls on all of them
        for boot, times in zip(kinds, times_ms, strict=True):
            files.update({"/boot.py": boot, "/main.py": f"print({STOP!r})\n".encode()})
            path.write_bytes(image.build_image(files, rig.BOARD))
            begun_s = time.monotonic()
            board = rig.board(path).start()
            try:
                board.wait_for(STOP, LIMIT_S)
                times.append((time.monotonic() - begun_s) * 1000)
            finally:
                board.stop()
    return [median(times) for times in times_ms]


def measure(bench: Bench, tell: Tell) -> Result:
    """The demo, then both boots."""
    tell("make demo")
    demo_s()
    demo = median(demo_s() for _ in range(DEMO_RUNS))
    tell("boot with nothing to do")
    ours_ms, empty_ms = boots_ms(bench, (BOOT.read_bytes(), EMPTY))
    rows = [
        Row("second `make demo`", f"{demo:.1f} s", NONE, NONE, f"under {DEMO_GOAL_S} s"),
        Row(
            "boot with nothing to do",
            f"{ours_ms:.0f} ms",
            f"{empty_ms:.0f} ms (empty boot.py)",
            ratio(ours_ms, empty_ms),
        ),
    ]
    return Result("Times a person waits", rows, HOW.format(runs=RUNS, demo_runs=DEMO_RUNS), [])
