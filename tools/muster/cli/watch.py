"""`muster watch`: what all connected boards do, live."""

import sys
import time
from typing import Any

import click

from muster.board_link import no_board
from muster.cli import output
from muster.cli.termination import quiet_at_ctrl_c
from muster.errors import FAILED, GOOD
from muster.watching import Seen, Watch

_COLUMNS = ("port", "name", "step", "error", "signal", "free", "up")
_DRAW_S = 0.5


@click.command()
@click.option("--port", "ports", multiple=True, help="Only this board; repeatable.  [default: all of them]")
@click.option(
    "--once",
    is_flag=True,
    help="Print one table when every board was heard, and exit: 0 when all of them are up.",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0),
    default=20,
    show_default=True,
    help="With --once: seconds until a board that says nothing counts as silent.",
)
@output.output_option
def watch(ports: tuple[str, ...], once: bool, wait_s: float, form: str) -> int:
    """Show what the connected boards do, until Ctrl-C: step, error, signal, memory, time since the start.

    It only listens. A board prints a line for programs at each step and every five seconds; nothing is sent
    to it, and its program goes on. While mpremote uses a board, it is left to mpremote.
    """
    if form == output.JSON and not once:
        raise click.UsageError("A table without an end cannot be JSON: add --once.")
    with Watch(ports or None) as boards:
        if once:
            return _once(boards, wait_s, form)
        with quiet_at_ctrl_c():
            if sys.stdout.isatty() and form == output.TABLE:
                _draw(boards)
            else:
                _tell(boards)
    return GOOD


def _row(board: Seen) -> dict[str, Any]:
    beacon = board.beacon
    return {
        "port": board.port,
        "name": beacon.name if beacon else "",
        "step": board.step(),
        "error": beacon.error if beacon else "",
        "signal": f"{beacon.signal_dbm} dBm" if beacon and beacon.signal_dbm else "",
        "free": f"{beacon.free_bytes // 1024} KB" if beacon else "",
        "up": _length(beacon.up_s) if beacon else "",
    }


def _length(seconds: int) -> str:
    """A time as people read it: 42 s, 3 min, 5 h, 12 d."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _once(boards: Watch, wait_s: float, form: str) -> int:
    end_s = time.monotonic() + wait_s
    while not (boards.seen and all(one.beacon for one in boards.seen.values())):
        left_s = end_s - time.monotonic()
        if left_s <= 0 and all(one.state for one in boards.seen.values()):
            break
        boards.wait(min(_DRAW_S, max(0.01, left_s)))
    if not boards.seen:
        raise no_board()
    rows = [_row(one) for one in boards.seen.values()]
    output.listing(form, dict(zip(_COLUMNS, _COLUMNS, strict=True)), rows, "")
    return GOOD if all(one.is_up() for one in boards.seen.values()) else FAILED


def _tell(boards: Watch) -> None:
    """A line for each change, for pipes."""
    output.line(*_COLUMNS)
    told: dict[str, list[Any]] = {}
    while True:
        for port, board in list(boards.seen.items()):
            row = _row(board)
            if told.get(port) != [row[name] for name in ("name", "step", "error")]:
                told[port] = [row[name] for name in ("name", "step", "error")]
                output.line(*(row[name] for name in _COLUMNS))
        sys.stdout.flush()
        boards.wait(_DRAW_S)


def _draw(boards: Watch) -> None:
    """The live table."""
    from rich.live import Live  # loading it takes longer than most commands
    from rich.table import Table
    from rich.text import Text

    def table() -> Table:
        made = Table(box=None, padding=(0, 2, 0, 0), caption="Ctrl-C ends this; the boards go on")
        for name in _COLUMNS:
            made.add_column(name, overflow="fold")
        for board in list(boards.seen.values()):
            row = _row(board)
            style = "green" if board.is_up() else "red" if row["error"] else "yellow"
            made.add_row(*(Text(str(row[name]), style=style if name == "step" else "") for name in _COLUMNS))
        if not boards.seen:
            made.add_row(Text("no board is plugged in"))
        return made

    with Live(table(), refresh_per_second=4) as live:
        while True:
            time.sleep(_DRAW_S)
            live.update(table())
