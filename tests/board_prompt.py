"""A board on a serial port, under MicroPython's unix port: mount the image, run boot.py and main.py, prompt.

MICROPYPATH=firmware/boards/virtual:.frozen MUSTER_BOARD_IMAGE=flash.img micropython -i tests/board_prompt.py
"""

import os
import sys

import machine  # noqa: F401  (the virtual board's, loaded while the host's files can still be seen)
import vfs
from vboard import power
from vboard.flash import Flash

image = open(power.setting("IMAGE"), "r+b")  # noqa: SIM115  (open as long as the board runs)
vfs.umount("/")
vfs.mount(vfs.VfsLfs2(Flash(image), progsize=256), "/")
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
    except (Exception, KeyboardInterrupt) as error:
        sys.print_exception(error)
        break
