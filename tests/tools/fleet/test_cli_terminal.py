"""At a terminal: tables, what is asked for, and what Ctrl-C does there."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.fleet.cli_runner import Tool

_LIMIT_S = 60


class Terminal:
    """`muster WORDS` in a terminal of its own."""

    def __init__(self, *words: str) -> None:
        self._screen, other_end = pty.openpty()
        self._deadline_s = time.monotonic() + _LIMIT_S
        self.shown = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "muster", *words],
            stdin=other_end,
            stdout=other_end,
            stderr=other_end,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        )
        os.close(other_end)

    def wait_for(self, text: str) -> None:
        """Read until `text` is shown."""
        while text not in self.shown:
            assert self._read(), f"ended before {text!r}: {self.shown}"

    def _read(self) -> bool:
        if not select.select([self._screen], [], [], self._deadline_s - time.monotonic())[0]:
            self._process.kill()
            raise AssertionError(f"it still runs after {_LIMIT_S} s: {self.shown}")
        try:
            data = os.read(self._screen, 65536)
        except OSError:  # Linux: the other end is closed
            data = b""
        self.shown += data.decode()
        return bool(data)

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C, once `muster` waits for a key: a signal that comes before does not wake it."""
        while not self._sleeps():
            assert time.monotonic() < self._deadline_s, f"it does not wait for a key: {self.shown}"
        self._process.send_signal(signal.SIGINT)

    def _sleeps(self) -> bool:
        status = Path(f"/proc/{self._process.pid}/stat")
        if status.exists():  # Linux, where a small machine has no `ps`
            return status.read_text().rpartition(")")[2].split()[0] == "S"
        words = ["ps", "-o", "stat=", "-p", str(self._process.pid)]
        return subprocess.run(words, capture_output=True, text=True, timeout=_LIMIT_S).stdout.startswith("S")

    def end(self) -> int:
        """Read to the end; the exit code."""
        while self._read():
            pass
        os.close(self._screen)
        return self._process.wait(timeout=60)


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    one = Tool(tmp_path, monkeypatch)
    one.good("add", "group", "hall")
    one.good("add", "device", "-g", "hall", "lamp-1")
    return one


def test_the_group_is_asked_for(tool: Tool) -> None:
    terminal = Terminal("add", "device", "lamp-2")
    terminal.wait_for("Group: ")
    terminal.type("hall\n")
    assert terminal.end() == 0
    assert 'Added device "lamp-2" successfully' in terminal.shown


@pytest.mark.parametrize(("answer", "code", "left"), [("n\n", 1, 1), ("\n", 1, 1), ("y\n", 0, 0)])
def test_delete_says_what_goes_and_asks(tool: Tool, answer: str, code: int, left: int) -> None:
    terminal = Terminal("delete", "device", "lamp-1")
    terminal.wait_for('Delete device "lamp-1"? [y/N]: ')
    assert 'this will delete device "lamp-1" of group "hall" (created)' in terminal.shown
    terminal.type(answer)
    assert terminal.end() == code
    assert ("Aborted; nothing was deleted." in terminal.shown) is bool(left)
    assert len(tool.good("get", "devices", "-o", "json").response) == left


def test_ctrl_c_at_the_question_is_130(tool: Tool) -> None:
    before = tool.registry()
    terminal = Terminal("delete", "group", "hall")
    terminal.wait_for("[y/N]: ")
    terminal.interrupt()
    assert terminal.end() == 130
    assert terminal.shown.rstrip().endswith("muster: interrupted")
    assert "Traceback" not in terminal.shown
    assert tool.registry() == before


def test_people_get_a_table(tool: Tool) -> None:
    terminal = Terminal("get", "devices")
    assert terminal.end() == 0
    assert "\t" not in terminal.shown
    assert "claim id" in terminal.shown and "lamp-1" in terminal.shown
