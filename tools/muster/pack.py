"""The one file on a board's flash that holds the compiled modules of the program (lib/pack.py reads it).

LittleFS takes a block of 4 KB for each file and two for each folder: packed, the program takes a third of
the flash that its single modules would, and a new version takes the place of the old one whole or not at all.
"""

import binascii
import struct
from collections.abc import Mapping
from pathlib import PurePosixPath

from device.core import paths
from muster.errors import MusterError

PLACES = (f"{paths.LIB}/device/", f"{paths.LIB}/umqtt/", f"{paths.LIB}/microdot.")
_SUFFIX = ".mpy"
_MAGIC = b"MPK2"
_HEAD = struct.Struct("<4sIII")  # magic, length of the index, size of the file, CRC-32 of the index
_ENTRY = struct.Struct("<II")  # CRC-32 of a path, offset of the module
_INDEX_MAX = 4096  # the board reads no more


def write(modules: Mapping[str, bytes]) -> bytes:
    """The file with these `modules` {path relative to /lib: .mpy file}, the same bytes in any order."""
    names = sorted(modules)
    folders = sorted({f"/{parent}" for name in names for parent in _parents(name)})
    listed = "".join(f"/{name}\n" for name in names).encode() + b"\n"
    length = _ENTRY.size * (len(names) + len(folders))
    if length > _INDEX_MAX:
        raise MusterError(f"{len(names)} modules are too many for {paths.PACK}: its index is full.")
    entries = dict.fromkeys(map(_check, folders), 0)
    offset = _HEAD.size + length + len(listed)
    for name in names:
        entries[_check(f"/{name}")] = offset
        offset += len(modules[name])
    if len(entries) != len(names) + len(folders):
        raise MusterError(f"two paths in {paths.PACK} have the same CRC-32: rename a module.")
    index = b"".join(_ENTRY.pack(*entry) for entry in entries.items())
    head = _HEAD.pack(_MAGIC, length, offset, binascii.crc32(index))
    return b"".join([head, index, listed, *(modules[name] for name in names)])


def _check(path: str) -> int:
    return binascii.crc32(path.encode())


def _parents(name: str) -> list[str]:
    return [parent.as_posix() for parent in PurePosixPath(name).parents[:-1]]


def read(data: bytes) -> dict[str, bytes]:
    """The modules in the file, as `write` took them. Raises MusterError when it is not whole."""
    magic, length, size, check = _HEAD.unpack(data[: _HEAD.size].ljust(_HEAD.size, b"\0"))
    index = data[_HEAD.size : _HEAD.size + length]
    offsets = dict(_ENTRY.iter_unpack(index)) if len(index) % _ENTRY.size == 0 else {}
    names = data[_HEAD.size + length :].partition(b"\n\n")[0].decode(errors="replace").split()
    starts = [offsets.get(_check(name), 0) for name in names]
    if magic != _MAGIC or size != len(data) or check != binascii.crc32(index) or not all(starts):
        raise MusterError(f"{paths.PACK} is cut short or damaged: build the image, or deploy, again.")
    return {
        name[1:]: data[start:end] for name, start, end in zip(names, starts, [*starts, size][1:], strict=True)
    }


def packed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The `files` of a board {path: content} with the program's modules in the pack.

    Single ones replace those of a pack that is there already.
    """
    found = unpacked(files)
    modules = {path.removeprefix(f"{paths.LIB}/"): found.pop(path) for path in list(found) if _is_ours(path)}
    return {**found, paths.PACK: write(modules)} if modules else found


def unpacked(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The `files` of a board with the program's modules as single files, as they are not on a board."""
    modules = read(files[paths.PACK]) if paths.PACK in files else {}
    found = {path: data for path, data in files.items() if path != paths.PACK}
    return {**{f"{paths.LIB}/{name}": data for name, data in modules.items()}, **found}


def _is_ours(path: str) -> bool:
    if not path.startswith(PLACES):
        return False
    if not path.endswith(_SUFFIX):
        raise MusterError(
            f"{path} would not be found: the program is in {paths.PACK}, which takes compiled modules (.mpy)."
        )
    return True
