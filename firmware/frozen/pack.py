"""In place of lib/pack.py in a firmware that has the program frozen in: there is nothing to mount."""

import os

from device.core import paths  # its constants are put in place: nothing is imported


def mount():
    """Say it when there is a program on the flash too: the frozen one hides it, however new that is."""
    try:
        os.stat(paths.PACK)
    except OSError:
        return
    print(paths.PACK, "is not used: the program frozen into the firmware runs")
