"""What commands print: tables for people, tab-separated lines for pipes, JSON for scripts, and progress."""

import datetime
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import click

from muster.printable import printable

TABLE = "table"
PLAIN = "plain"
JSON = "json"

_LINES = 10  # of progress at most, when standard error is not a terminal
_CONTROLS = re.compile("[\x7f-\x9f]")  # a terminal may act on them, and json.dumps lets them through

Row = Mapping[str, Any]


def _resolve(_: click.Context, __: click.Parameter, value: str | None) -> str:
    return value or (TABLE if sys.stdout.isatty() else PLAIN)


output_option = click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice([TABLE, PLAIN, JSON]),
    callback=_resolve,
    show_default="table at a terminal, else plain: tab-separated",
    help="Output format.",
)


def program() -> str:
    """The name that the command was called by: `iotactl` through a link of that name, else `muster`."""
    name = Path(sys.argv[0]).stem
    return name if name == "iotactl" else "muster"


def utc(unix_s: float) -> str:
    """A moment as people and scripts read it: 2026-11-21T02:39:51Z."""
    return datetime.datetime.fromtimestamp(unix_s, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def number(count: int) -> str:
    """A count as people read it: 10 000."""
    return f"{count:,}".replace(",", " ")


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A count and what is counted: "1 image", "2 images"; `plural` for a noun that takes no plain s."""
    return f"{number(count)} {noun if count == 1 else plural or noun + 's'}"


def note(text: str) -> None:
    """A word beside the output, on standard error."""
    click.echo(f"{program()}: {text}", err=True)


def _json(document: object) -> str:
    text = json.dumps(document, ensure_ascii=False)
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def result(response: Any) -> None:
    """The one JSON document of a command that went well."""
    click.echo(_json({"status": "success", "response": response}))


def failure(text: str) -> str:
    """The one JSON document of a command that failed."""
    return _json({"status": "failed", "error": text})


def done(form: str, lines: Sequence[str], response: Row) -> None:
    """What a command did: `lines` for people and pipes, `response` as JSON."""
    if form == JSON:
        result(response)
        return
    for line in lines:
        click.echo(line)


def listing(form: str, columns: Mapping[str, str], rows: Sequence[Row], empty: str) -> None:
    """Print `rows`, of which people see `columns` (key -> title); `empty` is said when there are none."""
    if form == JSON:
        result(rows)
        return
    if not rows:
        note(empty)
    cells = [[_cell(row[key]) for key in columns] for row in rows]
    if form == TABLE:
        if cells:
            _draw(list(columns.values()), cells)
        return
    for line in (list(columns.values()), *cells):
        click.echo("\t".join(line))


def line(*cells: object) -> None:
    """One more line of a listing that has no end."""
    click.echo("\t".join(map(_cell, cells)))


def _cell(value: object) -> str:
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    if isinstance(value, Mapping):
        value = ", ".join(f"{key}={one}" for key, one in value.items())
    return "" if value is None else printable(" ".join(str(value).split()))


def _draw(titles: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # not before a table is drawn: it costs as much time as all the rest
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, overflow="fold")  # a narrow terminal cuts nothing off
    for row in cells:
        table.add_row(*map(Text, row))
    Console().print(table)


class Progress:
    """How far the work is, on standard error: a bar at a terminal, else a line for every tenth of it."""

    def __init__(self, title: str, total: int, before: int = 0) -> None:
        """`before`: how much of `total` an earlier run did."""
        self.total = total
        self.done = before
        self._title = title
        self._told = before * _LINES // total if total else 0
        self._bar: Any = None

    def __enter__(self) -> "Progress":
        if not sys.stderr.isatty():
            return self
        from rich.console import Console  # loading it takes longer than most commands
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn(self._title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        detail = TextColumn("{task.description}")
        self._bar = Bar(*columns, detail, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("", total=self.total, completed=self.done)
        self._bar.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, more: int, detail: str = "") -> None:
        """So much more is done for good; `detail`: what else there is to say of it ("2 failed")."""
        self.done += more
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, description=detail)
        elif self.done * _LINES // self.total > self._told:
            self._told = self.done * _LINES // self.total
            click.echo(f"{self._title}: {self}{detail and ', '}{detail}", err=True)

    def __str__(self) -> str:
        return f"{number(self.done)} of {number(self.total)}"
