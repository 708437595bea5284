"""What the images of one board and those of many devices are told alike: options, and what they come to."""

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from device.core import documents as device_documents
from device.core import fields, paths
from muster import application
from muster.boards import BUILD_PROFILES, Board, Selection, board, names, profile
from muster.cli import output
from muster.cli.frozen import with_firmware
from muster.errors import WRONG_USE, MusterError
from muster.flashing.firmware import Firmware
from muster.image import authority, board_files, path_fault, read_claim, read_json
from muster.image.config import notes as config_notes
from muster.image.config import read_config, with_builder
from muster.mpy import build_time_fault

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
_SECTIONS = (fields.DEVICE, fields.MQTT, fields.PROVISIONING, fields.CLOCK)


class Content(NamedTuple):
    """What the command line, and the profile, say of the content of images.

    `conf`: ento.conf, empty when nothing is said of it. `claim`: folder of the claim credentials; `ca`: root
    CA when it is elsewhere. `config`: config.json, checked. `additions`: {path on flash: content}, with the
    application. `build_time`: Unix seconds. `selection`: which parts of the program. `firmware`: of the
    board, if it is named.
    """

    board: Board
    conf: dict[str, Any]
    claim: Path | None
    ca: Path | None
    wifi: Path | None
    config: dict[str, Any] | None
    additions: dict[str, bytes]
    build_time: int | None
    selection: Selection
    firmware: Firmware | None = None


class Assignment(click.ParamType):
    """Two words with an equals sign between them, as (first, second)."""

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """See click.ParamType."""
        name, separator, rest = value.partition("=")
        if not (name and separator):
            self.fail(f"{value!r} must have the form {self.name}.", param, ctx)
        return name, rest


class BuildTime(click.ParamType):
    """Unix seconds that a board's clock can begin at."""

    name = "SECONDS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """See click.ParamType."""
        seconds = click.INT.convert(value, param, ctx)
        if fault := build_time_fault(seconds):
            self.fail(f"{value} {fault}.", param, ctx)
        return int(seconds)


selection_options = (
    click.option(
        "--build", type=click.Choice(BUILD_PROFILES),
        help="Build profile: which services it contains.  [default: the board's]",
    ),
    click.option(
        "--without", multiple=True, metavar="SERVICE", help="Leave this service out; repeatable."
    ),
)  # fmt: skip

_OPTIONS = (
    click.option(
        "--board", "board_name", type=click.Choice(names()), default="virtual", show_default=True,
        help="The board.",
    ),
    click.option("--conf", type=FILE, help="ento.conf to start from; other options win over it."),
    click.option("--endpoint", help="Host name or address of AWS IoT, or of the twin."),
    click.option("--port", type=click.IntRange(1, 65535), help="MQTT port.  [default: the board's, 8883]"),
    click.option("--template", help="Provisioning template."),
    click.option(
        "--keys", "key_mode", type=click.Choice([fields.KEYS_CLOUD, fields.KEYS_DEVICE]),
        help="Who makes the private key.",
    ),
    click.option("--topic-prefix", help="First level of the boot status topic."),
    click.option("--ca", type=FILE, help="Root CA, when it is not in the folder of the claim credentials."),
    click.option("--wifi", type=FILE, help="wifi.json with the known networks."),
    click.option(
        "--config", type=FILE, help="config.json, which switches services on and off; may be JSON5."
    ),
    click.option(
        "--builder", metavar="URL", help="Address of the builder, where a person claims the board."
    ),
    click.option(
        "--add", "additions", type=Assignment("PATH=FILE"), multiple=True,
        help="Put FILE at the absolute PATH on the flash; repeatable.",
    ),
    *selection_options,
    click.option("--app", type=FOLDER, help="Folder of your application: it goes into /app, compiled."),
    click.option(
        "--firmware", type=FILE,
        help="Firmware of the board, by `muster firmware`: what is frozen into it stays out of the image.",
    ),
    click.option("--build-time", type=BuildTime(), help="When the board's clock starts, in Unix seconds."),
)  # fmt: skip


def content_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that both commands have, as the one argument `content`; they need --claim beside them."""
    ours = inspect.signature(_content).parameters

    @functools.wraps(function)
    def told(**given: Any) -> Any:
        own = {name: value for name, value in given.items() if name not in ours}
        return function(content=_content(**{name: given[name] for name in ours}), **own)

    for decorate in reversed(_OPTIONS):
        told = decorate(told)
    return told


