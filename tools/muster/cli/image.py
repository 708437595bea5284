"""`muster image`: make the flash image of a board."""

import contextlib
import os
from pathlib import Path
from typing import Any

import click

from device.core import keys, paths
from muster.errors import WRONG_USE, MusterError
from muster.image import (
    board,
    board_files,
    build_image,
    ento_conf,
    names,
    read_claim,
    read_json,
    to_uf2,
    verify,
)

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option(
    "--board", "board_name", default="virtual", show_default=True, help=f"One of {', '.join(names())}."
)
@click.option("--out", required=True, type=_FILE, help="Where to write the image.")
@click.option("--uf2", type=_FILE, help="Write a UF2 file too (Pico W).")
@click.option("--conf", type=_FILE, help="ento.conf to start from; the options below win over it.")
@click.option("--serial", help="Serial of the board: its client id and, by default, thing name.")
@click.option("--endpoint", help="Host name or address of AWS IoT, or of the twin.")
@click.option("--port", type=click.IntRange(1, 65535), help="MQTT port (the board's default is 8883).")
@click.option("--template", help="Provisioning template.")
@click.option(
    "--keys", "key_mode", type=click.Choice([keys.KEYS_CLOUD, keys.KEYS_DEVICE]), help="Who makes the key."
)
@click.option("--topic-prefix", help="First level of the boot status topic.")
@click.option(
    "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Template parameter; repeatable."
)
@click.option(
    "--claim", type=click.Path(path_type=Path, file_okay=False), help="Folder with the claim credentials."
)
@click.option("--ca", type=_FILE, help="Root CA, when it is not in the claim folder.")
@click.option("--wifi", type=_FILE, help="wifi.json with the known networks.")
@click.option("--add", "additions", multiple=True, metavar="PATH=FILE", help="Any other file; repeatable.")
@click.option(
    "--build-time", type=click.IntRange(min=0), help="Unix seconds, the floor of the board's clock."
)
def image(
    board_name: str,
    out: Path,
    uf2: Path | None,
    conf: Path | None,
    claim: Path | None,
    ca: Path | None,
    wifi: Path | None,
    additions: tuple[str, ...],
    build_time: int | None,
    **settings: Any,
) -> None:
    """Make the whole flash file system of one board.

    It holds the compiled code of the board's profile, ento.conf, the claim credentials and the known
    networks, in the exact number of blocks of the board. The same input gives the same bytes.
    Precedence: options over --conf over the board's defaults.
    """
    facts = board(board_name)
    if uf2 is not None and facts.uf2_base is None:
        raise MusterError(f"{facts.title} takes no UF2 file: leave --uf2 out.", WRONG_USE)
    if ca is not None and claim is None:
        raise MusterError("--ca belongs to claim credentials: add --claim FOLDER.", WRONG_USE)
    files = board_files(
        board_name,
        documents=_documents(conf, wifi, settings),
        claim=read_claim(claim, ca) if claim else None,
        extra=dict(_addition(word) for word in additions),
        build_time=build_time,
    )
    content = build_image(files, board_name)
    verify(content, files, board_name)
    write_secret(out, content)
    click.echo(f"{out}: {len(files)} files, {facts.block_count} blocks for {facts.title}")
    if uf2 is not None:
        write_secret(uf2, to_uf2(content, board_name))
        click.echo(f"{uf2}: copy it to the drive that the board shows in BOOTSEL mode")
    if claim is None:
        click.echo("there are no claim credentials in it (--claim): the board cannot provision yet", err=True)


def _documents(conf: Path | None, wifi: Path | None, settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The JSON files of the image that the options ask for."""
    documents = {}
    changes = _changes(**settings)
    if conf is not None or any(value is not None for value in changes.values()):
        base = read_json(conf, "the configuration") if conf else {}
        documents[paths.CONF] = ento_conf(base, changes)
    if wifi is not None:
        documents[paths.WIFI] = read_json(wifi, "the list of networks")
    return documents


def _changes(
    serial: str | None,
    endpoint: str | None,
    port: int | None,
    template: str | None,
    key_mode: str | None,
    topic_prefix: str | None,
    parameters: tuple[str, ...],
) -> dict[tuple[str, str], Any]:
    """What the options change in ento.conf: {(section, key): value or None}."""
    return {
        (keys.DEVICE, keys.SERIAL_ID): serial,
        (keys.DEVICE, keys.ENDPOINT_URL): endpoint,
        (keys.MQTT, keys.PORT): port,
        (keys.MQTT, keys.TOPIC_PREFIX): topic_prefix,
        (keys.PROVISIONING, keys.TEMPLATE): template,
        (keys.PROVISIONING, keys.KEYS): key_mode,
        (keys.PROVISIONING, keys.PARAMETERS): dict(map(_pair, parameters)) or None,
    }


def _pair(word: str) -> tuple[str, str]:
    name, separator, value = word.partition("=")
    if not (name and separator):
        raise click.UsageError(f"{word!r} must have the form NAME=VALUE.")
    return name, value


def _addition(word: str) -> tuple[str, bytes]:
    path, source = _pair(word)
    if not path.startswith("/") or path.endswith("/") or "//" in path:
        raise click.UsageError(f"--add takes an absolute path on the board's flash, not {path!r}.")
    try:
        return path, Path(source).read_bytes()
    except OSError as error:
        raise MusterError(f"{source} cannot be read ({error.strerror}): nothing was made.") from None


def write_secret(path: Path, content: bytes) -> None:
    """Write `content`, which holds secrets, so that only its owner can read it; whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise MusterError(f"{path} cannot be written ({error.strerror}): choose another place.") from None
