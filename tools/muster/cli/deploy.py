"""`muster deploy`: the program onto a board."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from muster import application
from muster.board_link import BoardLink, only_port
from muster.boards import Selection, flashed
from muster.cli import options, output
from muster.cli.image_options import selection_options
from muster.cli.termination import quiet_at_ctrl_c, stopped
from muster.deploy import Summary
from muster.deploy import deploy as bring_up_to_date
from muster.errors import INTERRUPTED, TERMINATED, MusterError
from muster.layout import BOOT, LIB, MAIN, shown
from muster.program import code_files, forget_code
from muster.services import build_of

_LOOK_S = 0.3


def show(summary: Summary, console: Console, is_dry_run: bool = False) -> None:
    """Print the summary table; of a dry run with the names."""
    if is_dry_run:
        for word, files in (("copied", summary.copied), ("removed", summary.removed)):
            for path in files:
                console.print(f"{path}: would be {word}", markup=False, soft_wrap=True)
        if not summary.copied and not summary.removed:
            console.print("the board is up to date")
        return
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
@click.option("--board", "kind", type=click.Choice(flashed()), help="Refuse a board of another kind.")
@click.option(
    "--app",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of your application: it goes into /app, compiled. Without it, /app stays as it is.",
)
@click.option("--watch", is_flag=True, help="Go on until Ctrl-C: what is saved is on the board in seconds.")
@selection_options[0]
@selection_options[1]
@options.dry_run_option
def deploy(
    port: str | None,
    kind: str | None,
    app: Path | None,
    watch: bool,
    build: str | None,
    without: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Put the program onto a board that runs MicroPython, and restart it.

    Only files that differ are copied. With --app, what has gone from its folder is removed from /app.
    Identity and configuration on the board are not touched. Pulling the cable does no harm: the board keeps
    its old program, and the same command continues where it stopped. Without --build, the board keeps the
    build profile that it has.
    """
    console = Console(highlight=False)

    def bring(link: BoardLink | None = None) -> BoardLink:
        # A mistake in the application is said before a board is looked for.
        files = application.files_of(app) if app else None
        link = link or BoardLink(port or only_port())
        with stopped("the same command continues where it stopped"):
            summary = bring_up_to_date(
                link,
                kind,
                lambda line: console.print(escape(line), soft_wrap=True),
                lambda found: code_files(found, selection=Selection(build or build_of(link), without)),
                app=files,
                dry_run=dry_run,
            )
        show(summary, console, dry_run)
        return link

    folders = [LIB, *([app] if app else [])]
    before = _saved(folders)
    link = bring()
    if watch and not dry_run:
        _watch(folders, before, lambda: bring(link))


def _watch(folders: list[Path], before: dict[Path, int], bring: Callable[[], object]) -> None:
    """Call `bring` each time that something is saved; what is wrong with it is said, and waited out."""
    output.note(f"watching {', '.join(map(shown, folders))}; Ctrl-C ends this")
    with quiet_at_ctrl_c():
        while True:
            time.sleep(_LOOK_S)
            if _saved(folders) == before:
                continue
            time.sleep(_LOOK_S)  # an editor may still be writing
            before = _saved(folders)
            forget_code()
            try:
                bring()
            except MusterError as error:
                if error.code in (INTERRUPTED, TERMINATED):
                    raise  # in the middle of a deployment, that is no quiet end
                output.note(str(error))


def _saved(folders: list[Path]) -> dict[Path, int]:
    """When each file was saved last."""
    found = {}
    for folder in folders:
        for path in [*folder.rglob("*"), BOOT, MAIN]:
            with contextlib.suppress(OSError):  # it went away meanwhile
                if path.is_file() and "__pycache__" not in path.parts:
                    found[path] = path.stat().st_mtime_ns
    return found
