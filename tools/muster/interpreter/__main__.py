"""`python -m muster.interpreter [--fetch]`: show the interpreters, fetching the 32-bit one first."""

import argparse
import sys

from muster.errors import MusterError
from muster.interpreter import command32, command64, debian, version


def main() -> int:
    """Print one line per interpreter. The 32-bit one is optional: its absence is said, not an error."""
    parser = argparse.ArgumentParser(prog="python -m muster.interpreter", description=__doc__)
    parser.add_argument("--fetch", action="store_true", help="fetch the 32-bit one if it is not there")
    options = parser.parse_args()
    try:
        words = command64()
        print(f"64-bit MicroPython {'.'.join(map(str, version(words) or ()))}: {' '.join(words)}")
    except MusterError as error:
        print(f"muster: {error}", file=sys.stderr)
        return error.code
    try:
        if options.fetch:
            debian.fetch()
        words = command32()
        print(f"32-bit MicroPython {'.'.join(map(str, version(words) or ()))}: {words[-1]}")
    except MusterError as error:
        print(f"no 32-bit MicroPython: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
