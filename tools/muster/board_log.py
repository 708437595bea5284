"""The log of a board: what it wrote to its flash, or the ring in the memory of one that is plugged in."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from device.core import fields, log_format, paths
from muster.board_link import BoardLink
from muster.printable import printable, printable_lines

_LINE = re.compile(r"(\d{1,10}) (\S+) (\w+) (\S+) (.*)")
_CAUSES = (
    log_format.POWER_ON,
    log_format.WATCHDOG,
    log_format.PROGRAM,
    log_format.SOFT_RESET,
    log_format.RESET,
)

# Runs at the prompt that Ctrl-C has opened; loads the program if it does not run there.
_SCRIPT = """\
import sys
if "device.port.board" not in sys.modules:
    import pack
    pack.mount()
    from device.port.compose import compose
    compose()
from device.port import board, store
number = -1
while True:
    found = board.log.lines(number, 1)
    if not found:
        break
    number = found[0][0]
    print(repr((number <= board.log.earlier, found[0])))
print(repr(store.read({restarts!r})))
"""


@dataclass(frozen=True)
class Line:
    """One line. `time` is a date (UTC), or the time since the start of the board, as text."""

    number: int
    time: str
    level: str
    source: str
    text: str


@dataclass
class Log:
    """Lines, the oldest first, and restarts, the newest first."""

    lines: list[Line] = field(default_factory=list)
    restarts: list[dict[str, Any]] = field(default_factory=list)


def of_image(files: Mapping[str, bytes]) -> Log:
    """The log on flash, in the `files` of an image."""
    written = [files[path].decode(errors="replace") for path in paths.LOG_FILES if path in files]
    written.sort(key=_file_number)
    lines = [line for text in written for line in _lines(text)]
    return Log(lines, _restarts(files.get(paths.RESTARTS)))


def _file_number(text: str) -> int:
    match = re.match(r"# (\d{1,10}) \d+\n", text)
    return int(match[1]) if match else 0


def _lines(text: str) -> Iterator[Line]:
    words: list[str] = []
    for row in [*text.splitlines(), "0 0 end 0 0"]:
        if row.startswith("  ") and words:
            words[4] += "\n" + row[2:]
        elif match := _LINE.fullmatch(row):
            if words:
                time, level, source = map(printable, words[1:4])
                yield Line(int(words[0]), time, level, source, printable_lines(words[4]))
            words = list(match.groups())


def _restarts(raw: bytes | None) -> list[dict[str, Any]]:
    """What is in restarts.json; nothing if it is damaged."""
    try:
        rows = json.loads(raw or b"{}").get(fields.RESTARTS, [])
        return [
            {"unix": int(row[fields.UNIX]), "cause": row[fields.CAUSE], "text": printable(row[fields.TEXT])}
            for row in rows
            if row[fields.CAUSE] in _CAUSES and 0 <= row[fields.UNIX] < 1 << 32
        ]
    except (ArithmeticError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def of_board(link: BoardLink) -> Log:
    """The log in the memory of the board behind `link`, which is interrupted for it and then restarted.

    Raises MusterError when it does not answer or does not run Muster's program.
    """
    try:
        told = link.execute_with_program(_SCRIPT.format(restarts=paths.RESTARTS)).splitlines()
    finally:
        link.start()
    found = Log()
    for row in told:
        try:
            value = ast.literal_eval(row)
        except (ValueError, SyntaxError):
            continue  # a line of the program, from before it stopped
        if isinstance(value, tuple):
            is_earlier, (number, level, source, text, ms) = value
            time = f"{'earlier, ' if is_earlier else ''}{ms / 1000:.3f} s"
            found.lines.append(Line(number, time, level, printable(source), printable_lines(text)))
        else:
            found.restarts = _restarts(value)
    return found
