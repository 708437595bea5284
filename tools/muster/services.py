"""The three facts about each service: built in, wanted, healthy; of a flash image, or of a board on USB."""

import ast
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from device.core import board_config, fields, paths, startup
from device.core.failures import Failure
from muster import interpreter, pack
from muster.board_link import BoardLink
from muster.boards import BUILD_PROFILES, Service
from muster.errors import MusterError

UNKNOWN = "unknown"
_BUILD = f"{paths.LIB}/device/_build.mpy"
_SHOW = "import json, _build as b; print(json.dumps([b.BOARD, b.PROFILE, b.VERSION, b.SERVICES]))"

# One line: (board, build profile, version), services, the supervisor's facts or None, safe mode, config.json
_ASK = """\
import pack
pack.mount()
from device import _build as b
s = globals().get("state")
f = s.supervisor.facts() if s and s.supervisor else None
try:
    c = open({config!r}, "rb").read({limit})
except OSError:
    c = None
print(repr(((b.BOARD, getattr(b, "PROFILE", ""), b.VERSION), b.SERVICES, f, bool(s and s.safe), c)))
"""
_READ_BYTES = 16384


# Empty when there is no program, or one of a version without build profiles.
_ASK_BUILD = """\
try:
    import pack
    pack.mount()
    from device import _build
    print(_build.PROFILE)
except (ImportError, AttributeError):
    print()
"""


class Fact(NamedTuple):
    """One service. `state`: what it does, one of device/runtime/service.py, or UNKNOWN; `text`: why."""

    name: str
    built: bool
    wanted: bool
    state: str
    text: str


class Facts(NamedTuple):
    """What a board has: its kind, build profile and version, its services, and notes for a person."""

    board: str
    build: str
    version: str
    services: tuple[Fact, ...]
    notes: tuple[str, ...]


def of_image(files: Mapping[str, bytes]) -> Facts:
    """The facts in a flash image; nobody can know from it what is healthy."""
    single = pack.unpacked(files)
    if _BUILD not in single:
        raise MusterError(
            "the image contains no program of Muster: build it with `muster image`, or the program is frozen "
            "into the firmware."
        )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "_build.mpy").write_bytes(single[_BUILD])
        words = [*interpreter.command64(), "-c", _SHOW]
        said = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=30)
    if said.returncode:
        raise MusterError("the program in the image cannot be read: build the image again.")
    board, build, version, services = json.loads(said.stdout)
    return _facts((board, build, version), services, None, False, files.get(paths.CONFIG))


def of_board(link: BoardLink) -> Facts:
    """The facts of a board at its prompt, as its program left them. Its program is interrupted.

    Raises MusterError when it has no program of Muster.
    """
    said = link.execute_with_program(_ASK.format(config=paths.CONFIG, limit=_READ_BYTES))
    return _facts(*ast.literal_eval(said.strip().splitlines()[-1]))


def build_of(link: BoardLink) -> str | None:
    """The build profile of the program on a board at its prompt; None when it has none that we know."""
    said = link.execute(_ASK_BUILD).strip().rpartition("\n")[2]
    return said if said in BUILD_PROFILES else None


def _facts(
    about: tuple[str, str, str],
    services: Sequence[Sequence[object]],
    running: Sequence[tuple[str, str, str]] | None,
    safe: bool,
    config: bytes | None,
) -> Facts:
    """`running`: (name, condition, why) of each built-in service, None where nobody knows."""
    built = [Service(str(name), tuple(needs), *switches) for name, needs, *switches in services]  # type: ignore
    switches, notes = {}, []
    try:
        switches = board_config.switches(config)
    except Failure as failure:
        notes.append(f"{failure}; all services stay on")
    _, off, more = startup.plan(switches, built, safe)
    states = {name: (condition, why) for name, condition, why in running or ()}
    found = []
    names = {service.name for service in built}
    for name in [*startup.ORDER, *sorted(names.difference(startup.ORDER))]:
        if name in names:
            state, text = states.get(name, ("off" if name in off else UNKNOWN, off.get(name, "")))
            found.append(Fact(name, True, name not in off, state, text))
        else:
            cloud = switches.get(fields.CLOUD)
            in_cloud = isinstance(cloud, dict) and name in cloud  # only the service's own file knows
            found.append(Fact(name, False, startup.wanted(switches, name, in_cloud), "off", "not built in"))
    return Facts(*about, tuple(found), (*notes, *(f"{paths.CONFIG}: {line}" for line in more)))
