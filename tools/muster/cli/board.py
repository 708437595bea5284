"""`muster board ls` and `cat`: look into an image."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
from littlefs import LittleFS, LittleFSError

from device.core import fields, paths
from muster import pack
from muster.cli import output
from muster.errors import MusterError
from muster.image import mount

_SECRET_KEYS = {fields.PASSWORD, fields.ENROLMENT_KEY, fields.PRIVATE_KEY, fields.OWNERSHIP_TOKEN}
_HIDDEN = "***"
_DIRECTORY = 2

image_option = click.option(
    "--image",
    "image_path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the board's flash, built by `muster image`.",
)


def mounted(path: Path) -> LittleFS:
    """The file system in the image. Raises MusterError when there is none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MusterError(
            f"the image {path} cannot be read ({error.strerror}): build one with `muster image`."
        ) from None
    try:
        return mount(data)
    except MusterError as error:
        raise MusterError(f"{path}: {error}") from None


class _Entry(NamedTuple):
    """A file of the image; `size` in bytes, None for an empty folder or a pack that cannot be read."""

    path: str
    size: int | None
    is_packed: bool = False  # it is within the file of packed modules, where the board imports it from


@click.command()
@image_option
@click.argument("path", default="/")
@output.output_option
def ls(image_path: Path, path: str, form: str) -> None:
    """List what is in the image below PATH, with sizes in bytes."""
    file_system = mounted(image_path)
    path = "/" + path.strip("/")
    try:
        facts = file_system.stat(path)
    except LittleFSError:
        raise MusterError(
            f"there is no {path} in {image_path}: see `muster board ls --image {image_path}`."
        ) from None
    is_folder = facts.type == _DIRECTORY
    entries = list(_below(file_system, path)) if is_folder else [_Entry(path, facts.size)]
    rows = [{"size": one.size, "path": one.path, "packed": one.is_packed} for one in entries]
    used, blocks = file_system.used_block_count, file_system.block_count
    if form == output.JSON:
        output.result({"files": rows, "usedBlocks": used, "blocks": blocks})
        return
    output.listing(form, {"size": "bytes", "path": "path"}, rows, "")
    output.note(f"{used} of {blocks} blocks are used")


def _below(file_system: LittleFS, path: str) -> Iterator[_Entry]:
    for folder, folders, names in file_system.walk(path):
        folders.sort()
        for name in sorted(names):
            full = f"{folder.rstrip('/')}/{name}"
            yield _Entry(full, file_system.stat(full).size)
            if full == paths.PACK:
                with file_system.open(full, "rb") as file:
                    yield from _packed(file.read())
        if not folders and not names:
            yield _Entry(f"{folder.rstrip('/')}/", None)


def _packed(data: bytes) -> Iterator[_Entry]:
    """Where the board imports each module from; a damaged pack is the board's problem, not ours."""
    try:
        for name, module in pack.read(data).items():
            yield _Entry(f"{paths.PACKED}/{name}", len(module), True)
    except MusterError as error:
        output.note(str(error))


@click.command()
@image_option
@click.argument("path")
@click.option("--secrets", is_flag=True, help="Print private keys and passwords as they are.")
def cat(image_path: Path, path: str, secrets: bool) -> None:
    """Print the file PATH of the image. Passwords and keys in JSON are shown as ***."""
    path = "/" + path.strip("/")
    file_system = mounted(image_path)
    try:
        with file_system.open(path, "rb") as file:
            data = file.read()
    except (LittleFSError, OSError):
        raise MusterError(
            f"there is no file {path} in {image_path}: see `muster board ls --image {image_path}`."
        ) from None
    shown = data if secrets else without_secrets(path, data)
    if sys.stdout.isatty() and not shown.endswith(b"\n"):
        shown += b"\n"  # else the prompt sticks to it
    sys.stdout.buffer.write(shown)
    sys.stdout.buffer.flush()


def without_secrets(path: str, data: bytes) -> bytes:
    """`data` as it may be shown. Raises MusterError when it holds a private key."""
    if path.endswith("/" + paths.PRIVATE_KEY) or b"PRIVATE KEY" in data:
        raise MusterError(f"{path} holds a private key; it is printed only with --secrets.")
    if b'"' not in data:
        return data
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return _refuse_secret_names(path, data)
    shown, hidden = _masked(document)
    return json.dumps(shown).encode() if hidden else data


def _refuse_secret_names(path: str, data: bytes) -> bytes:
    if path.endswith((".py", ".mpy")):
        return data
    for name in _SECRET_KEYS:
        if name.encode() in data:
            raise MusterError(
                f"{path} is not valid JSON and may hold a secret; it is printed only with --secrets."
            )
    return data


def _masked(value: Any) -> tuple[Any, bool]:
    """`value` with secrets replaced, and whether there were any."""
    if isinstance(value, list):
        parts = [_masked(item) for item in value]
        return [part for part, _ in parts], any(hidden for _, hidden in parts)
    if not isinstance(value, dict):
        return value, False
    shown, any_hidden = {}, False
    for name, item in value.items():
        part, hidden = (_HIDDEN, True) if name in _SECRET_KEYS else _masked(item)
        shown[name] = part
        any_hidden = any_hidden or hidden
    return shown, any_hidden
