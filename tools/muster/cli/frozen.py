"""What commands say of a firmware with the program frozen in, and of the image that goes with it."""

from pathlib import Path

from muster.boards import Board, Selection, profile
from muster.cli import output
from muster.errors import WRONG_USE, MusterError
from muster.flashing import firmware
from muster.flashing.firmware import Firmware
from muster.frozen.program import program
from muster.frozen.record import Record


def with_firmware(file: Path | None, facts: Board, selection: Selection) -> tuple[Firmware | None, Selection]:
    """(the firmware in `file`, if one is named; what goes with it).

    Raises MusterError when it is not for this board, or has another program frozen in.
    """
    if file is None:
        return None, selection
    found = firmware.read(file, facts)
    return found, _matching(found.frozen, facts.name, selection, file) if found.frozen else selection


def _matching(frozen: Record, board_name: str, selection: Selection, file: Path) -> Selection:
    """The selection that is frozen into the firmware `file`.

    Raises MusterError when another one is asked for, or another board. A note says it when the frozen program
    is not the one that this Muster would freeze: the frozen one runs, however old it is.
    """
    if frozen.board != board_name:
        raise MusterError(
            f"{file} has the program for {frozen.board} frozen in, not {board_name}.", WRONG_USE
        )
    ours = Selection(frozen.build, frozen.without)
    if selection.build not in (None, ours.build) or not set(selection.without) <= set(ours.without):
        wanted = profile(board_name, selection=selection._replace(build=selection.build or ours.build))
        without = "".join(f" --without {name}" for name in selection.without)
        raise MusterError(
            f"{file} has another program frozen in ({frozen}): leave --build and --without out, or build the "
            f"firmware anew with `muster firmware --build {wanted.build}{without}`.",
            WRONG_USE,
        )
    newest = program(board_name, ours).record
    if newest != frozen:
        output.note(
            f"the program frozen into {file} ({frozen}) is not the one of this Muster ({newest}): the frozen "
            "one will run. `muster firmware` builds it anew"
        )
    return ours
