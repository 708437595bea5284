"""A board on a serial port, under MicroPython's unix port: mount the image, run boot.py and main.py, prompt.

Started by serial_board.py. Ctrl-C counts from the line "mounted" on, as on a board, whose firmware mounts
before it listens.
"""

# ruff: noqa: F401  (the virtual board's modules are loaded while the files of the host can still be seen)
import os
import socket
import struct
import sys
import time

import machine
import network
import vboard
import vfs
from vboard.flash import Flash


def _ending(function):
    """`function`, which switches off: at a prompt only SystemExit ends the interpreter."""

    def end(*_):
        try:
            function()
        except vboard.PowerOff as off:
            sys.exit(off.args[0])

    return end


machine.reset = _ending(machine.reset)
machine.bootloader = _ending(machine.bootloader)


class _System:
    """`sys` as another board has it."""

    def __init__(self, platform, machine_):
        self.platform = platform
        self.implementation = _Implementation(machine_)

    def __getattr__(self, name):
        return getattr(real_sys, name)


class _Implementation:
    def __init__(self, machine_):
        self._machine = machine_

    def __getattr__(self, name):
        return getattr(real_sys.implementation, name)


class _Kept(Flash):
    """A flash that keeps what happens to it in the file `journal`: position, length (4 bytes each), bytes."""

    def __init__(self, image, journal):
        super().__init__(image)
        self._journal = journal

    def writeblocks(self, block, buffer, offset=0):
        self._keep(block * 4096 + offset, buffer)
        super().writeblocks(block, buffer, offset)

    def ioctl(self, operation, argument):
        if operation == 6:
            self._keep(argument * 4096, b"\xff" * 4096)
        return super().ioctl(operation, argument)

    def _keep(self, position, data):
        self._journal.write(struct.pack("<II", position, len(data)))
        self._journal.write(data)
        self._journal.flush()


real_sys = sys
if vboard.setting("CALLED"):
    sys.modules["sys"] = _System(*vboard.setting("CALLED").split(";"))
image = open(vboard.setting("IMAGE"), "r+b")  # noqa: SIM115  (open as long as the board runs)
flash = _Kept(image, open(vboard.setting("JOURNAL"), "ab")) if vboard.setting("JOURNAL") else Flash(image)  # noqa: SIM115
vfs.umount("/")
vfs.mount(vfs.VfsLfs2(flash, progsize=256), "/")
sys.path[:] = ["", ".frozen", "/lib"]
os.chdir("/")
print("mounted")
for path in ("/boot.py", "/main.py"):
    try:
        os.stat(path)
    except OSError:
        continue
    try:
        execfile(path)  # noqa: F821
    except vboard.PowerOff as off:
        sys.exit(off.args[0])
    except (Exception, KeyboardInterrupt) as error:
        sys.print_exception(error)
        break
