"""`muster webflash`: a page with which a browser writes boards."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import click

from muster.boards import board, flashed
from muster.cli import options, output, selection
from muster.cli.flash_options import IMAGES, chosen_devices, kind_of_images
from muster.cli.image_options import FILE, FOLDER
from muster.cli.termination import stopped
from muster.errors import GOOD, NO_DEVICE, WRONG_USE, MusterError
from muster.flashing import firmware as firmwares
from muster.flashing.firmware import Firmware
from muster.flashing.web import folder
from muster.flashing.web.server import PORT, serve
from muster.fleet import names
from muster.registry.fleet import Device

_FOLDER_OF_HOME = "webflash"


@click.command()
@selection.device_options
@click.option("--images", type=FOLDER, help="Where the images of devices are.  [default: HOME/images]")
@click.option(
    "--board", "kind", type=click.Choice(flashed()), help="Kind of the boards.  [default: that of the images]"
)
@click.option(
    "--firmware",
    "firmware_files",
    type=FILE,
    multiple=True,
    help="Firmware of MicroPython (.bin, .uf2) to write as well; repeatable, one for each kind of board.",
)
@click.option(
    "--firmware-sha256", "digests", metavar="HEX", multiple=True,
    help="Refuse firmware files with another SHA-256; repeatable.",
)  # fmt: skip
@click.option("--out", type=FOLDER, help="Folder for the page.  [default: HOME/webflash]")
@click.option("--again", is_flag=True, help="Also devices that have their boards, by the registry.")
@click.option("--serve", "is_served", is_flag=True, help="Serve the page to this computer, until Ctrl-C.")
@click.option(
    "--port",
    "page_port",  # the profile's `port` is that of MQTT
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="With --serve: port to listen on; 0: a free one. The page forgets what it has written with it.",
)
@options.home_option
@output.output_option
def webflash(
    devices: tuple[str, ...],
    group: str | None,
    batch: str | None,
    everything: bool,
    images: Path | None,
    kind: str | None,
    firmware_files: tuple[Path, ...],
    digests: tuple[str, ...],
    out: Path | None,
    again: bool,
    is_served: bool,
    page_port: int,
    home: Path,
    form: str,
) -> int:
    """Make a page with which a browser writes boards, for people without Python.

    The folder holds the page, esptool-js, and the images of the devices; an ESP32 is written through Web
    Serial (Chrome, Edge or Opera on a computer), and for a Pico W the page offers one UF2 file with firmware
    and file system. Browsers allow that over https or on this computer only: --serve serves the folder to
    this computer. With --serve and without devices, it serves the folder that is there.

    The folder is secret: whoever has an image can act as its device.
    """
    place = out or home / _FOLDER_OF_HOME
    wanted = selection.selection(devices, group, batch, everything)
    if wanted is not None:
        chosen = _chosen(home, wanted, again)
        found = [_with_image(device, images or home / IMAGES, kind) for device in chosen]
        _build(place, found, _firmware(found, firmware_files, digests), form)
    elif not is_served:
        raise click.UsageError("Name devices, or choose them by --group, --batch or --all.")
    folder.check(place)
    if is_served:
        asyncio.run(serve(place, page_port, lambda url: print(f"webflash ready {url}", flush=True)))
    return GOOD


def _chosen(home: Path, wanted: selection.Selection, again: bool) -> list[Device]:
    """The devices that may get a board: no identity is to be on two."""
    devices = chosen_devices(home, wanted)
    with options.reading(home) as registry:
        free = [one for one in devices if again or registry.flashes.of_device(one.name) is None]
    if taken := len(devices) - len(free):
        output.note(f"{output.counted(taken, 'device')} left out: on a board already (--again)")
    if not free:
        raise MusterError("each of the chosen devices has its board: choose more devices.", NO_DEVICE)
    return free


def _with_image(device: Device, images: Path, kind: str | None) -> folder.Device:
    name = kind or kind_of_images([device], images)
    return folder.Device(device.name, name, images / f"{names.file_name(device.name)}-{name}.img")


def _build(place: Path, devices: list[folder.Device], firmware: dict[str, Firmware], form: str) -> None:
    kinds = _kinds(devices)
    for kind in kinds:
        if kind not in firmware:
            output.note(f"without --firmware, {board(kind).title} must have MicroPython already")
    with (
        stopped("the page is not complete, the same command makes it"),
        output.Progress("collecting images", len(devices)) as progress,
    ):
        folder.build(place, devices, firmware, lambda _: progress.advance(1))
    titles = ", ".join(board(kind).title for kind in kinds)
    lines = [
        f"{output.counted(len(devices), 'device')} for {titles} in {place}",
        "the folder is secret: whoever has an image can act as its device",
    ]
    names_of_devices = [device.name for device in devices]
    output.done(form, lines, {"folder": str(place), "devices": names_of_devices})


def _kinds(devices: list[folder.Device]) -> list[str]:
    return list(dict.fromkeys(device.board for device in devices))


def _firmware(
    devices: list[folder.Device], files: Iterable[Path], digests: tuple[str, ...]
) -> dict[str, Firmware]:
    """{name of board: its firmware}. Raises MusterError for a file that is for none of these boards."""
    found: dict[str, Firmware] = {}
    for path in files:
        kind, read = _read(_kinds(devices), path)
        if kind in found:
            raise MusterError(f"{path}: there is another --firmware for {board(kind).title}.", WRONG_USE)
        firmwares.check_meant(path, read.sha256, digests)
        found[kind] = read
    return found


def _read(kinds: list[str], path: Path) -> tuple[str, Firmware]:
    faults = []
    for kind in kinds:
        try:
            return kind, firmwares.read(path, board(kind))
        except MusterError as error:
            faults.append(error)
    raise faults[0]
