"""A small LittleFS in memory under MicroPython, whose power can be cut at any operation."""

import errno
import io
import os

import vboard
import vfs
from vboard.flash import Flash

_BLOCK = 4096


class Breaking(Flash):
    """A flash on which programming and erasing fail while `broken`, as worn-out hardware does."""

    broken = False

    def writeblocks(self, *arguments):
        if self.broken:
            raise OSError(errno.EIO)
        return super().writeblocks(*arguments)

    def ioctl(self, operation, argument):
        if self.broken and operation == 6:
            raise OSError(errno.EIO)
        return super().ioctl(operation, argument)


class Board:
    """A board with its flash at "/". `boot` mounts what is there, in place of the interpreter's own files."""

    def __init__(self, blocks=32, image=None):
        self._image = image or bytes(blocks * _BLOCK)
        self.flash = None
        if image is None:
            vfs.VfsLfs2.mkfs(Flash(self._open()))
            self._image = self._content.getvalue()

    def _open(self):
        self._content = io.BytesIO(self._image)
        return self._content

    def boot(self, cut_at=0, tear=False):
        """Power on; power is cut at the operation `cut_at` from now on (0: never)."""
        vboard._off = None
        self.flash = Breaking(self._open(), 0, tear)
        while True:
            try:
                vfs.umount("/")
            except OSError:
                break
        vfs.mount(vfs.VfsLfs2(self.flash, progsize=256), "/")
        os.chdir("/")
        self.flash.operations = 0
        self.flash.cut_at = cut_at

    def off(self):
        """Power off; what is on the flash stays. Returns how many operations there were."""
        self._image = self._content.getvalue()
        return self.flash.operations

    def copy(self):
        """Another board with the same flash, as it was at the last `off`."""
        return Board(image=self._image)


def cut_everywhere(board, work, check):
    """Do `work` on copies of `board`, cutting power at each operation, then `check(copy)` on what is left.

    Whole and torn operations; returns the number of cuts. `check` has to boot the copy.
    """
    cuts = 0
    for tear in (False, True):
        number = 1
        while True:
            copy = board.copy()
            copy.boot(number, tear)
            try:
                work()
                done = True
            except vboard.PowerOff:
                done = False
            copy.off()
            check(copy, done)
            if done:
                break
            number += 1
            cuts += 1
    return cuts
