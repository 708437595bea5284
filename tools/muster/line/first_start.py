"""The first start of a board, watched on its console until its boot status is out."""

import time
from collections.abc import Callable

from muster.beacons import Beacon
from muster.console import GONE, Console
from muster.errors import FAILED, NO_DEVICE, MusterError
from muster.watching import Seen

BACK_S = 8.0  # for a port to come back after a restart: USB has to start


def watch(
    port: str,
    device: str | None,
    board_id: str | None,
    limit_s: float,
    report: Callable[[str], object] = lambda _: None,
    is_over: Callable[[], bool] = lambda: False,
    is_pulled_out: Callable[[], bool] = lambda: False,
) -> str:
    """Listen until the board on `port` is up; return the number of its chip.

    `device`, `board_id`: who it must be, None: whoever it is. `report(step in words)`. Raises MusterError
    when it says that it is another one, is pulled out, or is not up in time: with its last step and what
    fails.
    """
    end_s = time.monotonic() + limit_s
    board = Seen(port)
    gone_s = [time.monotonic()]  # since when the port is not there

    def on_state(state: str) -> None:
        board.state = state
        gone_s[0] = time.monotonic()

    def is_gone() -> bool:
        return is_pulled_out() or (board.state == GONE and time.monotonic() - gone_s[0] >= BACK_S)

    told = ""
    for line in Console(port, on_state).lines(lambda: is_over() or is_gone() or time.monotonic() >= end_s):
        board.hear(line)
        if board.step() != told:
            told = board.step()
            report(told)
        beacon = board.beacon
        if beacon is None:
            continue
        _check(beacon, device, board_id)
        if board.is_up():
            return beacon.board.rpartition("-")[2]
    if is_gone():
        raise MusterError("it was unplugged before it was up.", NO_DEVICE)
    raise MusterError(f"not up within {limit_s:g} s. {_reason(board)}", FAILED)


def _check(beacon: Beacon, device: str | None, board_id: str | None) -> None:
    """Raises MusterError when this is another board."""
    if device is not None and beacon.serial != device:
        raise MusterError(f"it is {beacon.name}, not {device}: another board was plugged in.")
    number = beacon.board.rpartition("-")[2]
    if board_id is not None and number != _plain(board_id):
        raise MusterError(f"it is the board {number}, not {_plain(board_id)}: another one was plugged in.")


def _plain(board_id: str) -> str:
    """A board's number as the board itself writes it."""
    return board_id.replace(":", "").lower()


def _reason(board: Seen) -> str:
    if board.beacon is not None and board.beacon.error:
        return f"It {board.step()}: {board.beacon.error}"
    if board.beacon is not None:
        return f"It {board.step()}."
    if board.line is not None:
        return f"Its last line: {board.line.source}: {board.line.text}"
    if board.heard_s is not None:
        return "It runs no program of Muster's: was the right image written?"
    return "It said nothing: check cable and firmware (--firmware)."
