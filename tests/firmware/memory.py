"""The memory that a Pico W keeps free, whatever it does."""

from tests.firmware.emulator import Board
from tests.firmware.stage import Provisioned

LEAST_FREE = 25 * 1024
LEAST_PIECE = 16 * 1024


def check_memory(board_or_made: Board | Provisioned) -> None:
    """Assert that the memory floor was kept at every moment."""
    figures = board_or_made.figures
    assert figures.least_free is not None and figures.least_block is not None
    assert figures.least_free >= LEAST_FREE, figures
    assert figures.least_block >= LEAST_PIECE, figures
    assert figures.resets == []
