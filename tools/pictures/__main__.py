"""`python -m pictures [NAME ...]`: draw all pictures, or some, into docs/pictures."""

import argparse
import sys
from collections.abc import Callable

from muster.layout import REPO
from pictures import architecture, benchmarks, desk, flasher, phone, sheet, terminal

FOLDER = REPO / "docs" / "pictures"
PICTURES: dict[str, Callable[[], str]] = {
    "architecture": architecture.draw,
    "benchmarks": benchmarks.draw,
    "labels": sheet.draw,
    "demo": terminal.draw,
}
# Drawn only when named: a browser is needed, and its fonts are those of the machine.
SCREENS: dict[str, Callable[[], bytes]] = {"flasher": flasher.draw, "operator": desk.draw, "page": phone.draw}


def main(arguments: list[str] | None = None) -> int:
    """Write the pictures that are named, or all but the screens."""
    parser = argparse.ArgumentParser(prog="pictures", description=__doc__)
    names = [*PICTURES, *SCREENS]
    parser.add_argument("name", nargs="*", choices=[[], *names], help=f"of {', '.join(names)}")
    for name in parser.parse_args(arguments).name or PICTURES:
        if name in SCREENS:
            path = FOLDER / f"{name}.png"
            path.write_bytes(SCREENS[name]())
        else:
            path = FOLDER / f"{name}.svg"
            path.write_text(PICTURES[name](), encoding="utf-8")
        print(f"{path.relative_to(REPO)}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
