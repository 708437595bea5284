"""Loaded by the fork server of the image builders, and by nothing else: it leaves the parent's group.

A terminal and a build server send their signals to the whole group. They are for the parent, which ends the
builders in order: one that was killed in the middle of a file would leave a part of it.
"""

import os

from muster.fleet import image_build

__all__ = ["image_build"]

os.setpgid(0, 0)
