"""The documents of the factory are true: their console blocks are run, and must print what they say.

In a block, `$ ` begins a command, `> ` goes on with it, and a final `&` leaves it running until the document
ends. The lines that follow are its output, standard error among it. `<word>` there is one of PLACEHOLDERS;
in a command it is what that placeholder stood for last. A line `...` stands for any lines, `^C` for Ctrl-C
once the line before it was printed. A command must succeed, unless the document prints its exit code.
How often progress is told depends on the machine, so the lines `...ing things: 3 of 5` are not compared.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.free_port import free_port

from muster.fleet import claim_ids
from muster.layout import REPO

PORT = "8883"  # in the documents; a free one when they are run
PLACEHOLDERS = {
    "secret": r"[\w-]{43}",
    "claim id": r"\w{5}-\w{5}",
    "mistyped claim id": r"\w{5}-\w{5}",
    "date": r"\d{4}-\d\d-\d\d",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "moment": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    "path": r"/[^\t\n]+",
    "json": r"[\[{].*[\]}]",
    "seconds": r"\d+\.\d",
    "figure": r"\d+\.?\d*",
    "ms": r" *\d+",
    "count": r"[\d ]+",
    "certificate id": "[0-9a-f]{64}",
    "short id": "[0-9a-f]{12}",
    "sha-256": "[0-9a-f]{64}",
}
ANYTHING, INTERRUPT = "...", "^C"
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PROGRESS = re.compile(r"[a-z]+ing(?: [a-z]+)?: (?:<count>|[\d ]+) of [\d ]+")
_NAMED = re.compile(r"<([a-z][a-z0-9 -]*)>")
_PATIENCE_S = 120


class Step(NamedTuple):
    """A command and the lines that it is said to print."""

    command: str
    lines: list[str]


def steps(text: str) -> list[Step]:
    """The commands of all console blocks."""
    found: list[Step] = []
    for line in "".join(_BLOCK.findall(text)).splitlines():
        if line.startswith("$ "):
            found.append(Step(line[2:], []))
        elif line.startswith("> ") and not found[-1].lines:
            found[-1] = Step(f"{found[-1].command}\n{line[2:]}", [])
        else:
            found[-1].lines.append(line)
    return found


def pattern(lines: list[str]) -> str:
    """The regular expression of what is said to be printed; a placeholder's name is kept in the group."""
    parts = []
    for line in lines:
        if line == ANYTHING:
            parts.append(r"(?:.*\n)*?")
        elif line != INTERRUPT:
            pieces = _NAMED.split(line)
            pieces[::2] = [re.escape(piece) for piece in pieces[::2]]
            pieces[1::2] = [f"({PLACEHOLDERS[name]})" for name in pieces[1::2]]
            parts.append("".join(pieces) + r"\t*\n")  # an empty last column leaves no trace in a document
    return "".join(parts)


def mistyped(claim_id: str) -> str:
    """The same with another last symbol."""
    at = claim_ids.ALPHABET.index(claim_id[-1])
    return claim_id[:-1] + claim_ids.ALPHABET[at - 1]


