"""`muster image`: make the flash image of one board, or of many devices of the registry."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from device.core import fields, paths
from muster.cli import image_fleet, options, output, selection
from muster.errors import WRONG_USE, MusterError
from muster.files import write_private
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
_FOLDER = click.Path(path_type=Path, file_okay=False)
_SECTIONS = (fields.DEVICE, fields.MQTT, fields.PROVISIONING, fields.CLOCK)
_MANY_ONLY = {"out_dir": "--out-dir", "product": "--product", "test_device": "--test-device"} | {
    "with_uf2": "--with-uf2",
    "jobs": "--jobs",
}
_ONE_ONLY = {"out": "--out", "uf2": "--uf2", "serial": "--serial", "parameters": "--parameter"}


@click.command()
@selection.device_options
@click.option(
    "--board", "board_name", default="virtual", show_default=True, help=f"One of {', '.join(names())}."
)
@click.option("--out", type=_FILE, help="Where to write the image of one board.")
@click.option("--uf2", type=_FILE, help="Write a UF2 file of the one board too (Pico W).")
@click.option("--out-dir", type=_FOLDER, help="Where to write the images of devices.  [default: HOME/images]")
@click.option("--with-uf2", is_flag=True, help="Write a UF2 file beside each device's image (Pico W).")
@click.option("--conf", type=_FILE, help="ento.conf to start from; the options below win over it.")
@click.option("--serial", help="Serial of the one board: its client id and, by default, thing name.")
@click.option("--endpoint", help="Host name or address of AWS IoT, or of the twin.")
@click.option("--port", type=click.IntRange(1, 65535), help="MQTT port (the board's default is 8883).")
@click.option("--template", help="Provisioning template.")
@click.option(
    "--keys",
    "key_mode",
    type=click.Choice([fields.KEYS_CLOUD, fields.KEYS_DEVICE]),
    help="Who makes the key.",
)
@click.option("--topic-prefix", help="First level of the boot status topic.")
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Template parameter of the one board; repeatable. A device's are in the registry.",
)
@click.option("--claim", type=_FOLDER, help="Folder with the claim credentials.  [for devices: HOME/claim]")
@click.option("--ca", type=_FILE, help="Root CA, when it is not in the claim folder.")
@click.option("--wifi", type=_FILE, help="wifi.json with the known networks.")
@click.option("--add", "additions", multiple=True, metavar="PATH=FILE", help="Any other file; repeatable.")
@click.option("--product", help="Product of the devices, for device.json.")
@click.option("--test-device", is_flag=True, help="Mark the devices as test devices in device.json.")
@click.option(
    "--build-time", type=click.IntRange(min=0), help="Unix seconds, the floor of the board's clock."
)
@click.option("--jobs", type=click.IntRange(1, 64), help="Images built at once.  [default: the processors]")
@options.home_option
@options.dry_run_option
@output.output_option
@click.pass_context
def image(ctx: click.Context, **words: Any) -> int:
    """Make the flash image of one board, or of many devices.

    An image is the whole flash file system: the compiled code of the board's profile, ento.conf, the claim
    credentials and the known networks, in the exact number of blocks of the board. It is checked by mounting
    it. The same input gives the same bytes.

    With DEVICE, --group, --batch or --all it makes one image for each of these devices of the registry, with
    the device's own name, enrolment key, template parameters, claim ID and web password in it, and never the
    group's secret. Images that are there already stay; after an interruption the same command goes on.

    Precedence: options over --conf over the profile over the board's defaults.
    """
    wanted = selection.selection(*(words.pop(name) for name in ("devices", "group", "batch", "everything")))
    _refuse(words, _MANY_ONLY if wanted is None else _ONE_ONLY, wanted is None)
    from_profile = [name for name in words if ctx.get_parameter_source(name) == ParameterSource.DEFAULT_MAP]
    if words["claim"] is None and "ca" in from_profile:
        words["ca"] = None  # a profile names the CA for other commands too
    settings = {
        name: words.pop(name)
        for name in ("serial", "endpoint", "port", "template", "key_mode", "topic_prefix", "parameters")
    }
    conf = _conf(words.pop("conf"), settings, from_profile)
    additions = dict(_addition(word) for word in words.pop("additions"))
    facts = board(words["board_name"])
    if (words["uf2"] or words["with_uf2"]) and facts.uf2_base is None:
        raise MusterError(f"{facts.title} takes no UF2 file: leave --uf2 out.", WRONG_USE)
    if wanted is not None:
        return image_fleet.make(wanted, conf or {}, additions, words)
    return _make_one(conf, additions, words)


def _refuse(words: dict[str, Any], surplus: dict[str, str], one: bool) -> None:
    """Raises click.UsageError for an option of the other way to use the command."""
    for name, option in surplus.items():
        if words[name]:
            raise click.UsageError(
                f"{option} belongs to images of devices: name some, or leave it out."
                if one
                else f"{option} belongs to the image of one board: leave it out, or leave the devices out."
            )
    if one and words["out"] is None:
        raise click.UsageError("Missing option '--out'. (Or name devices, --group, --batch or --all.)")


def _make_one(conf: dict[str, Any] | None, additions: dict[str, bytes], words: dict[str, Any]) -> int:
    facts, claim, out, uf2 = board(words["board_name"]), words["claim"], words["out"], words["uf2"]
    if words["ca"] is not None and claim is None:
        raise MusterError("--ca belongs to claim credentials: add --claim FOLDER.", WRONG_USE)
    documents = {} if conf is None else {paths.CONF: ento_conf(conf, {})}
    if words["wifi"] is not None:
        documents[paths.WIFI] = read_json(words["wifi"], "the list of networks")
    files = board_files(
        facts.name,
        documents=documents,
        claim=read_claim(claim, words["ca"]) if claim else None,
        extra=additions,
        build_time=words["build_time"],
    )
    content = build_image(files, facts.name)
    verify(content, files, facts.name)
    would = "would be " if words["dry_run"] else ""
    lines = [f"{out}: {would}{len(files)} files, {facts.block_count} blocks for {facts.title}"]
    if uf2 is not None:
        lines.append(f"{uf2}: {would}there to copy to the drive that the board shows in BOOTSEL mode")
    if not words["dry_run"]:
        write_private(out, content)
        if uf2 is not None:
            write_private(uf2, to_uf2(content, facts.name))
    output.done(words["form"], lines, {"image": str(out), "files": len(files), "board": facts.name})
    if claim is None:
        click.echo("there are no claim credentials in it (--claim): the board cannot provision yet", err=True)
    return 0


def _conf(path: Path | None, settings: dict[str, Any], from_profile: list[str]) -> dict[str, Any] | None:
    """ento.conf from the file, the options and the profile; None when none of them says anything."""
    conf = read_json(path, "the configuration") if path else {}
    for section in _SECTIONS:
        if not isinstance(conf.get(section, {}), dict):
            raise MusterError(f'the configuration {path}: "{section}" must be an object: correct the file.')
    for name, section, key in (
        ("serial", fields.DEVICE, fields.SERIAL_ID),
        ("endpoint", fields.DEVICE, fields.ENDPOINT_URL),
        ("port", fields.MQTT, fields.PORT),
        ("topic_prefix", fields.MQTT, fields.TOPIC_PREFIX),
        ("template", fields.PROVISIONING, fields.TEMPLATE),
        ("key_mode", fields.PROVISIONING, fields.KEYS),
        ("parameters", fields.PROVISIONING, fields.PARAMETERS),
    ):
        value = dict(map(_pair, settings[name])) if name == "parameters" else settings[name]
        if value and (name not in from_profile or key not in conf.get(section, {})):
            conf.setdefault(section, {})[key] = value
    return conf or None


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
