"""`muster flash`: firmware and images onto boards."""

from pathlib import Path
from typing import Any

import click

from muster.board_link import ports
from muster.boards import Board, board, names
from muster.cli import options, output, selection
from muster.cli.flash_bars import Bars
from muster.cli.image_options import FILE, FOLDER
from muster.cli.termination import outcome as stopped_by
from muster.errors import FAILED, GOOD, NO_DEVICE, PARTLY_DONE, WRONG_USE, MusterError
from muster.flashing import drive, row
from muster.flashing.station import Order, Outcome, Seat
from muster.fleet import devices as fleet_devices
from muster.fleet import names as device_names
from muster.registry.fleet import Device

_BOARDS = [name for name in names() if board(name).firmware]


@click.command()
@selection.device_options
@click.option("--image", type=FILE, help="One image file, made by `muster image`, instead of devices.")
@click.option("--images", type=FOLDER, help="Where the images of devices are.  [default: HOME/images]")
@click.option(
    "--board",
    "kind",
    type=click.Choice(_BOARDS),
    help="Kind of the boards.  [default: that of the images]",
)
@click.option("--firmware", type=FILE, help="Firmware of MicroPython (.bin, .uf2) to write as well.")
@click.option("--firmware-sha256", metavar="HEX", help="Refuse a firmware file with another SHA-256.")
@click.option("--port", "chosen_ports", multiple=True, help="Serial port of a board; repeatable.")
@click.option(
    "--drive",
    "chosen_drives",
    type=FOLDER,
    multiple=True,
    help="Drive of a Pico W in BOOTSEL mode; repeatable.",
)
@click.option(
    "--drives",
    type=FOLDER,
    envvar="MUSTER_DRIVES",
    show_envvar=True,
    help="Folder in which drives are mounted, when it is not a usual one.",
)
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
    images: Path | None,
    kind: str | None,
    firmware: Path | None,
    firmware_sha256: str | None,
    chosen_ports: tuple[str, ...],
    chosen_drives: tuple[Path, ...],
    drives: Path | None,
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
    if new_board and not devices:
        raise click.UsageError("--new-board needs the names of the devices whose boards are broken.")
    folder = images or home / "images"
    chosen = _devices(home, wanted, new_board) if wanted else []
    facts = board(kind or (_kind_of_image(image) if image else _kind_of_images(chosen, folder)))
    order = Order(
        board=facts.name,
        image=image,
        home=None if image else home,
        images=folder,
        devices=tuple(device.name for device in chosen),
        firmware=firmware,
        firmware_sha256=firmware_sha256,
        again=again,
        drives=drives,
    )
    seats = _seats(facts, chosen_ports, chosen_drives, drives)
    if image and len(seats) > 1:
        raise MusterError(
            f"several boards are plugged in, and one image is for one board: choose with --port or --drive "
            f"({', '.join(map(str, seats))}).",
            WRONG_USE,
        )
    return _run(order, seats, form)


def _devices(home: Path, wanted: selection.Selection, new_board: bool) -> list[Device]:
    if new_board:
        with options.writing(home) as registry:
            for name in wanted.names:
                fleet_devices.existing(registry, name)
                registry.flashes.forget(name)
    with options.reading(home) as registry:
        return selection.chosen(registry, wanted)[0]


def _kind_of_image(image: Path) -> str:
    try:
        size = image.stat().st_size
    except OSError as error:
        raise MusterError(f"{image} cannot be read: {error.strerror}.", WRONG_USE) from None
    found = [name for name in _BOARDS if board(name).size == size]
    if len(found) != 1:
        raise MusterError(f"{image} has the size of no board's file system: name the --board.", WRONG_USE)
    return found[0]


def _kind_of_images(devices: list[Device], folder: Path) -> str:
    """The kind of board that there are images for. Raises MusterError when there are none, or several."""
    found = [
        name
        for name in _BOARDS
        if any((folder / f"{device_names.file_name(device.name)}-{name}.img").exists() for device in devices)
    ]
    if not found:
        raise MusterError(
            f"there are no images of these devices in {folder}: build them with `muster images --board`.",
            WRONG_USE,
        )
    if len(found) > 1:
        raise MusterError(f"there are images for {' and '.join(found)}: name the --board.", WRONG_USE)
    return found[0]


def _seats(
    facts: Board, chosen_ports: tuple[str, ...], chosen_drives: tuple[Path, ...], drives: Path | None
) -> list[Seat]:
    if chosen_drives and facts.boot_drive is None:
        raise MusterError(f"{facts.title} has no drive: give its --port.", WRONG_USE)
    seats = [Seat(port=port) for port in chosen_ports] + [Seat(drive=folder) for folder in chosen_drives]
    if not seats:
        found = drive.find(facts, drives) if facts.boot_drive else []
        seats = [Seat(port=port) for port in ports()] + [Seat(drive=folder) for folder in found]
    if not seats:
        how = ", or hold BOOTSEL while you plug it in" if facts.boot_drive else ""
        raise MusterError(f"no board was found: plug one in with a data cable{how}.", NO_DEVICE)
    return list(dict.fromkeys(seats))


def _run(order: Order, seats: list[Seat], form: str) -> int:
    try:
        with Bars(seats) as bars:
            outcomes = row.flash_all(order, seats, bars.step, bars.end)
    except KeyboardInterrupt as stop:
        how, code = stopped_by(stop)
        raise MusterError(
            f"{how}; boards that were being written do not start, the same command writes them again", code
        ) from None
    columns = {
        "place": "place",
        "device": "device",
        "board": "board",
        "result": "result",
        "seconds": "seconds",
    }
    output.listing(form, columns, [_row(one) for one in outcomes], "")
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
