"""Imported by the fork server before all else, and by nothing else: it leaves the parent's process group.

A terminal and a build server send their signals to the whole group. They are for the parent, which ends its
workers in order: one that was killed in the middle of a file would leave a part of it.
"""

import os

os.setpgid(0, 0)
