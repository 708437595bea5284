"""The one file on a board's flash that holds the compiled modules of the program (lib/pack.py reads it).

LittleFS takes a block of 4 KB for each file and two for each folder: packed, the program takes a third of
the flash that its single modules would, and a new version takes the place of the old one whole or not at all.
"""

import binascii
import struct
from collections.abc import Mapping

from device.core import paths
from muster.errors import MusterError

PLACES = (f"{paths.LIB}/device/", f"{paths.LIB}/umqtt/", f"{paths.LIB}/microdot.")
_SUFFIX = ".mpy"
_MAGIC = b"MPK1"
_HEAD = struct.Struct("<4sIII")  # magic, length of the index, size of the file, CRC-32 of the index
_INDEX_MAX = 4096  # the board reads no more


def write(modules: Mapping[str, bytes]) -> bytes:
    """The file with these `modules` {path relative to /lib: .mpy file}, the same bytes in any order.

    The index begins with a line feed; each of its lines is the path of a module in it and the offset.
    """
    names = sorted(modules)
    start, index = -1, b""
    while start != _HEAD.size + len(index):  # the offsets depend on how many digits they have
        start = offset = _HEAD.size + len(index)
        lines = [""]
        for name in names:
            lines.append(f"/{name.removesuffix(_SUFFIX)} {offset}")
            offset += len(modules[name])
        index = "\n".join([*lines, ""]).encode()
    if len(index) > _INDEX_MAX:
        raise MusterError(f"{len(names)} modules are too many for {paths.PACK}: its index is full.")
    head = _HEAD.pack(_MAGIC, len(index), offset, binascii.crc32(index))
    return b"".join([head, index, *(modules[name] for name in names)])


def read(data: bytes) -> dict[str, bytes]:
    """The modules in the file, as `write` took them. Raises MusterError when it is not whole."""
    magic, length, size, check = _HEAD.unpack(data[: _HEAD.size].ljust(_HEAD.size, b"\0"))
    index = data[_HEAD.size : _HEAD.size + length]
    if magic != _MAGIC or size != len(data) or check != binascii.crc32(index):
        raise MusterError(f"{paths.PACK} is cut short or damaged: build the image, or deploy, again.")
    entries = [line.split() for line in index.decode().splitlines() if line]
    ends = [*(int(offset) for _, offset in entries[1:]), size]
    return {
        name[1:] + _SUFFIX: data[int(offset) : end] for (name, offset), end in zip(entries, ends, strict=True)
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
