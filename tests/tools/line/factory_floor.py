"""A factory floor for tests: boards, people who plug them in and pull them out, and `muster line`."""

import binascii
import os
import random
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from boards.esp_board import EspBoard
from tools.flashing.conftest import Line

LONG_S = 100  # without news
SHIFT_S = 900
GOOD, BAD, FREE = "good: unplug it", "FAILED: unplug it", "plug in a board"


def beacon(text: str) -> str:
    """A beacon with the right checksum."""
    return f"~M {text}*{binascii.crc32(text.encode()) & 0xFFFF:04x}"


def says_it_is_up(line: Line, mac: str) -> Callable[[bytearray], list[str]]:
    """The program of a board that is well: it says the name in its image."""

    def say(flash: bytearray) -> list[str]:
        name = line.on(bytes(flash))
        if not name:
            return ["invalid header: 0xffffffff"]
        hardware = f"esp32-{mac.replace(':', '')}"
        return [
            "    812 ms  network    joined",
            beacon(f"2;mqtt;90000;-60;{name};{hardware};"),
            beacon(f"3;up;90000;-60;{name};{hardware};"),
        ]

    return say


class Running:
    """A `muster line`, and what it says. It may be killed and started again."""

    def __init__(self, line: Line, links: list[Path], *more: str) -> None:
        ports = [word for link in links for word in ("--port", str(link))]
        words = ["line", "-g", "cams", "--home", str(line.home), *ports, *more]
        self._words = [sys.executable, "-m", "muster", *words]
        self.lines: list[str] = []
        self.starts = 0
        self._news = threading.Condition()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Running":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self.kill()

    def start(self) -> None:
        """Start it; its lines go on."""
        self.starts += 1
        process = subprocess.Popen(self._words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._process = process
        threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for text in process.stdout:
            with self._news:
                self.lines.append(text.rstrip("\n"))
                self._news.notify_all()

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> int:
        """The exit code, when it has ended."""
        assert self._process is not None
        return self._process.wait(LONG_S)

    def wait_for(self, is_it: Callable[[str], bool], start: int = 0) -> tuple[str, int]:
        """The first line, from number `start` on, that is it, and the number after it."""
        seen = start
        with self._news:
            while True:
                for number in range(seen, len(self.lines)):
                    if is_it(self.lines[number]):
                        return self.lines[number], number + 1
                seen = len(self.lines)
                if not self._news.wait(LONG_S):
                    raise AssertionError("\n".join(self.lines[-60:]))


class Floor:
    """People at stations: each plugs a board in, and pulls it out when the line says so, or sooner."""

    def __init__(
        self, running: Running, links: list[Path], boards: list[EspBoard], seed: int, clumsy: float
    ) -> None:
        self._running, self._links = running, links
        self._boards = deque(boards)
        self._lock = threading.Lock()
        self._seed, self._clumsy = seed, clumsy
        self.good: list[EspBoard] = []
        self.pulled_out = 0
        self._threads = [
            threading.Thread(target=self._work, args=(number, link), daemon=True)
            for number, link in enumerate(links, 1)
        ]

    def start(self) -> None:
        """Everybody begins."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Until every board is good."""
        for thread in self._threads:
            thread.join(SHIFT_S)
            assert not thread.is_alive(), "\n".join(self._running.lines[-60:])

    def _heard(self, mine: str, words: tuple[str, ...], start: int) -> str:
        def is_it(text: str) -> bool:
            return text.startswith(mine) and any(word in text for word in words)

        return self._running.wait_for(is_it, start)[0]

    def _work(self, number: int, link: Path) -> None:
        chance = random.Random(self._seed * 100 + number)
        mine = f"station {number} ("
        while True:
            with self._lock:
                if not self._boards:
                    return
                board = self._boards.popleft()
            start = len(self._running.lines)
            board.plug_in(link)
            words = [GOOD, BAD]
            is_clumsy = chance.random() < self._clumsy
            if is_clumsy:
                words.append(chance.choice([": writing", ": connecting", ": starting"]))
            line, at = self._running.wait_for(
                lambda text, words=tuple(words): (
                    text.startswith(mine) and any(word in text for word in words)
                ),
                start,
            )
            board.unplug()
            # What is said of this board may still come: the next one is plugged in when the station is free.
            self._running.wait_for(lambda text: text.startswith(mine) and FREE in text, at)
            with self._lock:
                if GOOD in line:
                    self.good.append(board)
                else:
                    self.pulled_out += 1
                    self._boards.append(board)
