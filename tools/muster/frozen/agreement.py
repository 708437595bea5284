"""Whether a firmware and a file system make a board that runs: exactly one of them has the program."""

from collections.abc import Mapping

from device.core import paths

_PROGRAM = b"device.port.compose"  # what Muster's main.py imports
_SINGLE = f"{paths.LIB}/device/"


def has_program(files: Mapping[str, bytes]) -> bool:
    """Whether the modules of Muster's program are among the `files` of a board."""
    return paths.PACK in files or any(path.startswith(_SINGLE) for path in files)


def fault(frozen: bool, files: Mapping[str, bytes]) -> str | None:
    """Why a board with these `files` would not run what they hold; None if it would.

    `frozen`: its firmware has the program frozen in.
    """
    if frozen and has_program(files):
        return (
            "the image has a program of its own, which would never run: the one frozen into the firmware "
            "comes first. Build the image with `--firmware`, the file of this firmware"
        )
    if not frozen and _PROGRAM in files.get(paths.MAIN, b"") and not has_program(files):
        return (
            "the image has no program, and none is frozen into the firmware: build the image without "
            "`--firmware`, or write the firmware that `muster firmware` made as well"
        )
    return None
