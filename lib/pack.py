"""Imports the program's compiled modules from one file: LittleFS needs at least 4 KB per file.

Head: magic, length of the index, size of the file, CRC-32 of the index. Index: for each module and folder the
CRC-32 of its path and its offset in the file, 0 for a folder: 8 bytes, a quarter of what the path would take
of the heap. Then a line with the path of each module, an empty line, and the modules. Written by
tools/muster/pack.py.
"""

import binascii
import gc
import struct
import sys

import vfs

from device.core import paths  # when compiled, its constants are inlined: nothing is imported

_LITTLE_MEMORY = 65536
_ENTRY = 8


class Pack:
    """The file as a read-only folder, as far as import and os.listdir need one."""

    mount = umount = lambda *_: None

    def __init__(self, head, index):
        self._head, self._index = head, index

    def _offset(self, path):
        """Where the module at `path` is in the file, 0 for a folder; raises OSError when there is neither."""
        entry = struct.pack("<I", binascii.crc32(path))
        at = self._index.find(entry)
        while at % _ENTRY and at > 0:
            at = self._index.find(entry, at + 1)
        if at < 0:
            raise OSError(2)
        return struct.unpack_from("<I", self._index, at + 4)[0]

    def stat(self, path):  # called three times per import, which uses only the first number
        is_file = path != "/" and self._offset(path)
        return (0x8000 if is_file else 0x4000, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    def ilistdir(self, path):
        start = path.rstrip("/") + "/"
        self.stat(start[:-1] or "/")
        found = set()
        with open(paths.PACK, "rb") as file:
            file.seek(len(self._head) + len(self._index))
            while (line := file.readline()) != b"\n":
                line = line.decode()[:-1]
                if line.startswith(start):
                    name, folder, _ = line[len(start) :].partition("/")
                    found.add((name, 0x4000 if folder else 0x8000, 0))
        return iter(found)

    def open(self, path, mode):  # positioned at the module; the loader knows where it ends
        if mode != "rb":
            raise OSError(30)
        offset = self._offset(path)
        if not offset:
            raise OSError(2)
        if gc.mem_free() < _LITTLE_MEMORY:
            gc.collect()  # what a module keeps should fill holes in the heap, not make new ones
        file = open(paths.PACK, "rb")
        if file.read(16) != self._head:
            raise OSError(paths.PACK + " was replaced while the program ran: restart the board")
        file.seek(offset)
        return file


def mount():
    """Make the modules importable, once; without the file (a frozen program), do nothing.

    Raises ImportError when the file is incomplete: the loader would read past its end for ever.
    """
    if paths.PACKED in sys.path:
        return
    try:
        file = open(paths.PACK, "rb")
    except OSError as error:
        if error.errno == 2:
            return
        raise
    with file:
        head = file.read(16)
        magic, length, size, check = struct.unpack("<4sIII", head + bytes(16 - len(head)))
        index = file.read(min(length, 4096))
        if magic != b"MPK2" or size != file.seek(0, 2) or check != binascii.crc32(index):
            raise ImportError("%s is damaged: deploy the program again" % paths.PACK)
    vfs.mount(Pack(head, index), paths.PACKED)
    sys.path.insert(sys.path.index(paths.LIB), paths.PACKED)
