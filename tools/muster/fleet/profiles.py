"""Profiles: named sets of settings, one for each cloud that somebody works with.

Each is a TOML file of its own in the user's folder for configuration, so that it can be edited and copied;
the file `profile` beside them names the one in use.
"""

import difflib
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from muster.errors import WRONG_USE, MusterError
from muster.fleet import names
from muster.layout import user_folder

FIELDS: dict[str, type] = {
    "home": str,
    "endpoint": str,
    "port": int,
    "template": str,
    "topic-prefix": str,
    "ca": str,
    "config": str,
    "app": str,
    "group": str,
}
_PATHS = ("home", "ca", "config", "app")
_MAX_PORT = 65535


class Profile(NamedTuple):
    """A profile: its name, its file, and its settings by the names in FIELDS."""

    name: str
    path: Path
    settings: dict[str, str | int]

    def defaults(self) -> dict[str, str | int]:
        """The settings by the names of the commands' parameters."""
        return {field.replace("-", "_"): value for field, value in self.settings.items()}


def _folder() -> Path:
    return user_folder("XDG_CONFIG_HOME", ".config") / "muster"


def _path(name: str) -> Path:
    return _folder() / "profiles" / f"{names.check(name, 'profile')}.toml"


def current() -> str | None:
    """The name of the profile in use, or None."""
    try:
        return (_folder() / "profile").read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def all_names() -> list[str]:
    """The names of all profiles, sorted."""
    return sorted(path.stem for path in (_folder() / "profiles").glob("*.toml"))


def existing(name: str) -> Path:
    """The file of the profile of this name. Raises MusterError, with the nearest name, when there is none."""
    path = _path(name)
    if not path.is_file():
        near = difflib.get_close_matches(name, all_names(), 1)
        hint = f"did you mean {near[0]!r}?" if near else f"create it with `muster profile add {name}`"
        raise MusterError(f"there is no profile {name!r}: {hint} (list them with `muster profile list`)")
    return path


def load(name: str) -> Profile:
    """The profile of this name. Raises MusterError when there is none, or its file is not valid."""
    path = existing(name)
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        settings = toml.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MusterError(f"the profile {path} cannot be read ({error}): correct it or delete it") from error
    return Profile(name, path, _checked(settings, path))


def _checked(settings: Mapping[str, object], path: Path) -> dict[str, str | int]:
    good: dict[str, str | int] = {}
    for field, value in settings.items():
        if field not in FIELDS:
            near = difflib.get_close_matches(field, FIELDS, 1) or [", ".join(FIELDS)]
            raise MusterError(
                f"{path}: there is no setting {field!r}, did you mean {near[0]}? Correct the file"
            )
        if not isinstance(value, str | int) or type(value) is not FIELDS[field]:
            what = "a number" if FIELDS[field] is int else "text in quotes"
            raise MusterError(f"{path}: {field} must be {what}: correct the file")
        good[field] = value
    port = good.get("port")
    if isinstance(port, int) and not 0 < port <= _MAX_PORT:
        raise MusterError(f"{path}: port must be 1 to {_MAX_PORT}: correct the file")
    return good


def add(name: str, settings: Mapping[str, str | int]) -> Profile:
    """Write a new profile; paths are made absolute. Raises MusterError when there is one of that name."""
    path = _path(name)
    full = {
        field: str(Path(str(value)).expanduser().absolute()) if field in _PATHS else value
        for field, value in ((field, settings[field]) for field in FIELDS if field in settings)
    }
    text = "".join(f"{field} = {_toml(value)}\n" for field, value in full.items())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise MusterError(
            f"there is a profile {name!r} already: edit {path}, or delete it with"
            f" `muster profile delete {name}`"
        ) from None
    except OSError as error:
        raise MusterError(
            f"{path} cannot be written ({error.strerror}): set XDG_CONFIG_HOME to another folder"
        ) from error
    return Profile(name, path, full)


def _toml(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    if not value.isprintable():
        raise MusterError(f"{value!r} holds a character that cannot be printed: leave it out", WRONG_USE)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def use(name: str | None) -> None:
    """Make `name` the profile in use; None: none. Raises MusterError when there is no such profile."""
    mark = _folder() / "profile"
    if name is None:
        mark.unlink(missing_ok=True)
        return
    load(name)
    mark.write_text(name + "\n", encoding="utf-8")


def delete(name: str) -> Path:
    """Delete a profile (a broken one too) and return its file; when it was in use, none is from then on.

    Raises MusterError when there is none.
    """
    path = existing(name)
    path.unlink()
    if current() == name:
        use(None)
    return path
