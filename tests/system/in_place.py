"""Compiled modules that are executed where they lie: in a ROMFS outside the heap, as a board's flash is."""

from collections.abc import Mapping
from pathlib import Path

from mpremote.romfs import VfsRomWriter

from device.core import paths
from muster import mpy, pack

MODULES = "/lib/"
MOUNT = "on_board_romfs.py"
# Without a name of its own in the scope that boot.py shares with main.py, which would keep it alive.
PRELUDE = b'__import__("on_board_romfs")\n__import__("gc").collect()\n'


def romfs(files: Mapping[str, bytes]) -> bytes:
    """The ROMFS image of {path: content}."""
    writer = VfsRomWriter()
    _add(writer, files)
    return bytes(writer.finalise())


def _add(writer: VfsRomWriter, files: Mapping[str, bytes]) -> None:
    """Write one folder, and those below it."""
    folders: dict[str, dict[str, bytes]] = {}
    for path, data in sorted(files.items()):
        name, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(name, {})[rest] = data
        else:
            writer.mkfile(name, data)
    for name, inner in folders.items():
        writer.opendir(name)
        _add(writer, inner)
        writer.closedir()


def moved(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a board with everything of /lib in a ROMFS image, which its boot.py mounts first."""
    files = pack.unpacked(files)
    code = {path.removeprefix(MODULES): data for path, data in files.items() if path.startswith(MODULES)}
    found = {path: data for path, data in files.items() if not path.startswith(MODULES)}
    mount = mpy.Source(MOUNT, Path(__file__).with_name(MOUNT).read_bytes())
    found.update({MODULES + name: data for name, data in mpy.compile_all([mount]).items()})
    found["/code.romfs"] = romfs(code)
    found[paths.BOOT] = PRELUDE + found.get(paths.BOOT, b"")
    return found
