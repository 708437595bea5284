"""`muster line`: boards in, working devices out."""

import shlex
import sys
import threading
from pathlib import Path

import click

from muster.cli import options, output, selection
from muster.cli.flash_options import Boards, board_options, chosen_devices
from muster.cli.image_options import FOLDER
from muster.cli.line_screen import Plain, Screen, keys
from muster.cli.termination import stopped
from muster.errors import GOOD, PARTLY_DONE, MusterError
from muster.flashing import firmware
from muster.line.ledger import PASSED, Ledger
from muster.line.production import Production
from muster.line.station import Station

_FOLDER_OF_HOME = "line"
_LOOK_S = 0.3


@click.command()
@selection.device_options
@board_options
@click.option("--ledger", type=FOLDER, help="Folder of the ledger.  [default: HOME/line]")
@click.option(
    "--limit",
    "limit_s",
    type=click.FloatRange(1),
    default=120,
    show_default=True,
    help="Seconds for the first start of a board, until its boot status is out.",
)
@click.option("--label", is_flag=True, help="Write the label of each good board to HOME/labels/line.")
@click.option("--print", "print_command", help="Program that prints a label: its PDF comes last, as in `lp`.")
@click.option("--by-key", is_flag=True, help="A board waits until its key, or Enter (a foot switch), is hit.")
@click.option("--quiet", is_flag=True, help="No sounds.")
@options.home_option
@output.output_option
def line(
    devices: tuple[str, ...],
    group: str | None,
    batch: str | None,
    everything: bool,
    boards: Boards,
    ledger: Path | None,
    limit_s: float,
    label: bool,
    print_command: str | None,
    by_key: bool,
    quiet: bool,
    home: Path,
    form: str,
) -> int:
    """Run a production line: plug boards in, and take them out when they are green.

    Each board that is plugged in is recognised, gets the image of the next device, and is watched on its
    console until it has its identity and its boot status is out. Several stations work at once, and a board
    that fails stops none of them. Each board is a row of the ledger (ledger.csv, ledger.jsonl).

    After Ctrl-C, a power cut or a killed program, the same command goes on: no device gets two boards, and no
    board two devices.
    """
    wanted = selection.selection(devices, group, batch, everything)
    if wanted is None:
        raise click.UsageError("Name devices, or choose them by --group, --batch or --all.")
    chosen = chosen_devices(home, wanted)
    facts = boards.facts(chosen, home)
    if boards.firmware is not None:  # a wrong file is said before the first board
        firmware.read(boards.firmware, facts, boards.firmware_sha256)
    has_labels = label or print_command is not None
    made = Production(
        boards.order(facts, home, chosen),
        Ledger(ledger or home / _FOLDER_OF_HOME),
        limit_s,
        seats=boards.seats(facts),
        by_key=by_key,
        label=(lambda name: _label(home, name)) if has_labels else None,
        print_command=tuple(shlex.split(print_command or "")),
    )
    _run(made, has_sound=not quiet, is_screen=form == output.TABLE)
    return _summary(made)


def _label(home: Path, name: str) -> Path:
    from muster.labels import single  # drawing takes a second to load

    with options.reading(home) as registry:
        device = registry.devices.get(name)
    if device is None:
        raise MusterError(f"the device {name} was deleted meanwhile.")
    return single.write(device, home / "labels" / _FOLDER_OF_HOME)


def _run(made: Production, has_sound: bool, is_screen: bool) -> None:
    """Let the line work until every device has passed, `q` or Ctrl-C."""
    over = threading.Event()

    def pressed(key: str) -> None:
        if key == "q":
            over.set()
        elif key in ("\n", "\r", " "):
            made.again()
        elif key.isdigit() and key != "0":
            made.again(int(key))

    show = Screen(made, has_sound) if is_screen and sys.stdout.isatty() else Plain()
    made.on_change = show.changed
    with stopped("the same command goes on where it stopped"):
        try:
            with keys(pressed), made, show:
                _wait(made, over)
        except KeyboardInterrupt:
            _summary(made)
            raise


def _wait(made: Production, over: threading.Event) -> None:
    while not over.wait(_LOOK_S) and (made.left() or _are_plugged_in(made.stations)):
        pass


def _are_plugged_in(stations: list[Station]) -> bool:
    """Whether a person still has to take a board out."""
    return any(station.device for station in stations)


def _summary(made: Production) -> int:
    """How many devices have passed, and which boards of this order failed last."""
    made.look()
    output.note(f"{made.passed_now()} passed, {made.left()} left; the ledger is {made.ledger.csv_path}")
    last = {row.device: row for row in made.ledger.rows if row.device in made.order.devices}
    for name, row in last.items():
        if row.result != PASSED:
            output.note(f"{name}: {row.error}")
    return PARTLY_DONE if made.left() else GOOD
