"""`python -m pictures [NAME ...]`: draw all pictures, or some, into docs/pictures."""

import argparse
import sys
from collections.abc import Callable

from muster.layout import REPO
from pictures import architecture, benchmarks, sheet, terminal

FOLDER = REPO / "docs" / "pictures"
PICTURES: dict[str, Callable[[], str]] = {
    "architecture": architecture.draw,
    "benchmarks": benchmarks.draw,
    "labels": sheet.draw,
    "demo": terminal.draw,
}


def main(arguments: list[str] | None = None) -> int:
    """Write the pictures that are named, or all."""
    parser = argparse.ArgumentParser(prog="pictures", description=__doc__)
    parser.add_argument("name", nargs="*", choices=[[], *PICTURES], help=f"of {', '.join(PICTURES)}")
    for name in parser.parse_args(arguments).name or PICTURES:
        path = FOLDER / f"{name}.svg"
        path.write_text(PICTURES[name](), encoding="utf-8")
        print(f"{path.relative_to(REPO)}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
