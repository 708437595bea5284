"""MicroPython's own build: mpy-cross, then the firmware, each time in a fresh folder.

A build folder that exists ignores FROZEN_MANIFEST, and a changed manifest by the times of its files.
"""

import contextlib
import functools
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from muster.errors import WRONG_USE, MusterError
from muster.frozen import manifest
from muster.frozen.program import Program
from muster.frozen.tree import Tree
from muster.printable import printable

COMPILER, FIRMWARE = "mpy-cross", "firmware"  # the two phases

_TAIL_LINES, _TELLING_LINES, _SHOWN = 8, 4, 160  # of the log of a build that failed; characters of each
_LINE_BYTES = 1 << 16
_LOG_BYTES = 1 << 20  # of its end, in which the mistake is looked for
_END_S = 5  # from a polite end of the build to a forced one
_PERCENT = re.compile(rb"^\[ *(\d{1,3})%\]")  # make, by cmake
_STEP = re.compile(rb"^\[(\d{1,6})/(\d{1,6})\]")  # ninja
_HOW_FAR = re.compile(rb"^\[[ \d/%]+\]")
# A build within the build (of a tool) counts to 100 as well.
_WITHIN, _AFTER = re.compile(rb"Performing .* step for '"), re.compile(rb"Completed '")
# Where the mistake is: with several jobs, the last lines only say that something failed.
_TELLING = re.compile(r"\b[A-Za-z]*[Ee]rror: |undefined reference|overflowed by")
# What a make above this one, or the shell, says of another build: it would win over what is said here.
_NOT_OURS = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"} | {
    *("BOARD", "BOARD_DIR", "BOARD_VARIANT", "BUILD", "FROZEN_MANIFEST", "PORT"),
}

Report = Callable[[str, int, str], object]  # (phase, percent of it, what it does)


def make(tree: Tree, program: Program, folder: Path, log: Path, report: Report) -> Path:
    """The firmware of `tree` with `program` frozen in, built in `folder`, which is new; its file there.

    `log` gets all that the build says. Raises MusterError, with the end of the log, when the build fails.
    """
    made = manifest.write(tree, program.sources, folder)
    build = folder / "build"
    settings = (f"BOARD={tree.board}", f"BUILD={build}", f"FROZEN_MANIFEST={made}")
    jobs = f"-j{os.cpu_count() or 1}"
    with log.open("wb") as lines:
        for phase, words in (
            (COMPILER, ("make", jobs, "-C", str(tree.path / "mpy-cross"))),
            (FIRMWARE, ("make", jobs, "-C", str(tree.port_folder), *settings)),
        ):
            code = _run(words, lines, phase, report)
            if code:
                lines.flush()
                raise _failed(phase, code, log)
    result = build / f"firmware{tree.suffix}"
    if not result.is_file():
        raise MusterError(f"MicroPython's build ended well, but left no {result.name}: see {log}.")
    return result


@contextlib.contextmanager
def fresh_folder(parent: Path) -> Iterator[Path]:
    """A new folder below `parent`; it is removed in the end, with all that is in it."""
    if any(symbol.isspace() for symbol in str(parent)):
        raise MusterError(
            f"MicroPython's build takes no spaces in paths: move {str(parent)!r} elsewhere.", WRONG_USE
        )
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".firmware-", dir=parent, ignore_cleanup_errors=True) as name:
        yield Path(name)


def _run(words: tuple[str, ...], log: BinaryIO, phase: str, report: Report) -> int:
    """The exit code of a build, whose lines go into `log`. Whatever stops this ends all its processes."""
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
    report(phase, 0, "")
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=environment, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            percent, is_within = 0, False
            for line in iter(functools.partial(process.stdout.readline, _LINE_BYTES), b""):
                log.write(line)
                is_within = bool(_WITHIN.search(line)) or (is_within and not _AFTER.search(line))
                percent = percent if is_within else max(percent, _percent(line))
                report(phase, percent, _what(line))
            return process.wait()
        except BaseException:  # Ctrl-C reaches us alone: the build has a session of its own
            _end(process)
            raise


def _percent(line: bytes) -> int:
    if found := _PERCENT.match(line):
        return min(int(found[1]), 100)
    if found := _STEP.match(line):
        return min(int(found[1]) * 100 // max(int(found[2]), 1), 100)
    return 0


def _what(line: bytes) -> str:
    """What a line says that is done, without how far it is and in which folder."""
    words = _HOW_FAR.sub(b"", line).decode(errors="replace").split()
    return printable(" ".join([*words[:-1], words[-1].rpartition("/")[2]])[:_SHOWN]) if words else ""


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a build and all that it started; make may be gone before its compilers are."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)


def _failed(phase: str, code: int, log: Path) -> MusterError:
    with log.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - _LOG_BYTES, 0))
        lines = file.read().decode(errors="replace").splitlines()
    telling = [line for line in lines[:-_TAIL_LINES] if _TELLING.search(line)]
    shown = [printable(line[:_SHOWN]) for line in (*telling[:_TELLING_LINES], *lines[-_TAIL_LINES:])]
    return MusterError(
        f"MicroPython's build of {phase} failed (exit code {code}), and nothing was written; {log} has all "
        "that it said. Its end:\n" + "\n".join(f"    {line}" for line in shown)
    )