def _content(
    *,
    board_name: str,
    conf: Path | None,
    endpoint: str | None,
    port: int | None,
    template: str | None,
    key_mode: str | None,
    topic_prefix: str | None,
    claim: Path | None,
    ca: Path | None,
    wifi: Path | None,
    config: Path | None,
    builder: str | None,
    additions: tuple[tuple[str, str], ...],
    app: Path | None,
    build: str | None,
    without: tuple[str, ...],
    firmware: Path | None,
    build_time: int | None,
) -> Content:
    """What the options come to, by the names of their parameters."""
    settings = {
        ("endpoint", fields.DEVICE, fields.ENDPOINT_URL): endpoint,
        ("port", fields.MQTT, fields.PORT): port,
        ("topic_prefix", fields.MQTT, fields.TOPIC_PREFIX): topic_prefix,
        ("template", fields.PROVISIONING, fields.TEMPLATE): template,
        ("key_mode", fields.PROVISIONING, fields.KEYS): key_mode,
    }
    if claim is None and _is_from_profile("ca"):
        ca = None  # a profile names the CA for other commands too
    of_board, selection = with_firmware(firmware, board(board_name), Selection(build, without))
    return Content(
        *(board(board_name), _conf(conf, settings), claim, ca, wifi),
        _config(config, builder),
        {**(application.files_of(app) if app else {}), **_contents(additions)},
        build_time,
        selection,
        of_board,
    )


def _is_from_profile(parameter: str) -> bool:
    source = click.get_current_context().get_parameter_source(parameter)
    return source == ParameterSource.DEFAULT_MAP


def _conf(path: Path | None, settings: Mapping[tuple[str, str, str], str | int | None]) -> dict[str, Any]:
    """ento.conf from the file, the options and the profile; empty when none of them says anything.

    `settings`: {(parameter of the command, section, key): value}. Options win over the file, and the file
    wins over the profile.
    """
    conf = read_json(path, "the configuration") if path else {}
    for section in _SECTIONS:
        if not isinstance(conf.get(section, {}), dict):
            raise MusterError(f'the configuration {path}: "{section}" must be an object: correct the file.')
    for (parameter, section, key), value in settings.items():
        if value and not (_is_from_profile(parameter) and key in conf.get(section, {})):
            conf.setdefault(section, {})[key] = value
    return conf


def _config(path: Path | None, builder: str | None) -> dict[str, Any] | None:
    """config.json from the file and the options; None when neither says anything."""
    document = read_config(path) if path else None
    return with_builder(document or {}, builder) if builder else document


def _contents(additions: tuple[tuple[str, str], ...]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for path, source in additions:
        if fault := path_fault(path):
            raise click.UsageError(f"--add: the path {path!r} on the flash {fault}.")
        if path in found:
            raise click.UsageError(f"--add names {path} twice: choose one file for it.")
        try:
            found[path] = Path(source).read_bytes()
        except OSError as error:
            raise MusterError(f"{source} cannot be read ({error.strerror}): nothing was built.") from None
    return found


def read_object(path: str, given: bytes) -> dict[str, Any]:
    """The document that --add gave for `path`, into which a board's own values go."""
    try:
        document = device_documents.loads(given)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise MusterError(f"--add {path}: this must be a JSON object. Correct the file.")
    return document


def has_builder(content: Content) -> bool:
    """Whether the boards get their claim credentials from a builder."""
    return bool((content.config or {}).get(fields.API, {}).get(fields.BUILDER))


def files_of(
    content: Content, home: Path, documents: dict[str, dict[str, Any]], default: Path | None = None
) -> tuple[dict[str, bytes], bool]:
    """({path on flash: content}, whether claim credentials are among them).

    `documents`: {path on flash: JSON object}, to which wifi.json and config.json are added. `default`: claim
    folder when none was named. Raises MusterError when a board could never connect with these credentials.
    """
    claim = None
    if folder := content.claim or default:
        claim = read_claim(folder, content.ca)
        endpoint = content.conf.get(fields.DEVICE, {}).get(fields.ENDPOINT_URL)
        if endpoint and (doubt := authority.check(str(endpoint), claim, home)):
            output.note(doubt)
    if content.wifi is not None:
        documents[paths.WIFI] = read_json(content.wifi, "the list of networks")
    if content.config is not None:
        documents[paths.CONFIG] = content.config
        services = profile(content.board.name, selection=content.selection).services
        for line in config_notes(content.config, services):
            output.note(line)
    files = board_files(
        content.board.name,
        documents=documents,
        claim=claim,
        extra=content.additions,
        build_time=content.build_time,
        selection=content.selection,
        frozen=content.firmware is not None and content.firmware.frozen is not None,
    )
    return files, claim is not None


def check_uf2(content: Content, wanted: bool) -> None:
    """Raises MusterError when a UF2 file is wanted for a board that takes none."""
    if wanted and content.board.uf2_base is None:
        raise MusterError(f"{content.board.title} takes no UF2 file: leave that option out.", WRONG_USE)
