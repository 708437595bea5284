"""Runs on the 32-bit interpreter: mounts the ROMFS image of /code.romfs from memory outside the heap.

It is in the modules' way for ever if it stays: boot.py imports it without a name, and it takes itself out.
"""

import os
import sys

import ffi
import uctypes
import vfs

_IMAGE = "/code.romfs"
_PIECE = 512


def _mount():
    size = os.stat(_IMAGE)[6]
    memory = uctypes.bytearray_at(ffi.open(None).func("P", "malloc", "I")(size), size)
    view = memoryview(memory)
    at = 0
    with open(_IMAGE, "rb") as file:
        while at < size:
            at += file.readinto(view[at : at + _PIECE])
    vfs.mount(vfs.VfsRom(memory), "/code")
    sys.path.insert(0, "/code")


_mount()
del sys.modules[__name__]
