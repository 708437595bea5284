"""config.json from a file of the host, which may be JSON5 as in the documentation of the original agent.

The board reads strict JSON only, so the file is translated. What a board would only tell its console, such as
the name of a service that does not exist, is refused here, in the same words.
"""

from pathlib import Path
from typing import Any

from device.core import board_config, export_config, fields, paths, startup
from device.core.failures import Failure
from muster.boards import all_services, described
from muster.errors import MusterError
from muster.image.tree import strict_json

_MAX_BYTES = 65536  # of the file: the parser is slow


def read_config(path: Path) -> dict[str, Any]:
    """The document of config.json in the JSON5 file `path`. Raises MusterError that says what is wrong."""
    document = _parsed(path)
    try:
        raw = strict_json(document)
        switches = board_config.switches(raw)
        board_config.log(raw)
        board_config.keys(raw)
        board_config.builder(raw)
        board_config.tables(raw)
        export_config.export(raw)
    except ValueError:  # NaN, or half of a surrogate pair
        raise MusterError(
            f"{path} contains a number or a character that strict JSON does not have: correct it."
        ) from None
    except Failure as error:
        raise MusterError(f"{path}: the board would refuse it: {error}") from None
    if found := startup.faults(switches, described(all_services())):
        raise MusterError(f"{path}: {'; '.join(found)}. The services are {', '.join(startup.ORDER)}.")
    return document


def with_builder(document: dict[str, Any], address: str) -> dict[str, Any]:
    """The document of config.json with the builder's address in it. Raises MusterError when it is none."""
    section = {**document.get(fields.API, {}), fields.BUILDER: address}
    changed = {fields.SERVICES: {}, **document, fields.API: section}
    try:
        board_config.builder(strict_json(changed))
    except Failure as error:
        raise MusterError(f"--builder {address}: the board would refuse it: {error.cause}.") from None
    return changed


def _parsed(path: Path) -> dict[str, Any]:
    import json5  # it loads slowly, and few commands need it

    try:
        text = path.read_bytes()
        if len(text) > _MAX_BYTES:
            raise MusterError(f"{path} has {len(text)} bytes; the limit is {_MAX_BYTES}.")
        document = json5.loads(text.decode(), allow_duplicate_keys=False)
    except OSError as error:
        raise MusterError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise MusterError(f"{path} is not UTF-8: save it again as UTF-8.") from None
    except RecursionError:
        raise MusterError(f"{path} is nested too deeply: correct it.") from None
    except ValueError as error:
        reason = str(error).removeprefix("<string>:")
        place = f"line {reason}" if reason[:1].isdigit() else reason
        raise MusterError(f"{path} is not JSON5 ({place}): correct it.") from None
    if not isinstance(document, dict):
        raise MusterError(f"{path} must hold an object ({{...}}).")
    return document


def notes(document: dict[str, Any], services: tuple[Any, ...]) -> list[str]:
    """What a board with these built-in `services` makes of a checked document, as sentences for a person."""
    switches = board_config.switches(strict_json(document))
    built = {service.name for service in services}
    _, off, said = startup.plan(switches, services)
    cloud = switches.get(fields.CLOUD)
    named = {*switches, *(cloud if isinstance(cloud, dict) else ())} - {fields.CLOUD}
    if absent := sorted(named - built):
        said.append(f"not in this image: {', '.join(absent)}")
    name = paths.CONFIG.rpartition("/")[2]
    return [f"{name}: {line}" for line in [*said, *startup.left_out(off)]]
