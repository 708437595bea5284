"""The flash of the virtual board: a LittleFS image file as a MicroPython block device.

Every program and erase operation is counted, and power can be cut before or during any one of them. The
image stays on the host; nothing of it is kept in memory.
"""

import sys

import vfs

import vboard

_BLOCK = 4096
_PIECE = b"\xff" * 256


class Flash:
    """A block device with MicroPython's extended interface over the open file `image`.

    `cut_at` counts from 1; 0 never cuts. With `tear` the operation at the cut is half done.
    `report`, an open file or None, gets one letter per started operation: P (program), E (erase).
    """

    def __init__(self, image, cut_at=0, tear=False, report=None):
        self.image = image
        self._blocks = image.seek(0, 2) // _BLOCK
        self.cut_at = cut_at
        self.tear = tear
        self.report = report
        self.operations = 0

    def readblocks(self, block, buffer, offset=0):
        """Fill `buffer` from `offset` in `block`. Soft timers wait: on a board this is C."""
        vboard.check(False)
        self.image.seek(block * _BLOCK + offset)
        self.image.readinto(buffer)

    def writeblocks(self, block, buffer, offset=0):
        """Program `buffer` at `offset` in `block`, which was erased before."""
        last = self._begin(b"P")
        self.image.seek(block * _BLOCK + offset)
        if not last:
            self.image.write(buffer)
            return
        if self.tear:
            self.image.write(memoryview(buffer)[: len(buffer) // 2])
        self._cut()

    def ioctl(self, operation, argument):
        """MicroPython's block device control: 4 block count, 5 block size, 6 erase; 1-3 need nothing."""
        if operation == 4:
            return self._blocks
        if operation == 5:
            return _BLOCK
        if operation == 6:
            self._erase(argument)
        return 0

    def _erase(self, block):
        last = self._begin(b"E")
        size = _BLOCK
        if last:
            size = _BLOCK // 2 if self.tear else 0
        self.image.seek(block * _BLOCK)
        while size:
            self.image.write(_PIECE)
            size -= len(_PIECE)
        if last:
            self._cut()

    def _begin(self, letter):
        """Count one operation; return True when power is cut at it."""
        vboard.check(False)
        self.operations += 1
        if self.report:
            self.report.write(letter)
        return self.operations == self.cut_at

    def _cut(self):
        vboard.switch_off(vboard.CUT, "power cut at operation %d" % self.operations)


def mount():
    """Make the image the only file system."""
    report = vboard.setting("REPORT")
    report = open(report, "ab") if report else None
    image = open(vboard.setting("IMAGE"), "r+b")
    flash = Flash(image, int(vboard.setting("CUT_AT", "0")), vboard.setting("TEAR") == "1", report)
    prog_size = 32 if vboard.setting("KIND") == "esp32" else 256  # as each firmware mounts its file system
    vfs.umount("/")
    vfs.mount(vfs.VfsLfs2(flash, progsize=prog_size), "/")
    sys.path[:] = ["", ".frozen", "/lib"]
