"""The messages of a board's console: one table, messages.csv, of which docs/messages.md is made.

`unlisted` finds the lines of a console that are not in the table; the system tests apply it to every line.
"""

import argparse
import ast
import csv
import functools
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from device.core import paths
from muster.checks import tell
from muster.layout import LIB, REPO
from muster.parsing import parsed

TABLE = Path(__file__).with_name("messages.csv")
PAGE = REPO / "docs" / "messages.md"
SOURCES = ("boot.py", "main.py", "lib")

_PLACE = re.compile(r"<([a-zA-Z ]+)>")
_LINE = re.compile(r"^ *\d+ ms  (\S+) +(.*)$")
_SHORT = 3  # characters of a fixed part that say too little to be looked for
_BEFORE = r"(?:[^;]*?: )?"  # the step, or "cannot be loaded"
_AFTER = r"(?:; .*)?(?:\. Trying again in \d+ s)?"  # the advice, and the delay

_PAGE = """\
<!-- Written by `make docs` from tools/muster/checks/messages.csv. -->
# Messages

A board prints one line per event: milliseconds since the start, the service, the text. An error reads

    <service>  <step>: <cause>; <what to do>. Trying again in <n> s

The step, if given, says what the board was doing. "Trying again in 2 s" means a temporary error. With 1800 s
or more, something has to be changed first: the board retries after half an hour to an hour, and at once after
a restart. An error never keeps `main.py` from running, and nothing on the flash is lost.

Words in <angle brackets> vary. No message contains a key, a token or a password. The commands of the host
print `muster: <sentence>`, with what to do in the same sentence, and end with exit code 1 (failed), 2 (wrong
use), 4 (no device) or 130 (interrupted).
"""
_INTRODUCTION = {
    paths.CONF.rpartition("/")[2]: "Each begins with the path of the file, here `<file>`. Correct the file"
    " ([settings](configuration.md#entoconf)) and restart the board.",
    "Certificates that cannot be used": "`<certificate>` is `claim certificate`, `new certificate` or"
    " `certificate of this board`. The board itself replaces a new certificate that cannot be used. Reasons"
    " begin with `PEM:`, `DER:`, `certificate:` or `private key:`, such as `PEM: truncated, no END line` or"
    " `PEM: PRIVATE KEY is encrypted; remove its password`.",
    "MQTT": "AWS closes the connection without a reason when a policy forbids something. The step in the"
    " message says what the board was doing.",
}


class Message(NamedTuple):
    """One row. `service` is "" for an error, which any service may print; <words> of `message` vary."""

    section: str
    service: str
    message: str
    meaning: str
    action: str

    def fixed(self) -> list[str]:
        """The parts that never vary, as far as they are long enough to say something."""
        parts = [part.strip(" ,;:()\"'.") for part in _PLACE.split(self.message)[::2]]
        return [part for part in parts if len(part) >= _SHORT]

    def pattern(self) -> str:
        """A regular expression for the text of a line of the console."""
        pieces = _PLACE.split(self.message)
        for at in range(1, len(pieces), 2):
            pieces[at] = r"-?\d+" if pieces[at] == "n" else ".*"
        pieces[::2] = map(re.escape, pieces[::2])
        return f"{_BEFORE}{''.join(pieces)}{_AFTER}"


@functools.cache
def table() -> list[Message]:
    """The rows of messages.csv in their order."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        return [Message(**row) for row in csv.DictReader(file)]


@functools.cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """{service: pattern of what it may print} of all services that Muster has."""
    built = (path.stem for path in (LIB / "device" / "services").glob("[!_]*.py"))
    return {
        service: re.compile("|".join(row.pattern() for row in table() if row.service in ("", service)))
        for service in {row.service for row in table()}.union(built)
    }


def unlisted(lines: Iterable[str]) -> list[str]:
    """The lines of a board's console that no row of the table describes; services of others are free."""
    found = []
    for line in lines:
        match = _LINE.match(line)
        if match and match[1] in _patterns() and not _patterns()[match[1]].fullmatch(match[2]):
            found.append(line)
    return found


def page(rows: Iterable[Message]) -> str:
    """The Markdown text of docs/messages.md."""
    text = _PAGE
    sections: dict[str, list[Message]] = {}
    for row in rows:
        sections.setdefault(row.section, []).append(row)
    for name, members in sections.items():
        text += f"\n## {name}\n\n"
        text += f"{_INTRODUCTION[name]}\n\n" if name in _INTRODUCTION else ""
        text += "\n".join(_table(members)) + "\n"
    return text


def _table(rows: list[Message]) -> Iterator[str]:
    services, actions = any(row.service for row in rows), any(row.action for row in rows)

    def line(service: str, message: str, meaning: str, action: str) -> str:
        cells = [service] * services + [message, meaning] + [action] * actions
        return f"| {' | '.join(cells)} |"

    yield line("service", "message", "meaning", "what to do")
    yield line("---", "---", "---", "---")
    for row in rows:
        service = f"`{row.service}`" if row.service else "any"
        yield line(service, f"`{row.message}`", row.meaning, row.action)


def strings(root: Path) -> list[str]:
    """The string constants of the program for boards below `root`, docstrings left out."""
    files = [file for name in SOURCES for file in sorted([root / name, *(root / name).rglob("*.py")])]
    found = []
    for file in files:
        if file.is_file():
            tree = parsed(file.read_text(encoding="utf-8"))
            prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            found += [
                node.value
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
            ]
    return found


def missing(rows: Iterable[Message], constants: Iterable[str]) -> list[str]:
    """One sentence per fixed part of a message that the program for boards does not contain."""
    text = "\n".join(constants)
    return [
        f'no source has "{part}" of "{row.message}"'
        for row in rows
        for part in row.fixed()
        if not _is_in(part, text)
    ]


def _is_in(part: str, text: str) -> bool:
    """Whether `part` is in `text`, whole or as two pieces that the program joins."""
    words = part.split(" ")
    return part in text or any(
        " ".join(words[:at]).rstrip(";") in text and " ".join(words[at:]) in text
        for at in range(1, len(words))
    )


def main(arguments: list[str] | None = None) -> int:
    """`python -m muster.checks.messages`; 1 when docs/messages.md or the table is out of date."""
    parser = argparse.ArgumentParser(prog="messages", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/messages.md")
    wanted = page(table())
    if parser.parse_args(arguments).write:
        PAGE.write_text(wanted, encoding="utf-8")
    found = missing(table(), strings(REPO))
    if PAGE.read_text(encoding="utf-8") != wanted:
        found.append("docs/messages.md is out of date: run `make docs`")
    return tell("messages", found, f"{len(table())} messages")


if __name__ == "__main__":
    sys.exit(main())
