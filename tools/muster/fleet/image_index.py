"""What the images in a folder were built from, so that images that are right already cost nearly nothing.

An image is taken as right without building it again only if both hold:
- its fingerprint is the same: the SHA-256 of every file in it, of the board's facts, and of the code and the
  version of the library that lay them out;
- the file is the one that was compared, byte by byte, with what belongs into it: inode, size, and the times
  of the last change of content and of status are the same. No program can set the latter, so whoever writes
  to an image, boots it, copies it or opens it to others makes it count as unknown.
Whatever is unknown is built and compared as ever. A lost or damaged index costs time, nothing else.
"""

import contextlib
import functools
import hashlib
import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from muster import files
from muster.boards import board
from muster.errors import MusterError
from muster.image import filesystem, uf2

FILE = ".index.json"
_S = 1_000_000_000

Stamp = tuple[int, int, int, int]
"""Inode, size, and in nanoseconds the last change of content and of status: all that tells files apart."""


class Entry(NamedTuple):
    """What is known of one image. `inputs` is its fingerprint, `digest` its SHA-256."""

    inputs: str
    digest: str
    image: Stamp
    uf2: Stamp | None = None


def stamp(path: Path) -> Stamp:
    """What tells the file at `path` from any other, and from itself after a change. Raises OSError."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def digests(contents: Mapping[str, bytes]) -> dict[str, str]:
    """{path: SHA-256 of its content}."""
    return {path: hashlib.sha256(data).hexdigest() for path, data in contents.items()}


def fingerprint(content: Mapping[str, str], board_name: str) -> str:
    """The SHA-256 of everything that an image follows from; `content`: what `digests` returned."""
    text = json.dumps([_builder(board_name), sorted(content.items())])
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def _builder(board_name: str) -> str:
    """What lays files out on the flash of a board."""
    code = b"".join(Path(str(module.__file__)).read_bytes() for module in (filesystem, uf2))
    parts = (metadata.version("littlefs-python"), repr(board(board_name)), hashlib.sha256(code).hexdigest())
    return "\n".join(parts)


class Index:
    """The index of one folder of images."""

    def __init__(self, folder: Path) -> None:
        """Read the index of `folder`; an empty one when there is none, or it is damaged."""
        self._path = folder / FILE
        self._changed: dict[str, Entry] = {}
        self._known = self._read()

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def find(self, path: Path, inputs: str, with_uf2: bool) -> Entry | None:
        """What is known of the image at `path`, when it is certainly the one with these inputs."""
        try:
            known = self._known[path.name]
            entry = Entry(known[0], known[1], tuple(known[2]), known[3] and tuple(known[3]))
            is_same = entry.inputs == inputs and _is_untouched(path, entry.image)
            if is_same and with_uf2:
                is_same = _is_untouched(path.with_suffix(".uf2"), entry.uf2)
            return entry if is_same else None
        except (LookupError, TypeError, OSError):
            return None

    def note(self, path: Path, entry: Entry) -> None:
        """Keep in mind what is known of the image at `path`."""
        self._changed[path.name] = entry

    def save(self) -> None:
        """Write what was noted beside what others have written meanwhile; on a full disk nothing is lost."""
        if not self._changed:
            return
        there = {name: known for name, known in self._read().items() if (self._path.parent / name).exists()}
        with contextlib.suppress(MusterError):
            files.write_private(self._path, json.dumps({**there, **self._changed}).encode())


def _is_untouched(path: Path, known: Stamp | None) -> bool:
    """Whether the file is the one that was stamped; a file system that counts whole seconds cannot tell."""
    return known is not None and stamp(path) == known and known[3] % _S != 0
