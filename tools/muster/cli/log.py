"""`muster log`: what a board has said, and why it started."""

import threading
from dataclasses import asdict
from pathlib import Path

import click

from muster import board_log, tracebacks
from muster.board_link import BoardLink, only_port
from muster.cli import output
from muster.cli.termination import quiet_at_ctrl_c
from muster.errors import MusterError
from muster.image import read_image
from muster.printable import printable
from muster.watching import Watch

_HOW_TO_KEEP = 'a board writes it to its flash only if "log" in config.json says so'


@click.command()
@click.option(
    "--image",
    "image_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Image of a board's flash: the lines that the service `log` wrote there.",
)
@click.option("--port", help="Serial port of a board.  [default: the one board that is plugged in]")
@click.option(
    "-f",
    "--follow",
    is_flag=True,
    help="Only listen, and print what comes until Ctrl-C; of all boards, if no --port is given.",
)
@output.output_option
def log(image_path: Path | None, port: str | None, follow: bool, form: str) -> None:
    """Print the log of a board, and why it was restarted.

    A board keeps its last lines in memory, over a reset too. To read them its program is interrupted, and
    restarted afterwards. An image has those that the board wrote to its flash ("log" in config.json).
    With --follow nothing is interrupted, and tracebacks have the names of the source.
    """
    if follow:
        if image_path or form == output.JSON:
            raise click.UsageError("--follow listens to boards, without an end: neither --image nor JSON.")
        _follow(port)
        return
    if image_path and port:
        raise click.UsageError("give --image or --port, not both.")
    found = board_log.of_image(_files(image_path)) if image_path else _of_board(port)
    rows = [asdict(line) for line in found.lines]
    if form == output.JSON:
        output.result({"lines": rows, "restarts": found.restarts})
        return
    columns = {name: name for name in ("number", "time", "level", "source", "text")}
    for row in rows:
        row["text"] = " / ".join(row["text"].splitlines())
    empty = f"the log is empty; {_HOW_TO_KEEP}" if image_path else "the log is empty"
    output.listing(form, columns, rows, empty)
    for restart in found.restarts:
        when = output.utc(restart["unix"]) if restart["unix"] else "at an unknown time"
        output.note(f"restarted {when}: {restart['cause']}{': ' if restart['text'] else ''}{restart['text']}")


def _follow(port: str | None) -> None:
    """Print the lines of one board, or those of all with their ports before them, until Ctrl-C."""

    over = threading.Event()

    def tell(heard: str, line: str) -> None:
        text = printable(tracebacks.decoded(line))
        try:
            click.echo(text if port else f"{heard}  {text}")
        except OSError:  # who read it has gone
            over.set()

    with quiet_at_ctrl_c(), Watch([port] if port else None, tell):
        over.wait()


def _of_board(port: str | None) -> board_log.Log:
    return board_log.of_board(BoardLink(port or only_port()))


def _files(path: Path) -> dict[str, bytes]:
    try:
        return read_image(path.read_bytes())
    except OSError as error:
        raise MusterError(f"the image {path} cannot be read ({error.strerror}).") from None
