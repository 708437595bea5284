"""`muster board`: run the virtual board, look into an image."""

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import click
from littlefs import LittleFSError

from device.core import fields, paths
from muster import pack
from muster.errors import INTERRUPTED, MusterError
from muster.image import mount
from muster.virtual import SETTINGS, VirtualBoard

_SECRET_KEYS = {fields.PASSWORD, fields.ENROLMENT_KEY, fields.PRIVATE_KEY, fields.OWNERSHIP_TOKEN}
_HIDDEN = "***"
_DIRECTORY = 2

_image = click.option(
    "--image",
    "image_path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the board's flash, made by `muster image`.",
)


@click.command()
@_image
@click.option("--bits", type=click.Choice(["64", "32"]), default="64", help="MicroPython to run on.")
@click.option("--heap-kb", type=click.IntRange(min=16), help="Size of MicroPython's heap.")
@click.option("--no-restart", is_flag=True, help="End at a reset instead of booting again.")
@click.option("--cut-at", type=click.IntRange(min=1), help="Cut power at this block operation.")
@click.option("--tear", is_flag=True, help="With --cut-at: leave that operation half done.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Surroundings, as NETWORK=down.")
def run(
    image_path: Path,
    bits: str,
    heap_kb: int | None,
    no_restart: bool,
    cut_at: int | None,
    tear: bool,
    settings: tuple[str, ...],
) -> int:
    """Boot the image and print the console. Exit code: that of the board, 130 after Ctrl-C or SIGTERM."""
    virtual = VirtualBoard(
        image_path,
        bits=int(bits),
        heap_kb=heap_kb,
        cut_at=cut_at,
        tear=tear,
        environment=_settings_of(settings),
        restart=not no_restart,
        on_line=lambda line: print(line, flush=True),
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        virtual.start()
        while virtual.running:
            time.sleep(0.05)
        return virtual.wait()
    except KeyboardInterrupt:
        virtual.stop()
        print("the virtual board was switched off", file=sys.stderr)
        return INTERRUPTED


def _settings_of(words: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator or name not in SETTINGS:
            raise click.UsageError(
                f"--set takes NAME=VALUE with a NAME of {', '.join(SETTINGS)}, not {word!r}."
            )
        found[name] = value
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MusterError(
            f"the image {path} cannot be read ({error.strerror}): make one with `muster image`."
        ) from None


@click.command()
@_image
@click.argument("path", default="/")
def ls(image_path: Path, path: str) -> None:
    """List what is in the image below PATH, with sizes in bytes."""
    file_system = mount(_read(image_path))
    path = "/" + path.strip("/")
    try:
        facts = file_system.stat(path)
    except LittleFSError:
        raise MusterError(
            f"there is no {path} in {image_path}: list it all with `muster board ls`."
        ) from None
    if facts.type != _DIRECTORY:
        print(f"{facts.size:8} {path}")
        return
    for folder, folders, names in file_system.walk(path):
        folders.sort()
        for name in sorted(names):
            full = f"{folder.rstrip('/')}/{name}"
            print(f"{file_system.stat(full).size:8} {full}")
            if full == paths.PACK:
                with file_system.open(full, "rb") as file:
                    _list_packed(file.read())
        if not folders and not names:
            print(f"       - {folder.rstrip('/')}/")
    used = file_system.used_block_count
    print(f"{used} of {file_system.block_count} blocks used")


def _list_packed(data: bytes) -> None:
    """Where the board imports each module from; a pack that is not whole is the board's trouble, not ours."""
    try:
        for name, module in pack.read(data).items():
            print(f"{len(module):8}   {paths.PACKED}/{name}")
    except MusterError as error:
        print(f"           {error}")


@click.command()
@_image
@click.argument("path")
@click.option("--secrets", is_flag=True, help="Print private keys and passwords as they are.")
def cat(image_path: Path, path: str, secrets: bool) -> None:
    """Print the file PATH of the image. Passwords and keys in JSON are shown as ***."""
    path = "/" + path.strip("/")
    file_system = mount(_read(image_path))
    try:
        with file_system.open(path, "rb") as file:
            data = file.read()
    except (LittleFSError, OSError):
        raise MusterError(
            f"there is no file {path} in {image_path}: see `muster board ls --image {image_path}`."
        ) from None
    sys.stdout.buffer.write(data if secrets else without_secrets(path, data))
    sys.stdout.buffer.flush()


def without_secrets(path: str, data: bytes) -> bytes:
    """`data` as it may be shown. Raises MusterError when it holds a private key."""
    if path.endswith("/" + paths.PRIVATE_KEY) or b"PRIVATE KEY" in data:
        raise MusterError(f"{path} holds a private key; it is printed only with --secrets.")
    if b'"' not in data:
        return data
    try:
        document = json.loads(data)
    except ValueError:
        return _refuse_secret_names(path, data)
    shown, hidden = _masked(document)
    return json.dumps(shown).encode() if hidden else data


def _refuse_secret_names(path: str, data: bytes) -> bytes:
    if path.endswith((".py", ".mpy")):
        return data
    for name in _SECRET_KEYS:
        if name.encode() in data:
            raise MusterError(
                f"{path} is broken JSON and may hold a secret; it is printed only with --secrets."
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
