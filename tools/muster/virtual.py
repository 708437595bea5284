"""The virtual board for tests and people: MicroPython's unix port booting a LittleFS image.

    with VirtualBoard("flash.img") as board:
        board.wait_for("PROVISION_STATUS is True", timeout_s=20)

The image file is the board's flash and changes as the board writes. What the board's surroundings do
(network, clock, NTP, names) is set by `environment`, see firmware/boards/virtual/README.md.
"""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from types import TracebackType

from muster import interpreter, mpy, virtual_settings
from muster.beacons import Beacon, read_beacon
from muster.errors import WRONG_USE, MusterError
from muster.virtual_power import Power

EXIT_END = 0  # main.py ended
EXIT_EXCEPTION = 1  # an exception ended boot.py or main.py
EXIT_RESET = 3  # machine.reset()
EXIT_WATCHDOG = 4
EXIT_POWER_CUT = 137

MIN_HEAP_KB = {32: 32, 64: 48}  # bits -> what MicroPython and the stand-ins need before any program

_CUT = "virtual board: power cut"
_PREFIX = "MUSTER_BOARD_"
_RESET_CAUSE = {"esp32": {EXIT_RESET: "2", EXIT_WATCHDOG: "3"}}
_RESET_CAUSE_RP2 = {EXIT_RESET: "3", EXIT_WATCHDOG: "3"}


def _heap_words(bits: int, heap_kb: int | None) -> list[str]:
    """The interpreter's words for a heap of this size. Raises MusterError when it is too small."""
    if heap_kb is None:
        return []
    if heap_kb < MIN_HEAP_KB[bits]:
        raise MusterError(
            f"a heap of {heap_kb} KB is too small: the virtual board with {bits} bits needs at least"
            f" {MIN_HEAP_KB[bits]} KB before any program runs.",
            WRONG_USE,
        )
    return ["-X", f"heapsize={heap_kb}k"]


