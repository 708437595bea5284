"""Where things are on the host: the one home of every path, in a checkout and in an installed package."""

import os
import shlex
import sys
from pathlib import Path

_PACKAGED = Path(__file__).resolve().parent / "_board"  # in a wheel only, in the shape of a checkout
IS_INSTALLED = _PACKAGED.is_dir()


def user_folder(variable: str, below_home: str) -> Path:
    """The user's folder that `variable` names, else `below_home` in the home (on Windows: APPDATA)."""
    named = os.environ.get(variable) or (os.environ.get("APPDATA") if sys.platform == "win32" else None)
    try:
        return Path(named) if named else Path.home() / below_home
    except RuntimeError:  # a user without home and without entry in the list of users, as in a container
        return Path.cwd() / below_home


REPO = _PACKAGED if IS_INSTALLED else Path(__file__).resolve().parents[2]
BOOT = REPO / "boot.py"
MAIN = REPO / "main.py"
LIB = REPO / "lib"
FIRMWARE = REPO / "firmware"
VIRTUAL_BOARD = FIRMWARE / "boards" / "virtual"
BUILD_TIME = REPO / "build_time"  # in a wheel only: when its source was committed, Unix seconds

# What is built or fetched, and can be built or fetched again.
BUILD = user_folder("XDG_CACHE_HOME", ".cache") / "muster" if IS_INSTALLED else REPO / "build"
UMQTT = BUILD / "umqtt"  # umqtt.simple as published, checked by hash
MICROPYTHON_32 = BUILD / "micropython32"  # the 32-bit interpreter, unpacked privately
MPY = BUILD / "mpy"  # compiled device files


def shown(path: Path) -> str:
    """`path` as it is shown to people: relative to the current folder when it is below it."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):  # elsewhere, or the current folder is gone
        return str(path)


def command() -> str:
    """The command line of Muster as people type it."""
    if IS_INSTALLED or not (REPO / ".venv").is_dir():
        return "muster"
    return shlex.quote(f"{shown(REPO)}/.venv/bin/muster".removeprefix("./"))
