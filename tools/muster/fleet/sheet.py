"""Files that name devices: a list, one name per line, or a table (CSV) whose first column is `name`.

What spreadsheets and other systems do to such files is tolerated: CRLF, a byte order mark, UTF-16, semicolons
or tabs between columns, empty lines, a missing final newline. What is wrong is collected line by line.
"""

import csv
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from muster.errors import WRONG_USE, MusterError
from muster.fleet import names

NAME = "name"
STANDARD_INPUT = Path("-")
_DELIMITERS = ",;\t"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_MOST_SHOWN = 20


class Row(NamedTuple):
    """One device of a file: its line (from 1; 0: of no file) and, by column, the other cells with text."""

    line: int
    name: str
    cells: dict[str, str]


class Fault(NamedTuple):
    """What is wrong with a line (from 1; 0: of no file)."""

    line: int
    text: str


class Sheet(NamedTuple):
    """A file as it was read: its columns beside the name, good rows, and what is wrong with the others."""

    columns: tuple[str, ...]
    rows: list[Row]
    faults: list[Fault]


def called(path: Path) -> str:
    """A file as messages name it."""
    return "standard input" if path == STANDARD_INPUT else str(path)


def read(path: Path) -> Sheet:
    """Read a file of names or a table; `-` is standard input. Each name is in `rows` once.

    Raises MusterError (wrong use) when the file as a whole cannot be read.
    """
    text = _text(path)
    first = next((line for line in io.StringIO(text, newline=None) if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    header = _header(first, delimiter)
    if header and header[0].casefold() == NAME:
        columns = _columns(header[1:], path)
        table = _cells(text, delimiter, path)
        next(table, None)
    elif delimiter in first:
        raise MusterError(
            f"{called(path)}: its first line has several columns, but is not a header that begins with"
            f" {NAME!r}: add one",
            WRONG_USE,
        )
    else:
        columns = ()
        table = ((line, [name]) for line, name in enumerate(io.StringIO(text, newline=None), 1))
    return _sorted_out(columns, table)


def _text(path: Path) -> str:
    try:
        data = sys.stdin.buffer.read() if path == STANDARD_INPUT else path.read_bytes()
    except OSError as error:
        raise MusterError(
            f"{called(path)} cannot be read ({error.strerror}): name another file", WRONG_USE
        ) from error
    try:
        return data.decode("utf-16" if data.startswith(_UTF_16_MARKS) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MusterError(
            f"{called(path)}, line {line}: this is not UTF-8 text: save the file as UTF-8", WRONG_USE
        ) from error


def _header(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line.strip("\r\n")], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _columns(header: list[str], path: Path) -> tuple[str, ...]:
    """The columns beside the name; those at the end without a title (spreadsheets add them) are dropped."""
    while header and not header[-1]:
        header.pop()
    known = {NAME}
    for title in header:
        if not title or title.casefold() in known:
            what = f"two columns are called {title!r}" if title else "a column has no title"
            raise MusterError(f"{called(path)}: {what}: correct its first line", WRONG_USE)
        known.add(title.casefold())
    return tuple(header)


def _cells(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise MusterError(
                f"{called(path)}, line {line}: {error}: look at its quotation marks", WRONG_USE
            ) from error
        if any(cells):
            yield line, cells


def _sorted_out(columns: tuple[str, ...], table: Iterable[tuple[int, list[str]]]) -> Sheet:
    sheet = Sheet(columns, [], [])
    lines: dict[str, tuple[int, str]] = {}
    for line, cells in table:
        name, *others = (cell.strip() for cell in cells)
        if not (name or any(others)):
            continue
        wrong = names.fault(name, names.DEVICE)
        key = names.key(name)
        if wrong:
            sheet.faults.append(Fault(line, f"the name {name!r} {wrong}" if name else "the name is missing"))
        elif key in lines:
            before, other = lines[key]
            more = "" if other == name else f", as {other}: names must differ in more than case"
            sheet.faults.append(Fault(line, f"{name} is in line {before} already{more}"))
        elif any(others[len(columns) :]):
            sheet.faults.append(Fault(line, f"has {len(cells)} cells, the first line {len(columns) + 1}"))
        else:
            lines[key] = line, name
            given = {title: cell for title, cell in zip(columns, others, strict=False) if cell}
            sheet.rows.append(Row(line, name, given))
    return sheet


def invalid(faults: Sequence[Fault]) -> str:
    """How many there are: 1 invalid line, 3 invalid names."""
    unit = "line" if faults[0].line else "name"
    return f"{len(faults)} invalid {unit}{'s' * (len(faults) > 1)}"


def fix(faults: Sequence[Fault]) -> str:
    """What to do about them, as the beginning of a sentence."""
    return "Fix it" if len(faults) == 1 else "Fix them"


def listed(faults: Iterable[Fault]) -> str:
    """The faults as lines of text in the order of the file; a great many are cut short."""
    ordered = sorted(faults, key=lambda fault: fault.line)
    lines = [f"  line {line}: {text}" if line else f"  {text}" for line, text in ordered[:_MOST_SHOWN]]
    if len(ordered) > _MOST_SHOWN:
        lines.append(f"  and {len(ordered) - _MOST_SHOWN} more")
    return "\n".join(lines)


def refuse(source: str, faults: list[Fault], hint: str) -> None:
    """Raises MusterError (wrong use) with all faults when there are any; `hint` says what to do."""
    if faults:
        text = f"{source}: {invalid(faults)}; nothing was changed. {hint}\n{listed(faults)}"
        raise MusterError(text, WRONG_USE)
