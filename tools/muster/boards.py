"""The boards Muster knows: their flash and what is in their images (firmware/boards, profiles.py)."""

import ast
import fnmatch
import functools
import runpy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from device.core import fields
from muster.errors import WRONG_USE, MusterError
from muster.layout import FIRMWARE, LIB
from muster.parsing import parsed

_BOARDS = FIRMWARE / "boards"
_SERVICES = "device/services"

# Of RegisterThing, given by the board itself: nobody else may set them.
OWN_PARAMETERS = {fields.PARAMETER_SERIAL, fields.PARAMETER_PROOF}


@dataclass(frozen=True)
class Board:
    """One board: its flash, sizes in bytes, addresses in bytes from the start of it; and what its program
    is told (`watchdog_ms` and those after it, see device/port/board.py)."""

    name: str
    title: str
    chip: str
    block_size: int
    block_count: int
    flash_offset: int
    prog_size: int
    uf2_base: int | None
    uf2_family: int | None
    watchdog_ms: int
    loop_timer: int
    log_bytes: int
    log_ram: tuple[int, int] | None
    watchdog_reason: int | None
    escape_pin: int | None
    timer: int
    hard_timer: bool
    join_options: Mapping[str, int]
    late_console: bool

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


@dataclass(frozen=True)
class Profile:
    """What is in the image of `board`: module files below `lib`, and services."""

    board: str
    lib: Path
    modules: tuple[Path, ...]
    services: tuple[Service, ...]


def names() -> list[str]:
    """The names of all boards."""
    return sorted(path.parent.name for path in _BOARDS.glob("*/board.py"))


@functools.cache
def board(name: str) -> Board:
    """The board called `name`. Raises MusterError when there is none."""
    if name not in names():
        raise MusterError(f"there is no board {name!r}: choose one of {', '.join(names())}.", WRONG_USE)
    facts = runpy.run_path(str(_BOARDS / name / "board.py"))
    return Board(**{field: facts[field.upper()] for field in Board.__dataclass_fields__})


def _services(wanted: str | tuple[str, ...], there: list[str], name: str) -> tuple[str, ...]:
    if isinstance(wanted, str):
        return tuple(there)
    for service in wanted:
        if service not in there:
            raise MusterError(
                f"firmware/profiles.py puts the service {service!r} into {name}, but lib/{_SERVICES} "
                f"has no {service}.py."
            )
    return wanted


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


def profile(name: str, lib: Path = LIB) -> Profile:
    """What goes into the image of the board called `name`, with the modules found below `lib`."""
    board(name)
    table = runpy.run_path(str(FIRMWARE / "profiles.py"))["PROFILES"][name]
    files = sorted(path.relative_to(lib) for path in lib.rglob("*.py"))
    there = [path.stem for path in files if path.parent == Path(_SERVICES) and not path.stem.startswith("_")]
    services = _services(table["services"], there, name)
    left_out = {f"{_SERVICES}/{service}.py" for service in there if service not in services}
    modules = tuple(
        path
        for path in files
        if path.as_posix() not in left_out
        and not (path.name == "__init__.py" and _is_empty((lib / path).read_text(encoding="utf-8")))
        and not any(fnmatch.fnmatch(path.as_posix(), pattern) for pattern in table["omit"])
    )
    paths = [lib / _SERVICES / f"{service}.py" for service in services]
    described = tuple(_service(path, path.read_text(encoding="utf-8")) for path in paths)
    return Profile(name, lib, modules, described)


@functools.lru_cache(maxsize=256)
def _is_empty(source: str) -> bool:
    """Whether an `__init__.py` only makes its folder a package, which MicroPython does not ask for."""
    return all(isinstance(node, ast.Expr) for node in parsed(source).body)
