"""What commands print: tables for people, tab-separated lines for pipes, JSON for scripts."""

import datetime
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

TABLE = "table"
PLAIN = "plain"
JSON = "json"

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
    help="How to print.",
)


def utc(unix_s: float) -> str:
    """A moment as people and scripts read it: 2026-11-21T02:39:51Z."""
    return datetime.datetime.fromtimestamp(unix_s, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def program() -> str:
    """The name that the command was called by, for texts that name the next command."""
    return click.get_current_context().find_root().info_name or "muster"


def note(text: str) -> None:
    """A word beside the output, on standard error."""
    click.echo(f"{program()}: {text}", err=True)


def result(response: Any) -> None:
    """The one JSON document of a command that went well."""
    click.echo(json.dumps({"status": "success", "response": response}, ensure_ascii=False))


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
    cells = [[_text(row[key]) for key in columns] for row in rows]
    if form == TABLE:
        if cells:
            _draw(list(columns.values()), cells)
        return
    for line in (list(columns.values()), *cells):
        click.echo("\t".join(line))


def _text(value: object) -> str:
    return "" if value is None else " ".join(str(value).split())


def _draw(titles: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # not before a table is drawn: it costs as much time as all the rest
    from rich.table import Table
    from rich.text import Text

    table = Table(*titles, box=None, padding=(0, 2, 0, 0))
    for row in cells:
        table.add_row(*map(Text, row))
    Console().print(table)
