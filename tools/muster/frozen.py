"""`python -m muster.frozen BOARD`: what firmware/manifest.py freezes besides lib/, in build/frozen/BOARD."""

import shutil
import sys
from pathlib import Path

from muster import files, for_board, mpy, umqtt
from muster.boards import FULL, Selection, profile
from muster.boards import board as facts
from muster.layout import BUILD


def prepare(board: str, selection: Selection, folder: Path = BUILD / "frozen") -> Path:
    """Write the facts of `board` and the published packages below `folder`; return where."""
    contents = profile(board, selection=selection)
    place = folder / board
    shutil.rmtree(place, ignore_errors=True)
    for source in (mpy.build_module(contents, mpy.default_build_time()), *mpy.libraries(contents)):
        # MicroPython's ESP32 port freezes umqtt.simple itself: twice, it does not compile.
        if not (facts(board).chip.startswith("esp32") and source.name.startswith(umqtt.PACKAGE + "/")):
            files.write(place / source.name, source.text)
    return place


def main(arguments: list[str] | None = None) -> int:
    """0; 1 or 2 with a sentence when there is nothing to freeze."""
    return for_board.run(
        "frozen", __doc__, FULL, prepare, lambda place: f"{place}: ready for firmware/manifest.py", arguments
    )


if __name__ == "__main__":
    sys.exit(main())
