"""A station of the line: boards come and go, each is flashed, watched, noted, and waited out."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from muster.boards import board
from muster.errors import MusterError
from muster.flashing import row
from muster.flashing.work import Order, Outcome, Seat, registry_of
from muster.line import first_start
from muster.line.ledger import FAILED, PASSED, Ledger, row_of

_LOOK_S = 0.1


class State(Enum):
    """What a station does, and what its person is to do."""

    EMPTY = "plug in a board"
    READY = "press its key"
    FLASHING = "writing"
    STARTING = "starting"
    PASSED = "good: unplug it"
    FAILED = "FAILED: unplug it"


class Line(Protocol):
    """What a station needs of its line."""

    order: Order
    ledger: Ledger
    limit_s: float
    by_key: bool
    lock: Any

    def alone(self, seat: Seat) -> AbstractContextManager[object]:
        """Within the block, no other board comes up in a way that this one could be taken for."""

    def is_over(self) -> bool:
        """Whether the line ends."""

    def plug(self, seat: Seat) -> object:
        """What is plugged in at this seat: another value each time, None when nothing is."""

    def port_of(self, seat: Seat, device: str | None) -> str:
        """The serial port of the board at this seat."""

    def passed(self, outcome: Outcome) -> None:
        """The board has passed: make its label."""

    def changed(self, station: "Station") -> None:
        """Something has changed that people want to see."""


class Station:
    """Station `number` of a line, at one seat. `state`, `device` and `text` are what people see of it."""

    def __init__(self, number: int, seat: Seat, line: Line) -> None:
        self.number = number
        self.seat = seat
        self.state = State.EMPTY
        self.device = ""
        self.text = ""
        self.share = 0.0  # of the writing, 0 to 1
        self._line = line
        self._again = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"station {number}", daemon=True)

    def start(self) -> None:
        """Begin to wait for boards."""
        self._thread.start()

    def join(self) -> None:
        """Wait until it has ended: the line is over."""
        self._thread.join()

    def again(self) -> None:
        """A person wants the board here to be done, or to be tried once more."""
        if self.state in (State.READY, State.FAILED):
            self._again.set()

    def _run(self) -> None:
        while not self._line.is_over():
            try:
                self._serve()
            except Exception as error:  # a full disk, a busy registry: the next board may be luckier
                self._be(State.FAILED, str(error))
                if not self._wait(lambda: self._again.is_set() or self._line.plug(self.seat) is None):
                    return
                self._again.clear()

    def _serve(self) -> None:
        """Board after board, until the line is over."""
        while not self._line.is_over():
            self._be(State.EMPTY)
            if not self._wait(lambda: self._line.plug(self.seat) is not None):
                return
            plug = self._line.plug(self.seat)
            if self._line.by_key:
                self._be(State.READY)
            else:
                plug = self._do(plug)
            while self._wait(lambda plug=plug: self._again.is_set() or self._line.plug(self.seat) != plug):  # type: ignore[misc]
                if not self._again.is_set():
                    break
                self._again.clear()
                # A key after a failure means: write it anew, whatever the registry says is on it.
                plug = self._do(plug, again=self.state is State.FAILED)

    def _wait(self, is_so: Callable[[], bool]) -> bool:
        """Wait until it is so; False when the line is over before."""
        while not self._line.is_over():
            if is_so():
                return True
            time.sleep(_LOOK_S)
        return False

    def _do(self, plug: object, again: bool = False) -> object:
        """Do the board that is plugged in; return how it is plugged in afterwards."""
        # With USB of its own it leaves and comes back; behind a bridge it is where it was, or somebody was
        # quick with the next one.
        comes_back = board(self._line.order.board).native_usb
        with self._line.alone(self.seat):
            self._flash_and_watch(lambda: not comes_back and self._line.plug(self.seat) != plug, again)
        return self._line.plug(self.seat) if comes_back else plug

    def _flash_and_watch(self, is_pulled_out: Callable[[], bool], again: bool) -> None:
        begun_s = time.monotonic()
        self._be(State.FLASHING)
        order = replace(self._line.order, again=again)
        line = self._line
        (outcome,) = row.flash_all(order, [self.seat], self._report, is_over=line.is_over, lock=line.lock)
        self.device = outcome.device or ""
        if outcome.passed:
            self._be(State.PASSED, "it has passed before")
            return
        if not outcome.error:
            outcome = self._started(outcome, is_pulled_out)
        if self._line.is_over() and outcome.error:
            return  # it was stopped, and has no result: the next run does it again
        self._note(outcome, time.monotonic() - begun_s)
        if outcome.error:
            self._be(State.FAILED, outcome.error)
        else:
            self._be(State.PASSED, self._label(outcome))

    def _label(self, outcome: Outcome) -> str:
        """Make the label; what a person has to know of it: the board is good, whatever becomes of that."""
        try:
            self._line.passed(outcome)
        except MusterError as error:
            return str(error)
        return ""

    def _report(self, _: Seat, what: str, done: int, total: int) -> None:
        self.share = done / max(total, 1)
        self._be(State.FLASHING, what)

    def _started(self, outcome: Outcome, is_pulled_out: Callable[[], bool]) -> Outcome:
        self._be(State.STARTING)
        try:
            number = first_start.watch(
                self._line.port_of(self.seat, outcome.device),
                outcome.device,
                outcome.board_id,
                self._line.limit_s,
                lambda step: self._be(State.STARTING, step),
                self._line.is_over,
                is_pulled_out,
            )
        except MusterError as error:
            return replace(outcome, error=str(error))
        return outcome if outcome.board_id else replace(outcome, board_id=number)

    def _note(self, outcome: Outcome, took_s: float) -> None:
        """Into registry and ledger, in this order: what the ledger lacks is added at the next start."""
        order = self._line.order
        if not outcome.error:
            _pass(order.home, outcome)
        self._line.ledger.add(
            row_of(
                outcome,
                order.board,
                FAILED if outcome.error else PASSED,
                time.time(),
                error=outcome.error,
                seconds=round(took_s, 1),
                station=self.number,
            )
        )

    def _be(self, state: State, text: str = "") -> None:
        if state is State.EMPTY:
            self.device = ""
        self.state, self.text = state, text
        self._line.changed(self)


def _pass(home: Path | None, outcome: Outcome) -> None:
    assert home is not None and outcome.device is not None
    with registry_of(home) as registry:
        registry.flashes.passed(outcome.device, outcome.board_id, time.time())
