"""One board on a serial port, spoken to through mpremote: a process per call, each with a time-out.

mpremote calls its own API unstable and exits the process in places, so it runs as a program. `resume` is
always given: without it every call would soft-reset the board, and so run boot.py once more.
"""

import ast
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from muster import console
from muster.errors import FAILED, NO_DEVICE, WRONG_USE, MusterError

ANSWER_S = 15  # a short command; entering the prompt alone may take mpremote 10 s
COPY_S = 120  # the largest module at the speed of a slow USB bridge, with room
BACK_S = 40  # from a reset until the board answers: USB has to come back, boot.py to end
USB_S = 15  # from a reset until the port of its own USB is back: a Pico W starts USB after boot.py
RESET_S = 0.5  # mpremote lets the board wait 0.1 s before it resets; what is said meanwhile is lost
_NO_PROMPT = "could not enter raw repl"  # so says mpremote
_MARK = "_muster_before_reset"

_FACTS = """\
import os, sys
s = os.statvfs("/")
try:
    import vfs
    root = [str(m[0]) for m in vfs.mount() if m[1] == "/"]
except (ImportError, AttributeError, TypeError):
    root = []
try:
    import device._build
    frozen = not device._build.__file__.startswith("/")
except (ImportError, AttributeError):
    frozen = False
i = sys.implementation
m = getattr(i, "_machine", ""), getattr(i, "_mpy", 0) & 0x3FF
print(repr((sys.platform, m[0], s[0], s[0] * s[3], "".join(root), m[1], frozen)))
"""

# Lists files below the given places; what is not there is left out. 0x4000 marks a directory.
_LIST = """\
import os
def walk(path):
    for entry in os.ilistdir(path):
        below = path + "/" + entry[0]
        if entry[1] & 0x4000:
            walk(below)
        else:
            print(repr(below))
for path in {places!r}:
    try:
        if os.stat(path)[0] & 0x4000:
            walk(path)
        else:
            print(repr(path))
    except OSError as error:
        if error.errno != 2:
            raise
"""


_MAKE_FOLDERS = """\
import os
for path in {folders!r}:
    try:
        os.mkdir(path)
    except OSError as error:
        if error.errno != 17:
            raise
"""


@dataclass(frozen=True)
class Facts:
    """What a board says about itself. `free` and `block` are bytes of its file system.

    `mpy`: version of the .mpy files that it takes, in its lower 8 bits, and sub-version; 0: unknown.
    `frozen`: Muster's program is a part of the firmware.
    """

    platform: str
    machine: str
    block: int
    free: int
    root: str
    mpy: int = 0
    frozen: bool = False


def no_board(what_next: str = "") -> MusterError:
    """What is raised when no board is plugged in; `what_next` is the end of its sentence."""
    return MusterError(f"no board was found: plug one in with a data cable{what_next}.", NO_DEVICE)


def only_port() -> str:
    """The port of the one board that is plugged in. Raises MusterError when there is none, or several."""
    found = console.boards()
    if not found:
        raise no_board(", or name its port with --port")
    if len(found) > 1:
        raise MusterError(
            f"several boards are plugged in: choose one with --port {'|'.join(found)}.", WRONG_USE
        )
    return found[0]


def folders_of(files: Iterable[str]) -> list[str]:
    """The folders that `files` need, parents first."""
    return sorted({str(parent) for path in files for parent in Path(path).parents if str(parent) != "/"})


def to_make_folders(files: Iterable[str]) -> str:
    """Code that makes the folders that `files` need; those that are there stay."""
    return _MAKE_FOLDERS.format(folders=folders_of(files))


