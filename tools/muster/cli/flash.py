"""`muster flash`: firmware and images onto boards."""

from pathlib import Path
from typing import Any

import click

from muster import console
from muster.board_link import no_board
from muster.boards import Board, board
from muster.cli import options, output, selection
from muster.cli.flash_bars import Bars
from muster.cli.flash_options import Boards, board_options, chosen_devices, kind_of_image
from muster.cli.image_options import FILE
from muster.cli.termination import stopped
from muster.errors import FAILED, GOOD, PARTLY_DONE, WRONG_USE, MusterError
from muster.flashing import drive, row
from muster.flashing.work import Order, Outcome, Seat
from muster.fleet import devices as fleet_devices

_COLUMNS = ("place", "device", "board", "result", "seconds")


@click.command()
@selection.device_options
@click.option("--image", type=FILE, help="One image file, made by `muster image`, instead of devices.")
@board_options
@click.option("--again", is_flag=True, help="Write boards again that have their image: their keys are lost.")
@click.option(
    "--new-board", is_flag=True, help="The boards of the named devices are broken: let others have them."
)
@options.home_option
@output.output_option
def flash(
    devices: tuple[str, ...],
    group: str | None,
    batch: str | None,
    everything: bool,
    image: Path | None,
    boards: Boards,
    again: bool,
    new_board: bool,
    home: Path,
    form: str,
) -> int:
    """Write boards that are plugged in: firmware if given, and each board's own file system.

    With --image, one board gets this file. With devices of the registry, each board gets the image of the
    next device that has no board yet, and the registry remembers which board that is: no device gets two
    boards, no board two devices, and a board that was unplugged in the middle gets the same device again.
    Without --port and --drive, all boards that are plugged in are written at the same time.

    An ESP32 is written through its serial port by esptool. A Pico W that runs MicroPython is restarted into
    BOOTSEL mode; one that does not must be plugged in while BOOTSEL is held. Chip, flash size, firmware and
    what was written are checked.
    """
    wanted = selection.selection(devices, group, batch, everything)
    if (image is None) == (wanted is None):
        raise click.UsageError("Name devices (or --group, --batch, --all), or one image with --image FILE.")
    if new_board:
        _give_away(home, devices)
    chosen = chosen_devices(home, wanted) if wanted else []
    facts = board(boards.kind or kind_of_image(image)) if image else boards.facts(chosen, home)
    order = boards.order(facts, home, chosen, image=image, again=again)
    seats = boards.seats(facts) or _all_seats(facts, boards.drives)
    if image and len(seats) > 1:
        raise MusterError(
            f"several boards are plugged in, and one image is for one board: choose with --port or --drive "
            f"({', '.join(map(str, seats))}).",
            WRONG_USE,
        )
    return _run(order, seats, form)


def _give_away(home: Path, devices: tuple[str, ...]) -> None:
    """Forget the boards of these devices."""
    if not devices:
        raise click.UsageError("--new-board needs the names of the devices whose boards are broken.")
    with options.writing(home) as registry:
        for name in devices:
            fleet_devices.existing(registry, name)
            registry.flashes.forget(name)


def _all_seats(facts: Board, drives: Path | None) -> list[Seat]:
    found = drive.find(facts, drives) if facts.boot_drive else []
    seats = [Seat(port=port) for port in console.boards()] + [Seat(drive=folder) for folder in found]
    if not seats:
        how = ", or hold BOOTSEL while you plug it in" if facts.boot_drive else ""
        raise no_board(how)
    return seats


def _run(order: Order, seats: list[Seat], form: str) -> int:
    with (
        stopped("boards that were being written do not start, the same command writes them again"),
        Bars(seats) as bars,
    ):
        outcomes = row.flash_all(order, seats, bars.step, bars.end)
    output.listing(form, dict(zip(_COLUMNS, _COLUMNS, strict=True)), [_row(one) for one in outcomes], "")
    failed = [one for one in outcomes if one.error]
    for one in failed:
        output.note(f"{one.device or one.seat}: {one.error}")
    if not failed:
        return GOOD
    if len(failed) < len(outcomes):
        output.note(
            f"{len(failed)} of {output.counted(len(outcomes), 'board')} failed; the same command continues "
            "with them"
        )
        return PARTLY_DONE
    return failed[0].code if len(failed) == 1 else FAILED


def _row(one: Outcome) -> dict[str, Any]:
    return {
        "place": str(one.seat),
        "device": one.device,
        "board": one.board_id,
        "image": one.image or None,
        "firmware": one.firmware,
        "result": "failed" if one.error else "kept" if one.kept else "flashed",
        "error": one.error or None,
        "seconds": f"{one.took_s:.1f}",
    }
