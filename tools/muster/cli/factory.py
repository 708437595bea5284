"""`muster factory`: the server that boards on a production line ask for their claim IDs."""

import asyncio
import contextlib
import ipaddress
import json
import secrets
import signal
import time
from pathlib import Path

import click

from device.core import fields, paths
from muster import files
from muster.cli import options, output
from muster.cli.hosts import Host
from muster.errors import WRONG_USE, MusterError
from muster.fleet import groups, handing_out
from muster.fleet.factory_server import PATH, FactoryServer, Network, Settings
from muster.registry import Registry, waiting
from muster.twin import pki
from muster.twin.settings import Home

PORT = 8446
_TOKEN_BYTES = 24
_SHORTEST_TOKEN = 16
_LONGEST_TOKEN = 200


class _NetworkType(click.ParamType):
    """A network in CIDR form, or one address."""

    name = "network"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Network:
        """See click.ParamType."""
        try:
            return ipaddress.ip_network(str(value))
        except ValueError:
            self.fail(f"{value!r} must be a network such as 192.168.10.0/24.", param, ctx)


@click.command()
@options.home_option
@options.group_option(required=True)
@click.option(
    "--host",
    type=Host(),
    required=True,
    help="Name or address of this computer for the boards; it goes into the certificate.",
)
@click.option("--bind", type=Host(), default="0.0.0.0", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="Port to listen on; 0: a free one.",
)
@click.option(
    "--network",
    "networks",
    type=_NetworkType(),
    multiple=True,
    help="Answer only boards in this network, such as 192.168.10.0/24; may be repeated"
    "  [default: private networks]",
)
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the token that boards must know; made when it is missing.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="How many boards get their first claim ID before the server refuses more.",
)
@click.option(
    "--existing",
    is_flag=True,
    help="Also give the claim IDs of devices that the registry has, to boards with their serials. Not for "
    "devices whose images `muster images` built: those boards have their claim IDs.",
)
@click.option("--product", default="", help="Product that boards write into device.json with the claim ID.")
@click.option(
    "--files",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the two files for the boards' images into this folder.",
)
def factory(
    home: Path,
    group: str,
    host: str,
    bind: str,
    port: int,
    networks: tuple[Network, ...],
    token_file: Path | None,
    count: int,
    existing: bool,
    product: str,
    folder: Path | None,
) -> None:
    """Give each board on a production line its claim ID over HTTPS, until Ctrl-C or SIGTERM.

    A board becomes a device of the group, named by its serial or else by its hardware, and gets the same
    claim ID however often it asks. No two boards get the same one.
    """
    if len(product) > 64 or not product.isprintable():
        raise MusterError("--product must have at most 64 printable characters.", WRONG_USE)
    settings = Settings(bind, port, networks, _token(token_file) if token_file else "", product)
    place = Home(home)
    with options.reading(home) as registry:
        groups.existing(registry, group)
    try:
        authority = pki.Authority(place, "ec")
        authority.ensure_pair(host, place.factory_pem, place.factory_key)
    except OSError as error:
        raise MusterError(f"the folder {home} cannot be written ({error.strerror})") from error
    with contextlib.closing(Registry(home, waiting.BUSY_MS)) as registry:
        desk = handing_out.Desk(registry, group, count, existing)
        asyncio.run(
            _serve(FactoryServer(place, registry, desk, settings, _say), place, host, settings, folder)
        )


def _say(line: str) -> None:
    print(f"{output.utc(time.time())} {line}", flush=True)


def _token(path: Path) -> str:
    """The token in the file, which is made when it is missing. Raises MusterError."""
    try:
        with contextlib.suppress(FileExistsError):
            files.write(
                path, f"{secrets.token_urlsafe(_TOKEN_BYTES)}\n".encode(), mode=files.PRIVATE, replace=False
            )
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise MusterError(f"--token-file {path} cannot be used ({why})") from error
    right_length = _SHORTEST_TOKEN <= len(token) <= _LONGEST_TOKEN
    if not right_length or not all("!" <= symbol <= "~" for symbol in token):
        raise MusterError(
            f"--token-file {path}: a token has {_SHORTEST_TOKEN} to {_LONGEST_TOKEN} ASCII characters and no "
            "spaces; remove the file to get a random one",
            WRONG_USE,
        )
    return token


def _write_files(folder: Path, place: Home, address: str, token: str) -> None:
    """What the image of a board needs: factory.json, with the token, and factory.pem.

    The time is for the clock of boards that find no time server: the certificate is not older than the CA.
    """
    document = {
        fields.URL: address,
        fields.UNIX: int(time.time()),
        **({fields.TOKEN: token} if token else {}),
    }
    try:
        files.write(folder / Path(paths.FACTORY).name, json.dumps(document).encode(), mode=files.PRIVATE)
        files.write(folder / Path(paths.FACTORY_ROOT).name, place.ca_pem.read_bytes())
    except OSError as error:
        raise MusterError(f"the folder {folder} cannot be written ({error.strerror})") from error


async def _serve(
    server: FactoryServer, place: Home, host: str, settings: Settings, folder: Path | None
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.start()
    try:
        name = f"[{host}]" if ":" in host else host
        address = f"https://{name}:{server.port}{PATH}"
        if folder is not None:
            _write_files(folder, place, address, settings.token)
        print(f"factory ready {address}", flush=True)
        await stop.wait()
    finally:
        await server.stop()