class VirtualBoard:
    """One board with its flash in the file `image_path`.

    `bits`: interpreter, 64 or 32; `heap_kb`: size of MicroPython's heap, its default when None.
    `cut_at`: number (from 1) of the block operation at which power is cut; `tear`: half of it is done.
    `environment`: settings by their names without MUSTER_BOARD_ (`{"NETWORK": "down"}`).
    `silent`: which of "DNS" and "NTP" answer nothing at the moment; the caller may change it at any time.
    `restart`: boot again after reset and watchdog, as hardware does.
    `on_line`: called with each line of the console, from the reading thread; beacons are in `beacons`.
    Raises MusterError when there is no such image, interpreter or setting, or too little heap.
    """

    def __init__(
        self,
        image_path: str | os.PathLike[str],
        *,
        bits: int = 64,
        heap_kb: int | None = None,
        cut_at: int | None = None,
        tear: bool = False,
        environment: Mapping[str, str] | None = None,
        silent: Container[str] = (),
        restart: bool = False,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        self.image = Path(image_path).absolute()
        if not self.image.is_file():
            raise MusterError(f"there is no image {image_path}: make one with `muster image`.")
        virtual_settings.check(environment or {})
        self._command = [*interpreter.command(bits), *_heap_words(bits, heap_kb), "-m", "run"]
        own = {"IMAGE": str(self.image), "TEAR": "1" if tear else "0", "CUT_AT": str(cut_at or 0)}
        self._settings = {**(environment or {}), **own}
        self._silent = silent
        self._restart = restart
        self._on_line = on_line
        self.lines: list[str] = []
        self.beacons: list[Beacon] = []
        self.starts = 0
        self._news = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._stopping = False
        self._exit_code: int | None = None
        self._power: Power | None = None  # while the board is on
        self._operations = ""
        self.operation_counts: list[int] = []  # block operations of each start that has ended

    def start(self) -> "VirtualBoard":
        """Switch the board on. It starts with an empty console; the flash is as it was left.

        Raises MusterError when the image cannot be written, or another virtual board is on with it.
        """
        if self._reader is not None and self._exit_code is None:
            raise MusterError("the virtual board is already running.")
        self._power = Power(self.image, self._settings, self._silent)
        self.lines = []
        self.operation_counts = []
        self._exit_code = None
        self._stopping = False
        try:
            self._boot(self._settings.get("RESET_CAUSE", "1"))
        except BaseException:
            self._power.off()
            self._power = None
            self._exit_code = EXIT_EXCEPTION
            raise
        reader = threading.Thread(target=self._read, daemon=True)
        reader.start()
        self._reader = reader  # once it runs: another thread may stop the board already
        return self

    def _boot(self, reset_cause: str) -> None:
        power = self._power
        assert power is not None
        environment = {key: value for key, value in os.environ.items() if not key.startswith(_PREFIX)}
        settings = {**self._settings, "RESET_CAUSE": reset_cause}
        settings.update(
            {
                "REPORT": power.report,
                "KEPT": power.kept,
                "PINS": power.pins,
                "UDP_PORT": str(power.servers.port),
            }
        )
        environment.update({_PREFIX + key: value for key, value in settings.items()})
        # Modules are found without a folder's name, which MicroPython would keep on its heap for each.
        environment["MICROPYPATH"] = ":.frozen"
        self.starts += 1
        self._process = subprocess.Popen(
            self._command,
            cwd=mpy.stand_ins(),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for whoever started the board, who then stops it
            pass_fds=power.handles,
        )
        power.guard.watch(self._process.pid)

    def _read(self) -> None:
        """Collect the console until the board stays off."""
        while True:
            process = self._process
            assert process is not None and process.stdout is not None
            has_power = True
            with process.stdout:
                for raw in process.stdout:
                    line = raw.decode(errors="replace").rstrip("\r\n")
                    if has_power:  # what the interpreter prints while it ends is no line of the board
                        self._add(line)
                    if line.startswith(_CUT):
                        has_power = False
            code = process.wait()
            with self._news:
                self.operation_counts.append(len(self.operations) - sum(self.operation_counts))
                if self._stopping or not self._restart or code not in (EXIT_RESET, EXIT_WATCHDOG):
                    self._operations = self.operations
                    assert self._power is not None
                    self._power.off()
                    self._power = None
                    self._exit_code = code
                    self._news.notify_all()
                    return
                causes = _RESET_CAUSE.get(self._settings.get("KIND", ""), _RESET_CAUSE_RP2)
                self._boot(causes[code])

    def _add(self, line: str) -> None:
        beacon = read_beacon(line)
        with self._news:
            if beacon:
                self.beacons.append(beacon)
            else:
                self.lines.append(line)
            self._news.notify_all()
        if self._on_line and not beacon:
            self._on_line(line)

    @property
    def console(self) -> str:
        """Everything printed since `start`."""
        with self._news:
            return "\n".join(self.lines)

    @property
    def operations(self) -> str:
        """One letter per block operation begun since `start`: P (program), E (erase)."""
        with self._news:
            return self._power.operations() if self._power else self._operations

    @property
    def running(self) -> bool:
        """Is the board on?"""
        return self._reader is not None and self._exit_code is None

    def wait_for(self, wanted: str | re.Pattern[str], timeout_s: float = 120, *, start: int = 0) -> str:
        """The first line, from number `start` on, that contains the text or matches the pattern.

        Raises MusterError, with the whole console, when time runs out or the board stops before.
        """
        end = time.monotonic() + timeout_s
        seen = start
        with self._news:
            while True:
                for line in self.lines[seen:]:
                    if wanted in line if isinstance(wanted, str) else wanted.search(line):
                        return line
                seen = max(seen, len(self.lines))
                if self._exit_code is not None:
                    raise MusterError(self._story(f"stopped (exit code {self._exit_code}) without", wanted))
                left = end - time.monotonic()
                if left <= 0:
                    raise MusterError(self._story(f"has not printed within {timeout_s:g} s", wanted))
                self._news.wait(left)

    def wait_for_beacon(self, step: str, error: str = "", timeout_s: float = 120) -> Beacon:
        """The first beacon of this step whose error contains this text. Raises MusterError as `wait_for`."""

        def found() -> list[Beacon]:
            return [one for one in self.beacons if one.step == step and error in one.error]

        with self._news:
            if (
                not self._news.wait_for(lambda: found() or self._exit_code is not None, timeout_s)
                or not found()
            ):
                raise MusterError(self._story("has sent no beacon of the step", f"{step} {error}"))
            return found()[0]

    def _story(self, what: str, wanted: str | re.Pattern[str]) -> str:
        text = wanted if isinstance(wanted, str) else wanted.pattern
        console = "\n".join(f"  | {line}" for line in self.lines) or "  (nothing)"
        return f"the virtual board {what} {text!r}. Its console:\n{console}"

    def wait(self, timeout_s: float = 180) -> int:
        """The exit code, once the board is off. Raises MusterError, with the console, when time runs out."""
        with self._news:
            if not self._news.wait_for(lambda: self._exit_code is not None, timeout_s):
                raise MusterError(self._story(f"still runs after {timeout_s:g} s, not", "the end"))
            assert self._exit_code is not None
            return self._exit_code

    def stop(self) -> None:
        """Switch the board off at once, as pulling its plug does; harmless when it is off."""
        with self._news:
            self._stopping = True
            process = self._process
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGKILL)
        if self._reader is not None:
            self._reader.join()
        self._stopping = False

    def hold(self, pins: str) -> None:
        """Wire these pins to ground, and no others: numbers with commas, "" for none."""
        assert self._power is not None, "the virtual board is off"
        self._power.hold(pins)

    def interrupt(self) -> None:
        """Press Ctrl-C at the console. Raises MusterError when the board is off."""
        with self._news:
            process = self._process
            if process is None or process.poll() is not None:
                raise MusterError("the virtual board is off: there is nothing to interrupt.")
            process.send_signal(signal.SIGINT)

    def __enter__(self) -> "VirtualBoard":
        return self if self.running else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
