"""`python -m muster.mip BOARD` and its like: something is prepared for a kind of board."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from muster.boards import BUILD_PROFILES, Selection, names
from muster.errors import MusterError


def run(
    name: str,
    about: str | None,
    build: str | None,
    prepare: Callable[[str, Selection], Path],
    said: Callable[[Path], str],
    arguments: list[str] | None,
) -> int:
    """Read the command line, prepare, say what comes next; 0, or 1 or 2 with a sentence.

    `name`: of the module; `build`: the build profile when none is named, None: the board's.
    """
    parser = argparse.ArgumentParser(prog=f"python -m muster.{name}", description=about)
    parser.add_argument("board", choices=names())
    usual = build or "the board's"
    parser.add_argument(
        "--build", choices=BUILD_PROFILES, default=build, help=f"build profile (default: {usual})"
    )
    parser.add_argument("--without", action="append", default=[], metavar="SERVICE", help="leave it out")
    options = parser.parse_args(arguments)
    try:
        place = prepare(options.board, Selection(options.build, tuple(options.without)))
    except MusterError as error:
        print(f"muster: {error}", file=sys.stderr)
        return error.code
    print(said(place))
    return 0
