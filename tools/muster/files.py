"""Files that are there whole or not at all: the one writer of everything that Muster keeps on the host."""

import contextlib
import errno
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from muster.errors import MusterError

PRIVATE = 0o600  # mode of files with secrets in them

_PART = ".part"
_OLD_S = 3600  # older parts were left by a process that was killed
_FULL = (errno.ENOSPC, errno.EDQUOT)


class NoSpaceError(MusterError):
    """The disk, or the user's share of it, is full: every further file would fail in the same way."""


def write(path: Path, content: bytes, *, mode: int = 0o644, replace: bool = True, sync: bool = False) -> None:
    """Write `content` to `path`, and create the folder when it is missing.

    A reader sees the old file or the new one, never half of it, and nothing is left behind when this stops.
    `mode` holds from the first byte on (less the umask). `replace` False: of several processes that create
    the same file one wins. `sync`: the file is on the disk, safe from a power cut, before this returns.
    Raises OSError; FileExistsError when the file is there and may not be replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part_of(path)
    try:
        _fill(part, content, mode, sync)
        if replace:
            part.replace(path)
        else:
            os.link(part, path)
            part.unlink()
    except BaseException:  # Ctrl-C too
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    if sync:
        _sync_folder(path.parent)


def write_together(contents: Sequence[tuple[Path, bytes, int]]) -> None:
    """Write files that belong together, each (path, content, mode), into folders that exist.

    When one cannot be written, all stay as they were. Whatever stops this (a power cut too): the last one is
    missing rather than beside others that are not its own. Raises OSError.
    """
    parts = [_part_of(path) for path, _, _ in contents]
    try:
        for part, (_, content, mode) in zip(parts, contents, strict=True):
            _fill(part, content, mode)
        contents[-1][0].unlink(missing_ok=True)
        for part, (path, _, _) in zip(parts, contents, strict=True):
            part.replace(path)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _part_of(path: Path) -> Path:
    """Where the content of `path` is collected until it is whole."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}{_PART}")


def _fill(part: Path, content: bytes, mode: int, sync: bool = False) -> None:
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        if sync:
            file.flush()
            os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Let the name of a new file survive a power cut as well as its content."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_private(path: Path, content: bytes, *, sync: bool = False) -> None:
    """Write `content` to `path`, readable by its owner alone; otherwise as `write`.

    Raises NoSpaceError when the disk is full, MusterError when the file cannot be written for another reason.
    """
    try:
        write(path, content, mode=PRIVATE, sync=sync)
    except OSError as error:
        if error.errno in _FULL:
            raise NoSpaceError(
                f"{path} cannot be written ({error.strerror}): make room, or choose another place."
            ) from None
        raise MusterError(f"{path} cannot be written ({error.strerror}): choose another place.") from None


def is_part(name: str) -> bool:
    """Whether a file of this name is the collected part of another, left by a process that was killed."""
    return name.startswith(".") and name.endswith(_PART)


def forget_parts(folder: Path) -> None:
    """Remove what processes that were killed an hour ago or earlier left half-written in `folder`."""
    for part in folder.glob(f".*{_PART}"):
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            if part.stat().st_mtime < time.time() - _OLD_S:
                part.unlink()
