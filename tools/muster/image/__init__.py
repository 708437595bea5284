"""Images of a board's whole flash file system: what is in them, how they are built and read."""

from muster.boards import Board, board, names, profile
from muster.image.filesystem import build_image, mount, path_fault, read_image, verify
from muster.image.tree import (
    board_files,
    ento_conf,
    read_claim,
    read_json,
    strict_json,
)
from muster.image.uf2 import to_uf2
from muster.program import code_files, single_files

__all__ = [
    "Board",
    "board",
    "board_files",
    "build_image",
    "code_files",
    "ento_conf",
    "mount",
    "names",
    "path_fault",
    "profile",
    "read_claim",
    "read_image",
    "read_json",
    "single_files",
    "strict_json",
    "to_uf2",
    "verify",
]
