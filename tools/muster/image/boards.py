"""The boards Muster knows: their flash and what is in their images (firmware/boards, profiles.py)."""

import fnmatch
import functools
import runpy
from dataclasses import dataclass
from pathlib import Path

from muster.errors import WRONG_USE, MusterError
from muster.layout import FIRMWARE, LIB

_BOARDS = FIRMWARE / "boards"
_SERVICES = "device/services"


@dataclass(frozen=True)
class Board:
    """The flash of one board: sizes in bytes, addresses in bytes from the start of the flash."""

    name: str
    title: str
    chip: str
    block_size: int
    block_count: int
    flash_offset: int
    prog_size: int
    uf2_base: int | None
    uf2_family: int | None

    @property
    def size(self) -> int:
        """Bytes of the file system."""
        return self.block_size * self.block_count


@dataclass(frozen=True)
class Profile:
    """What is in the image of `board`: module files below lib/ and names of services."""

    board: str
    modules: tuple[Path, ...]
    services: tuple[str, ...]


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
        and not any(fnmatch.fnmatch(path.as_posix(), pattern) for pattern in table["omit"])
    )
    return Profile(name, modules, services)