class Reader:
    """Somebody who follows a document in an empty folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._port = str(free_port())
        self._seen: dict[str, str] = {}
        self._running: list[subprocess.Popen[str]] = []
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "MUSTER_PROFILE"},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "MUSTER_HOME": "factory",
            "XDG_CONFIG_HOME": str(folder / "config"),
            "COLUMNS": "80",
        }

    def follow(self, text: str) -> int:
        """Run all commands of a document; how many."""
        found = steps(text)
        for step in found:
            self._take(step)
        return len(found)

    def close(self) -> None:
        """Stop what was left running."""
        for process in self._running:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=_PATIENCE_S)
            finally:
                process.kill()

    def _take(self, step: Step) -> None:
        command = _NAMED.sub(lambda name: self._seen[name[1]], step.command.replace(PORT, self._port))
        said = [line.replace(PORT, self._port) for line in step.lines]
        left_running = command.endswith(" &")
        single = left_running or INTERRUPT in said  # a signal must reach it, not a shell around it
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command.removesuffix('&')}" if single else command],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if left_running:
            self._running.append(process)
            printed = self._until(process, said)
        else:
            printed = self._whole(process, said)
            if INTERRUPT not in said:
                assert process.returncode == 0, f"{command}\n{printed}"
        self._compare(command, said, printed)

    def _until(self, process: "subprocess.Popen[str]", said: list[str]) -> str:
        """What it prints, up to the last of the lines `said` that is no `...`; all, if that never comes."""
        last = re.compile(pattern([line for line in said if line != ANYTHING][-1:]))
        assert process.stdout is not None
        printed = ""
        patience = threading.Timer(_PATIENCE_S, process.kill)
        patience.start()
        try:
            for line in process.stdout:
                printed += line
                if last.fullmatch(line):
                    break
        finally:
            patience.cancel()
        return printed

    def _whole(self, process: "subprocess.Popen[str]", said: list[str]) -> str:
        """All that it prints, interrupted where that is said."""
        try:
            printed = ""
            if INTERRUPT in said:
                printed = self._until(process, said[: said.index(INTERRUPT)])
                process.send_signal(signal.SIGINT)
            return printed + process.communicate(timeout=_PATIENCE_S)[0]
        finally:
            process.kill()

    def _compare(self, command: str, said: list[str], printed: str) -> None:
        said = [line for line in said if not _PROGRESS.fullmatch(line)]
        lines = [line for line in printed.splitlines(True) if not _PROGRESS.fullmatch(line.rstrip("\n"))]
        found = re.fullmatch(pattern(said), "".join(lines))
        expected = "\n".join(said)
        assert found, f"$ {command}\n--- the document says\n{expected}\n--- it printed\n{printed}"
        self._seen.update(zip(_NAMED.findall(expected), found.groups(), strict=True))
        if "claim id" in self._seen:
            self._seen["mistyped claim id"] = mistyped(self._seen["claim id"])


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    found = Reader(tmp_path)
    yield found
    found.close()


def test_the_factory(reader: Reader) -> None:
    assert reader.follow((REPO / "docs/factory.md").read_text(encoding="utf-8")) > 20
    images = list((reader.folder / "factory/images").glob("camera-*-virtual.img"))
    assert len(images) == 100


@pytest.mark.parametrize(("name", "commands"), [("fleet", 12), ("simulation", 4)])
def test_the_other_pages(reader: Reader, name: str, commands: int) -> None:
    assert reader.follow((REPO / f"docs/{name}.md").read_text(encoding="utf-8")) >= commands


def test_the_readme(reader: Reader) -> None:
    text = (REPO / "README.md").read_text(encoding="utf-8")
    section = text.partition("\n## A factory\n")[2].partition("\n## ")[0]
    commands = [step.command for step in steps(section) if step.command.startswith("muster ")]
    assert len(commands) == 5
    reader.follow(section)
    assert len(list((reader.folder / "factory/images").glob("camera-*.img"))) == 100
    assert (reader.folder / "factory/labels/groups/cameras.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize(
    "lie",
    [
        "$ echo one\ntwo\n",
        "$ echo one\n",
        "$ echo <secret>\n",
        "$ printf 'one\\ntwo\\n'\none\n...\nthree\n",
        "$ echo one; false\none\n",
    ],
)
def test_a_document_that_is_not_true_is_found(reader: Reader, lie: str) -> None:
    with pytest.raises((AssertionError, KeyError)):
        reader.follow(f"```console\n{lie}```\n")


def test_a_document_that_is_true_passes(reader: Reader) -> None:
    text = "$ cat <<END\n> 2026-01-02\n> more\n> END\n<date>\n...\n$ echo <date>\n2026-01-02\n"
    assert reader.follow(f"```console\n{text}```\n") == 2
