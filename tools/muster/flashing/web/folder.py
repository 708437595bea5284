"""The folder of the browser's flasher.

    FOLDER/index.html, flasher.js, ...  the page (parts.py)
           images/                      what goes onto the boards
           manifest.json                {"devices": [...], "boards": {...}}

A device of the manifest has `name` (its serial), `board`, `firmware` (version, or null) and `files`: each
with `path` in the folder, `size`, `sha256`, `md5` (what a chip computes of its own flash), and `offset` in
bytes from the start of the flash; null for a UF2 file, which says itself where its blocks go. A board has
`title`, `flash_bytes` and `chip` (as esptool names it) or, when it takes UF2 files, `drive` (its name).

The images hold enrolment keys and claim credentials: the folder and its files are their owner's alone. The
manifest is written last; a folder without one is not complete.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from muster.boards import Board, board
from muster.errors import WRONG_USE, MusterError
from muster.files import forget_parts, is_part, write_private
from muster.flashing.firmware import Firmware
from muster.flashing.web import parts
from muster.flashing.work import checked_image
from muster.fleet import names
from muster.image import uf2

MANIFEST = "manifest.json"
IMAGES = "images"
_PRIVATE_FOLDER = 0o700
_ALIGN = 4  # the stub of a chip writes whole words; esptool fills up with 0xFF as well


class Device(NamedTuple):
    """A device and the file of its image."""

    name: str
    board: str
    image: Path


def build(
    folder: Path,
    devices: Iterable[Device],
    firmware: Mapping[str, Firmware],
    report: Callable[[Device], object] = lambda _: None,
) -> None:
    """Write the folder; files of an earlier one that are no longer needed are removed.

    `firmware`: {name of board: what goes onto it as well}. `report` is called for each device that is done.
    Raises MusterError when an image is not whole, or the folder holds something else or cannot be written.
    """
    _prepare(folder)
    entries: list[dict[str, Any]] = []
    boards: dict[str, dict[str, Any]] = {}
    for device in devices:
        facts = board(device.board)
        extra = firmware.get(device.board)
        image = checked_image(device.image, facts, None if extra is None else extra.frozen is not None)
        contents = {**(extra.parts if extra else {}), facts.flash_offset: image}
        write = _write_uf2 if facts.uf2_base is not None else _write_parts
        entries.append(
            {
                "name": device.name,
                "board": device.board,
                "firmware": extra.version if extra else None,
                "files": write(folder, device, facts, contents),
            }
        )
        boards[device.board] = _about(facts)
        report(device)
    for name, content in parts.page().items():
        write_private(folder / name, content)
    document = json.dumps({"devices": entries, "boards": boards}, indent=1)
    write_private(folder / MANIFEST, document.encode())
    _tidy(folder, {file["path"] for entry in entries for file in entry["files"]})


def check(folder: Path) -> None:
    """Raises MusterError when `folder` is not one that `build` has completed."""
    if not (folder / MANIFEST).is_file():
        raise MusterError(
            f"{folder} holds no page for a browser: make one with `muster webflash --batch BATCH`.", WRONG_USE
        )


def _prepare(folder: Path) -> None:
    """An empty folder, or an earlier one of ours without its manifest, closed to others."""
    try:
        ours = {IMAGES, MANIFEST, *parts.NAMES}
        names_there = [path.name for path in folder.iterdir()] if folder.exists() else []
        others = sorted(name for name in names_there if name not in ours and not is_part(name))
        if others:
            raise MusterError(
                f"{folder} holds other files, such as {others[0]}: give an empty folder with --out.",
                WRONG_USE,
            )
        for path in (folder, folder / IMAGES):
            path.mkdir(_PRIVATE_FOLDER, parents=True, exist_ok=True)
            path.chmod(_PRIVATE_FOLDER)
        (folder / MANIFEST).unlink(missing_ok=True)
    except OSError as error:
        raise MusterError(f"{folder} cannot be written ({error.strerror}): choose another --out.") from None


def _tidy(folder: Path, needed: set[str]) -> None:
    """Nobody should find images of an earlier selection: they are secret too."""
    for path in (folder / IMAGES).iterdir():
        if f"{IMAGES}/{path.name}" not in needed and path.is_file():
            path.unlink()
    forget_parts(folder)


def _about(facts: Board) -> dict[str, Any]:
    about = {"title": facts.title, "flash_bytes": facts.flash_bytes}
    if facts.uf2_base is not None:
        return {**about, "drive": facts.boot_drive}
    from esptool import CHIP_DEFS  # it takes a second to load

    return {**about, "chip": CHIP_DEFS[facts.chip].CHIP_NAME}


def _write_parts(
    folder: Path, device: Device, facts: Board, contents: Mapping[int, bytes]
) -> list[dict[str, Any]]:
    """The files of a device for esptool-js; the firmware is the same for all devices of a board."""
    found = []
    for offset, content in sorted(contents.items()):
        is_own = offset == facts.flash_offset
        name = (
            f"{names.file_name(device.name)}-{facts.name}.img"
            if is_own
            else f"firmware-{facts.name}-{offset:#x}.bin"
        )
        content += b"\xff" * (-len(content) % _ALIGN)
        found.append({"offset": offset, **_write(folder, name, content)})
    return found


def _write_uf2(
    folder: Path, device: Device, facts: Board, contents: Mapping[int, bytes]
) -> list[dict[str, Any]]:
    name = f"{names.file_name(device.name)}-{facts.name}.uf2"
    return [{"offset": None, **_write(folder, name, uf2.joined(contents, facts))}]


def _write(folder: Path, name: str, content: bytes) -> dict[str, Any]:
    path = folder / IMAGES / name
    digest = hashlib.sha256(content).hexdigest()
    if not (path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest):
        write_private(path, content)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return {"path": f"{IMAGES}/{name}", "size": len(content), "sha256": digest, "md5": md5}