class BoardLink:
    """The board on `port`. Every method raises MusterError when it is not there or does not answer."""

    def __init__(self, port: str, answer_s: float = ANSWER_S, back_s: float = BACK_S) -> None:
        self.port = port
        self._answer_s = answer_s
        self._back_s = back_s

    def mpremote(self, *words: str, timeout_s: float | None = None) -> str:
        """What `mpremote connect PORT resume WORDS` prints."""
        result = self._run(words, timeout_s or self._answer_s)
        if result.returncode and _NO_PROMPT in result.stdout + result.stderr:
            result = self._run(words, timeout_s or self._answer_s)  # a board that starts may miss a Ctrl-C
        if result.returncode:
            raise self._failure(result.stdout, result.stderr)
        return result.stdout

    def _run(self, words: tuple[str, ...], timeout_s: float) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "mpremote", "connect", self.port, "resume", *words]
        try:
            return subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s
            )
        except subprocess.TimeoutExpired:
            raise MusterError(
                f"the board on {self.port} did not answer within {timeout_s:g} s: press its reset button, "
                "close other programs that use the port, then try again."
            ) from None

    def _failure(self, output: str, error: str) -> MusterError:
        lines = (error.strip() or output.strip()).splitlines() or ["no reason given"]
        reason = lines[-1].removeprefix("mpremote: ")
        is_refused = reason.startswith(("failed to access", "no device"))
        if is_refused and Path(self.port).exists():
            return MusterError(
                f"the port {self.port} cannot be opened: another program uses it, or you may not "
                "(on Linux: join the group dialout).",
                NO_DEVICE,
            )
        is_gone = os.name == "posix" and not Path(self.port).exists()  # elsewhere a port is no file
        if is_refused or is_gone:
            return MusterError(
                f"no board on {self.port}: check the cable, or see the ports with `mpremote devs`.", NO_DEVICE
            )
        if _NO_PROMPT in reason:
            reason = "it does not come to its prompt (boot.py or main.py does not let Ctrl-C through)"
        return MusterError(f"the board on {self.port} failed: {reason}", FAILED)

    def execute(self, code: str, timeout_s: float | None = None) -> str:
        """What the Python program `code` prints on the board."""
        return self.mpremote("exec", code, timeout_s=timeout_s)

    def execute_with_program(self, code: str, timeout_s: float | None = None) -> str:
        """The same for code that imports Muster's program. Raises MusterError when the board has none."""
        try:
            return self.execute(code, timeout_s)
        except MusterError as error:
            if "ImportError" not in str(error):
                raise
            raise MusterError(
                f"the board on {self.port} has no program of Muster: put it there with `muster deploy`."
            ) from None

    def facts(self) -> Facts:
        """What the board says about itself."""
        return Facts(*ast.literal_eval(self.execute(_FACTS).strip()))

    def files(self, places: list[str]) -> dict[str, str]:
        """{path: SHA-256 in hex} of the files at and below `places`."""
        found = [ast.literal_eval(line) for line in self.execute(_LIST.format(places=places)).splitlines()]
        if not found:
            return {}
        lines = self.mpremote("fs", "sha256sum", *found, timeout_s=COPY_S).splitlines()
        # A line that names the file, then one with its hash.
        return dict(zip(found, (line for line in lines if not line.startswith("sha256sum ")), strict=True))

    def copy(self, source: Path, path: str, first: str = "pass") -> str:
        """Execute `first`, then copy the file `source` to `path`, not at one blow.

        Returns the SHA-256 (hex) of what arrived.
        """
        words = ["exec", first, "+", "fs", "cp", str(source), f":{path}", "+", "fs", "sha256sum", f":{path}"]
        return self.mpremote(*words, timeout_s=COPY_S).split()[-1]

    def start(self, code: str = "pass") -> None:
        """Execute `code`, then reset the board and leave it alone: a question would interrupt its program.

        A port of the board's own USB goes with the reset: this returns when it is there again, or late.
        """
        self.mpremote("exec", code, "+", "reset")
        time.sleep(RESET_S)
        deadline = time.monotonic() + min(USB_S, self._back_s)
        while os.name == "posix" and not Path(self.port).exists() and time.monotonic() < deadline:
            time.sleep(RESET_S / 5)

    def restart_to_prompt(self) -> None:
        """Reset the board as its button does, and interrupt its program as soon as it answers again."""
        self.start(f"{_MARK} = True")
        deadline = time.monotonic() + self._back_s
        while True:
            try:
                if self.execute(f"print(int({_MARK!r} in globals()))").strip() == "0":
                    return
                self.start()  # Ctrl-C from the question was quicker than the reset
            except MusterError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(RESET_S)
            if time.monotonic() > deadline:
                raise MusterError(f"the board on {self.port} does not reset: unplug it and plug it in again.")
