"""`muster deploy`: the program onto a board."""

from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from muster import application
from muster.board_link import BoardLink, only_port
from muster.boards import Selection
from muster.cli.image_options import selection_options
from muster.deploy import Summary
from muster.deploy import deploy as bring_up_to_date
from muster.program import code_files
from muster.services import build_of


def show(summary: Summary, console: Console) -> None:
    """Print the summary table."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("program files")
    table.add_column("number", justify="right")
    for name, files in (("copied", summary.copied), ("same", summary.same), ("removed", summary.removed)):
        table.add_row(name, str(len(files)))
    console.print(table)


@click.command()
@click.option(
    "--port",
    help="Serial port of the board, such as /dev/ttyACM0. Default: the one board that is plugged in.",
)
@click.option("--board", type=click.Choice(["esp32", "pico_w"]), help="Refuse a board of another kind.")
@click.option(
    "--app",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of your application: it goes into /app, compiled. Without it, /app stays as it is.",
)
@selection_options[0]
@selection_options[1]
def deploy(
    port: str | None, board: str | None, app: Path | None, build: str | None, without: tuple[str, ...]
) -> None:
    """Put the program onto a board that runs MicroPython, and restart it.

    Only files that differ are copied. With --app, what has gone from its folder is removed from /app.
    Identity and configuration on the board are not touched. Pulling the cable does no harm: the board keeps
    its old program, and the same command continues where it stopped. Without --build, the board keeps the
    build profile that it has.
    """
    console = Console(highlight=False)
    files = application.files_of(app) if app else None  # a mistake in it is said before a board is looked for
    link = BoardLink(port or only_port())
    summary = bring_up_to_date(
        link,
        board,
        lambda line: console.print(escape(line), soft_wrap=True),
        lambda kind: code_files(kind, selection=Selection(build or build_of(link), without)),
        app=files,
    )
    show(summary, console)
