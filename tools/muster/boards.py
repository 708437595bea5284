"""The boards Muster knows: their flash and what is in their images (firmware/boards, profiles.py)."""

import ast
import functools
import runpy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from device.core import fields
from muster.errors import WRONG_USE, MusterError
from muster.layout import BOOT, FIRMWARE, LIB, MAIN
from muster.parsing import parsed

_BOARDS = FIRMWARE / "boards"
_TABLE = runpy.run_path(str(FIRMWARE / "profiles.py"))
_SERVICES: str = _TABLE["SERVICES"]
SMALL: str = _TABLE["SMALL"]
FULL: str = _TABLE["FULL"]
BUILD_PROFILES: tuple[str, ...] = tuple(_TABLE["PROFILES"])

# Of RegisterThing, given by the board itself: nobody else may set them.
OWN_PARAMETERS = {fields.PARAMETER_SERIAL, fields.PARAMETER_PROOF}


@dataclass(frozen=True)
class Board:
    """One board: its flash, sizes in bytes, addresses in bytes from the start of it; and what its program
    is told (`watchdog_ms` and those after it, see device/port/board.py)."""

    name: str
    title: str
    chip: str
    platform: str
    block_size: int
    block_count: int
    flash_offset: int
    prog_size: int
    uf2_base: int | None
    uf2_family: int | None
    boot_drive: str | None
    flash_bytes: int
    native_usb: bool
    firmware: str | None
    machines: tuple[str, ...]
    oldest_firmware: tuple[int, int]
    watchdog_ms: int
    loop_timer: int
    log_bytes: int
    log_ram: tuple[int, int] | None
    watchdog_reason: int | None
    light_pin: int | str | None
    escape_pin: int | None
    timer: int
    hard_timer: bool
    join_options: Mapping[str, int]
    late_console: bool
    tls_heap_bytes: int
    tls_piece_bytes: int
    tls_sessions: int
    listen: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of the file system."""
        return self.block_size * self.block_count


class Service(NamedTuple):
    """What a service says of itself in its own file (device/runtime/service.py)."""

    name: str
    needs: tuple[str, ...]
    in_cloud: bool
    in_safe_mode: bool


class Selection(NamedTuple):
    """What an image is to contain: a build profile, by default that of the board, without some services."""

    build: str | None = None
    without: tuple[str, ...] = ()


STANDARD = Selection()


@dataclass(frozen=True)
class Profile:
    """What is in the image of `board`: module files below `lib`, and services.

    `build`: the name of the build profile; `imports`: top-level names that it imports, those of the firmware
    and of published libraries included.
    """

    board: str
    lib: Path
    build: str
    modules: tuple[Path, ...]
    services: tuple[Service, ...]
    imports: frozenset[str]


def names() -> list[str]:
    """The names of all boards."""
    return sorted(path.parent.name for path in _BOARDS.glob("*/board.py"))


@functools.cache
def board(name: str) -> Board:
    """The board called `name`. Raises MusterError when there is none."""
    if name not in names():
        raise MusterError(f"there is no board {name!r}: choose one of {', '.join(names())}.", WRONG_USE)
    facts = runpy.run_path(str(_BOARDS / name / "board.py"))
    if "LIKE" in facts:  # its file says only what differs
        facts = {**runpy.run_path(str(_BOARDS / facts["LIKE"] / "board.py")), **facts}
    return Board(**{field: facts[field.upper()] for field in Board.__dataclass_fields__})


@functools.cache
def flashed() -> tuple[str, ...]:
    """The names of the boards that have a flash of their own: all but the virtual one."""
    return tuple(name for name in names() if board(name).firmware)


def of_machine(platform: str, machine: str) -> Board | None:
    """The board whose firmware calls itself so (`sys.platform`, `sys.implementation._machine`), or None."""
    title = machine.rpartition(" with ")[0]
    for name in names():
        facts = board(name)
        if facts.platform == platform and (not facts.machines or title in facts.machines):
            return facts
    return None


@functools.lru_cache(maxsize=256)
def _service(path: Path, source: str) -> Service:
    """The service in the file `path`, by the literals of its class; the board need not load it to know."""
    said: dict[str, Any] = {"NEEDS": (), "IN_CLOUD": False, "IN_SAFE_MODE": False}
    try:
        for name, value in _class_values(parsed(source)):
            if name in said:
                said[name] = ast.literal_eval(value)
    except SyntaxError as error:
        raise MusterError(f"{path} does not compile: line {error.lineno}: {error.msg}.") from None
    except (ValueError, TypeError) as error:
        raise MusterError(
            f"{path}: NEEDS, IN_CLOUD and IN_SAFE_MODE must be plain literals ({error})."
        ) from None
    needs, switches = said.pop("NEEDS"), said.values()
    if not isinstance(needs, tuple) or not all(isinstance(need, str) for need in needs):
        raise MusterError(f"{path}: NEEDS must be a tuple of names of services, such as NEEDS = ('mqtt',).")
    if not all(isinstance(switch, bool) for switch in switches):
        raise MusterError(f"{path}: IN_CLOUD and IN_SAFE_MODE must be True or False.")
    return Service(path.stem, needs, *switches)


def _class_values(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """What the classes of a module are given as (name, expression)."""
    for part in tree.body:
        for node in part.body if isinstance(part, ast.ClassDef) else ():
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
                if isinstance(target, ast.Name):
                    yield target.id, node.value


def all_services(lib: Path = LIB) -> list[str]:
    """The names of the services that can be in an image."""
    return list(_TABLE["services"](lib, FULL))


def described(names: Iterable[str], lib: Path = LIB) -> tuple[Service, ...]:
    """What these services say of themselves."""
    files = [lib / _SERVICES / f"{name}.py" for name in names]
    return tuple(_service(file, file.read_text(encoding="utf-8")) for file in files)


def profile(name: str, lib: Path = LIB, selection: Selection = STANDARD) -> Profile:
    """What goes into the image of the board called `name`, with the modules found below `lib`.

    Raises MusterError when there is no such board, build profile or service.
    """
    board(name)
    build = selection.build or _TABLE["BOARDS"][name]
    if build not in BUILD_PROFILES:
        raise MusterError(
            f"there is no build profile {build!r}: choose one of {', '.join(BUILD_PROFILES)}.", WRONG_USE
        )
    for service in selection.without:
        if service not in all_services(lib):
            raise MusterError(
                f'there is no service "{service}": choose from {", ".join(all_services(lib))}.', WRONG_USE
            )
    services = _TABLE["services"](lib, build, selection.without)
    about = described(services, lib)
    starts = [str(file) for file in (BOOT, MAIN)]
    modules = _TABLE["modules"](str(lib), services, starts, _look)
    files = [*starts, *(str(lib / path) for path in modules)]
    imports = frozenset(name.partition(".")[0] for file in files for name in _look(file)[0])
    return Profile(name, lib, build, tuple(map(Path, modules)), about, imports)


def _look(file: str) -> tuple[list[str], bool]:
    try:
        return _facts(Path(file).read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise MusterError(f"{file} does not compile: line {error.lineno}: {error.msg}.") from None


@functools.lru_cache(maxsize=1024)
def _facts(source: str) -> tuple[list[str], bool]:
    """What a module imports, and whether it says nothing; see firmware/profiles.py."""
    found: tuple[list[str], bool] = _TABLE["facts"](source, parsed)
    return found
