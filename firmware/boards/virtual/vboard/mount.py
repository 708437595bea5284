"""Makes the image the only file system. Imported once and forgotten, so that its code leaves the heap."""

import sys

import vfs

import vboard
from vboard.flash import Flash

_report = vboard.setting("REPORT")
_flash = Flash(
    open(vboard.setting("IMAGE"), "r+b"),
    int(vboard.setting("CUT_AT", "0")),
    vboard.setting("TEAR") == "1",
    open(_report, "ab") if _report else None,
)
# How each firmware mounts its file system.
_prog_size = 32 if vboard.setting("KIND") == "esp32" else 256
vfs.umount("/")
vfs.mount(vfs.VfsLfs2(_flash, progsize=_prog_size), "/")
sys.path[:] = ["", ".frozen", "/lib"]
del vboard.flash
