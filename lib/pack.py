"""Imports the program's compiled modules from one file: LittleFS needs at least 4 KB per file.

Head: magic, length of the index, size of the file, CRC-32 of the index. Index: a line feed, then a line
`/name offset` for each module, without .mpy. Then the modules. Written by tools/muster/pack.py.
"""

import binascii
import gc
import struct
import sys

import vfs

from device.core import paths  # when compiled, its constants are inlined: nothing is imported

_LITTLE_MEMORY = 65536


class Pack:
    """The file as a read-only folder, as far as import and os.listdir need one."""

    mount = umount = lambda *_: None

    def __init__(self, head, index):
        self._head, self._index = head, index  # searched as text: a dict would take three times the heap

    def stat(self, path):  # called three times per import, which uses only the first number
        is_file = path.endswith(".mpy")
        if path != "/" and ("\n%s " % path[:-4] if is_file else "\n%s/" % path) not in self._index:
            raise OSError(2)
        return (0x8000, 0, 0, 0, 0, 0, 0, 0, 0, 0) if is_file else (0x4000, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    def ilistdir(self, path):
        start = path.rstrip("/") + "/"
        self.stat(start[:-1] or "/")
        lines = self._index.split("\n")
        parts = [line[len(start) :].partition("/") for line in lines if line.startswith(start)]
        return iter({(a, 0x4000, 0) if b else (a.split(" ")[0] + ".mpy", 0x8000, 0) for a, b, _ in parts})

    def open(self, path, mode):  # positioned at the module; the loader knows where it ends
        at = self._index.find("\n%s " % path[:-4]) if path.endswith(".mpy") else -1
        if at < 0 or mode != "rb":
            raise OSError(2 if at < 0 else 30)
        if gc.mem_free() < _LITTLE_MEMORY:
            gc.collect()  # what a module keeps should fill holes in the heap, not make new ones
        file = open(paths.PACK, "rb")
        if file.read(16) != self._head:
            raise OSError(paths.PACK + " was replaced while the program ran: restart the board")
        file.seek(int(self._index[at + len(path) - 2 : self._index.find("\n", at + 1)]))
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
        if magic != b"MPK1" or size != file.seek(0, 2) or check != binascii.crc32(index):
            raise ImportError("%s is damaged: deploy the program again" % paths.PACK)
    vfs.mount(Pack(head, index.decode()), paths.PACKED)
    sys.path.insert(sys.path.index(paths.LIB), paths.PACKED)
