"""`python -m muster.mip BOARD`: the program as a package for MicroPython's mip, in build/mip/BOARD.

    mpremote mip install build/mip/BOARD/package.json + cp build/mip/BOARD/boot.py build/mip/BOARD/main.py :

mip copies the compiled modules to /lib. boot.py and main.py belong to the root, where mip does not write.
"""

import argparse
import json
import shutil
import sys
from importlib import metadata
from pathlib import Path, PurePosixPath

from device.core import paths
from muster import files
from muster.boards import BUILD_PROFILES, Selection, names
from muster.errors import MusterError
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


def main(arguments: list[str] | None = None) -> int:
    """0; 1 or 2 with a sentence when there is no package to make."""
    parser = argparse.ArgumentParser(prog="python -m muster.mip", description=__doc__)
    parser.add_argument("board", choices=names())
    parser.add_argument("--build", choices=BUILD_PROFILES, help="build profile (default: the board's)")
    parser.add_argument("--without", action="append", default=[], metavar="SERVICE", help="leave it out")
    options = parser.parse_args(arguments)
    try:
        package = prepare(options.board, Selection(options.build, tuple(options.without)))
    except MusterError as error:
        print(f"muster: {error}", file=sys.stderr)
        return error.code
    place = package.parent
    print(f"mpremote mip install {package} + cp {place / 'boot.py'} {place / 'main.py'} : + reset")
    return 0


if __name__ == "__main__":
    sys.exit(main())
