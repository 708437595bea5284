"""Options of the commands that write boards, and what they mean: which devices, which boards, where."""

import contextlib
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click

from muster.boards import Board, board, flashed
from muster.cli import options, selection
from muster.cli.image_options import FILE, FOLDER
from muster.errors import WRONG_USE, MusterError
from muster.flashing.work import Order, Seat
from muster.fleet import names as device_names
from muster.image.filesystem import read_image
from muster.registry.fleet import Device
from muster.services import of_image

IMAGES = "images"  # folder of a home

_OPTIONS = (
    click.option("--images", type=FOLDER, help="Where the images of devices are.  [default: HOME/images]"),
    click.option(
        "--board", "kind", type=click.Choice(flashed()),
        help="Kind of the boards.  [default: that of the images]",
    ),
    click.option("--firmware", type=FILE, help="Firmware of MicroPython (.bin, .uf2) to write as well."),
    click.option("--firmware-sha256", metavar="HEX", help="Refuse a firmware file with another SHA-256."),
    click.option("--port", "chosen_ports", multiple=True, help="Serial port of a board; repeatable."),
    click.option(
        "--drive", "chosen_drives", type=FOLDER, multiple=True,
        help="Drive of a Pico W in BOOTSEL mode; repeatable.",
    ),
    click.option(
        "--drives", type=FOLDER, envvar="MUSTER_DRIVES", show_envvar=True,
        help="Folder in which drives are mounted, when it is not a usual one.",
    ),
)  # fmt: skip


class Boards(NamedTuple):
    """What the command line says of the boards.

    `images`: folder, None: HOME/images. `kind`: None: that of the images. `drives`: a folder in which drives
    are mounted as well.
    """

    images: Path | None
    kind: str | None
    firmware: Path | None
    firmware_sha256: str | None
    chosen_ports: tuple[str, ...]
    chosen_drives: tuple[Path, ...]
    drives: Path | None

    def facts(self, devices: list[Device], home: Path) -> Board:
        """The kind of boards: as it is named, or as there are images for."""
        return board(self.kind or kind_of_images(devices, self.images or home / IMAGES))

    def order(self, facts: Board, home: Path, devices: list[Device], **more: Any) -> Order:
        """The order to write these devices; `more`: what else it says."""
        return Order(
            board=facts.name,
            home=home,
            images=self.images or home / IMAGES,
            devices=tuple(device.name for device in devices),
            firmware=self.firmware,
            firmware_sha256=self.firmware_sha256,
            drives=self.drives,
            **more,
        )

    def seats(self, facts: Board) -> list[Seat]:
        """The seats that are named."""
        if self.chosen_drives and facts.boot_drive is None:
            raise MusterError(f"{facts.title} has no drive: give its --port.", WRONG_USE)
        seats = [Seat(port=port) for port in self.chosen_ports]
        return list(dict.fromkeys(seats + [Seat(drive=folder) for folder in self.chosen_drives]))


def board_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options, as the one argument `boards`."""

    @functools.wraps(function)
    def told(**given: Any) -> Any:
        own = {name: value for name, value in given.items() if name not in Boards._fields}
        return function(boards=Boards(*(given[name] for name in Boards._fields)), **own)

    for decorate in reversed(_OPTIONS):
        told = decorate(told)
    return told


def chosen_devices(home: Path, wanted: selection.Selection) -> list[Device]:
    """The devices, without retired ones."""
    with options.reading(home) as registry:
        return selection.chosen(registry, wanted)[0]


def kind_of_image(image: Path) -> str:
    """The kind of board that this image has the size for."""
    try:
        size = image.stat().st_size
    except OSError as error:
        raise MusterError(f"{image} cannot be read: {error.strerror}.", WRONG_USE) from None
    found = [name for name in flashed() if board(name).size == size]
    if len(found) > 1:  # the program in it knows, if there is one
        with contextlib.suppress(MusterError):
            found = [of_image(read_image(image.read_bytes(), found[0])).board]
    if len(found) != 1:
        raise MusterError(f"{image} does not say for which board it is: name the --board.", WRONG_USE)
    return found[0]


def kind_of_images(devices: list[Device], folder: Path) -> str:
    """The kind of board that there are images for. Raises MusterError when there are none, or several."""
    found = [
        name
        for name in flashed()
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
