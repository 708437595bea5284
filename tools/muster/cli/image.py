"""`muster image`: build the flash image of one board."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from device.core import fields, paths
from muster import web_password
from muster.boards import profile
from muster.cli import options, output
from muster.cli.image_options import (
    FILE,
    FOLDER,
    Assignment,
    Content,
    check_uf2,
    content_options,
    files_of,
    has_builder,
    read_object,
)
from muster.errors import GOOD, WRONG_USE, MusterError
from muster.files import write_private
from muster.image import build_image, ento_conf, to_uf2, verify
from muster.image.whole import whole as joined_whole
from muster.mpy import has_web

_OF_IMAGES = {
    "-g",
    "--group",
    "--batch",
    "--all",
    "--out-dir",
    "--with-uf2",
    "--product",
    "--test-device",
    "--jobs",
}


class _OneBoard(click.Command):
    """The command, which says where its other half has gone."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name in _OF_IMAGES:
                raise _other_command(f"{error.option_name} belongs to images of devices", ctx) from None
            raise
        except click.UsageError as error:
            if "extra argument" in error.message:
                raise _other_command(error.message.rstrip("."), ctx) from None
            raise


def _other_command(what: str, ctx: click.Context) -> click.UsageError:
    return click.UsageError(f"{what}: use `muster images` for devices of the registry.", ctx)


def _check_out(ctx: click.Context, _: click.Parameter, value: Path | None) -> Path | None:
    if value is None and not ctx.resilient_parsing:
        raise _other_command("Missing option '--out FILE', where to write the image of one board", ctx)
    return value


@click.command(cls=_OneBoard)
@click.option("--out", type=FILE, callback=_check_out, help="Where to write the image.  [required]")
@click.option("--uf2", type=FILE, help="Write a UF2 file as well (Pico W).")
@click.option(
    "--whole",
    type=FILE,
    help="Write the --firmware and the file system as one file as well: .uf2 for a Pico W, else .bin.",
)
@click.option("--serial", help="Serial of the board: its client id and, by default, thing name.")
@click.option(
    "--parameter",
    "parameters",
    type=Assignment("NAME=VALUE"),
    multiple=True,
    help="Parameter for the provisioning template; repeatable.",
)
@click.option("--claim", type=FOLDER, help="Folder with the claim credentials.")
@click.option(
    "--web-password-file",
    type=FILE,
    help="Password of the board's web page, one line.  [default: a random one, printed once]",
)
@content_options
@options.home_option
@options.dry_run_option
@output.output_option
def image(
    content: Content,
    out: Path,
    uf2: Path | None,
    whole: Path | None,
    serial: str | None,
    parameters: tuple[tuple[str, str], ...],
    web_password_file: Path | None,
    home: Path,
    dry_run: bool,
    form: str,
) -> int:
    """Build the flash image of one board.

    An image is the whole flash file system: the compiled code of the board's profile, ento.conf, the claim
    credentials and the known networks, in the exact number of blocks of the board. It is checked by mounting
    it. The same input, with a password, gives the same bytes. `muster images` builds those of devices in
    the registry.

    Precedence: options over --conf over the profile over the board's defaults.
    """
    _check_use(content, uf2, whole)
    changes = {
        (fields.DEVICE, fields.SERIAL_ID): serial,
        (fields.PROVISIONING, fields.PARAMETERS): dict(parameters) or None,
    }
    has_conf = content.conf or any(changes.values())
    documents = {paths.CONF: ento_conf(content.conf, changes, has_builder(content))} if has_conf else {}
    content, printed = _with_password(content, documents, web_password_file, serial or "")
    files, has_claim = files_of(content, home, documents)
    built = build_image(files, content.board.name)
    verify(built, files, content.board.name)
    would = "would be " if dry_run else ""
    where = f"{content.board.block_count} blocks for {content.board.title}"
    lines = [f"{out}: {would}{len(files)} files, {where}"]
    if not dry_run:
        write_private(out, built)
    for path, data, what in _beside(built, content, uf2, whole):
        lines.append(f"{path}: {would}{what}")
        if not dry_run:
            write_private(path, data)
    response = {"image": str(out), "files": len(files), "board": content.board.name}
    if printed and not dry_run:
        lines.append(f"password of its web page, which is printed only here: {printed}")
        response["webPassword"] = printed
    output.done(form, lines, response)
    _tell_what_is_missing(paths.CONF in files, has_claim or has_builder(content))
    return GOOD


def _check_use(content: Content, uf2: Path | None, whole: Path | None) -> None:
    """Raises MusterError when an option lacks another one, or the board."""
    check_uf2(content, uf2 is not None)
    if whole is not None and content.firmware is None:
        raise MusterError("--whole is firmware and file system: add --firmware FILE.", WRONG_USE)
    if content.ca is not None and content.claim is None:
        raise MusterError("--ca belongs to claim credentials: add --claim FOLDER.", WRONG_USE)


def _beside(
    built: bytes, content: Content, uf2: Path | None, whole: Path | None
) -> Iterator[tuple[Path, bytes, str]]:
    """The files beside the image: where, content, and what they are for."""
    facts, firmware = content.board, content.firmware
    drive = "to copy to the drive that the board shows in BOOTSEL mode"
    if uf2 is not None:
        yield uf2, to_uf2(built, facts.name), f"there {drive}"
    if whole is not None and firmware is not None:
        esptool = f"for esptool: `write-flash {min(firmware.parts):#x} FILE`"
        how = esptool if facts.uf2_base is None else drive
        yield whole, joined_whole(firmware.parts, built, facts), f"firmware and file system in one, {how}"


def _with_password(
    content: Content, documents: dict[str, dict[str, Any]], file: Path | None, serial: str
) -> tuple[Content, str]:
    """Put the hash of the web password into web.json in `documents`.

    Returns the content without a web.json of --add, and the password if it is new: when neither an option
    nor that file gives one, and the board has a web page.
    """
    password = web_password.read(file) if file else ""
    others = dict(content.additions)
    web = read_object(paths.WEB, others.pop(paths.WEB, b"{}"))
    if password and fields.PASSWORD in web:
        raise MusterError(f"--add {paths.WEB} has a password: leave --web-password-file out.", WRONG_USE)
    new = ""
    if (
        not password
        and fields.PASSWORD not in web
        and has_web(profile(content.board.name, selection=content.selection))
    ):
        password = new = web_password.random_password()
    if password:
        web[fields.PASSWORD] = web_password.hashed(password, serial)
    if web:
        documents[paths.WEB] = web
    return content._replace(additions=others), new


def _tell_what_is_missing(has_conf: bool, has_claim: bool) -> None:
    if not has_conf:
        output.note(
            "there is no ento.conf in it (--serial and --endpoint, or --conf): the board cannot connect"
        )
    if not has_claim:
        output.note("there are no claim credentials in it (--claim): the board cannot provision yet")
