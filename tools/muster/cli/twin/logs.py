"""`muster twin logs`: the log lines that boards have exported to the twin's CloudWatch Logs."""

import datetime
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import click

from muster.cli import options, output
from muster.errors import MusterError
from muster.twin.log_store import Event, LogStore
from muster.twin.settings import Home

_LINES = 100
_MOST = 100_000
_LOOK_S = 0.3  # --follow
_COLUMNS = {"time": "time", "stream": "stream", "message": "message"}


@click.command()
@click.argument("stream", required=False, metavar="[STREAM]")
@click.option("--group", metavar="GROUP", help="Only this log group.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(0, _MOST),
    default=_LINES,
    show_default=True,
    help="How many of the last ones.",
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@options.home_option
@output.output_option
def logs(stream: str | None, group: str | None, lines: int, follow: bool, home: Path, form: str) -> None:
    """Show the log lines that boards have exported; a STREAM has the name of its board.

    They are in the order in which they came; the time is that at which they were said.
    """
    path = Home(home).logs
    if not path.exists():
        raise MusterError(f"no twin has run in {home} yet: `{output.program()} twin run` makes the file")
    if follow and form == output.JSON:
        raise click.UsageError("--follow has no end, so it cannot be JSON.")
    try:
        store = LogStore(path)
        newest = store.newest()  # what comes while these are shown is for --follow
        found = store.last(lines, newest, group, stream)
        output.listing(form, _COLUMNS, _rows(found), "nothing was exported yet")
        if follow:
            _follow(store, newest, group, stream)
    except sqlite3.Error as error:
        raise MusterError(f"{path} cannot be read ({error}): delete it while no twin runs") from error


def _rows(found: Sequence[tuple[str, Event]]) -> list[dict[str, str]]:
    return [
        {"group": group, "stream": event.stream, "time": _time(event.at_ms), "message": event.message}
        for group, event in found
    ]


def _time(unix_ms: int) -> str:
    when = datetime.datetime.fromtimestamp(unix_ms / 1000, datetime.timezone.utc)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _follow(store: LogStore, number: int, group: str | None, stream: str | None) -> None:
    while True:
        for named, event in store.since(number, _MOST):
            number = event.number
            if group in (None, named) and stream in (None, event.stream):
                output.line(_time(event.at_ms), event.stream, event.message)
        time.sleep(_LOOK_S)
