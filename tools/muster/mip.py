"""`python -m muster.mip BOARD`: the program as a package for MicroPython's mip, in build/mip/BOARD.

    mpremote mip install build/mip/BOARD/package.json + cp build/mip/BOARD/boot.py build/mip/BOARD/main.py :

mip copies the compiled modules to /lib. boot.py and main.py belong to the root, where mip does not write.
"""

import json
import shutil
import sys
from importlib import metadata
from pathlib import Path, PurePosixPath

from device.core import paths
from muster import files, for_board
from muster.boards import Selection
from muster.layout import BUILD
from muster.program import code_files

PACKAGE = "package.json"


def prepare(board: str, selection: Selection, folder: Path = BUILD / "mip") -> Path:
    """Write the package for `board` below `folder`; return its package.json."""
    place = folder / board
    shutil.rmtree(place, ignore_errors=True)
    installed = []
    for path, content in sorted(code_files(board, selection=selection).items()):
        name = PurePosixPath(path).name
        files.write(place / name, content)
        if path.startswith(paths.LIB + "/"):
            installed.append([path.removeprefix(paths.LIB + "/"), name])
    package = {"urls": installed, "deps": [], "version": metadata.version("muster")}
    files.write(place / PACKAGE, json.dumps(package, indent=1).encode() + b"\n")
    return place / PACKAGE


def _next(package: Path) -> str:
    place = package.parent
    return f"mpremote mip install {package} + cp {place / 'boot.py'} {place / 'main.py'} : + reset"


def main(arguments: list[str] | None = None) -> int:
    """0; 1 or 2 with a sentence when there is nothing to package."""
    return for_board.run("mip", __doc__, None, prepare, _next, arguments)


if __name__ == "__main__":
    sys.exit(main())
