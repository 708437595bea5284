"""A production line: its stations, what they share, and what the run before has left."""

import contextlib
import os
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from muster import console
from muster.boards import Board, board
from muster.errors import MusterError
from muster.flashing import drive, row
from muster.flashing.work import Order, Outcome, Seat
from muster.line.ledger import PASSED, Ledger, row_of
from muster.line.station import State, Station
from muster.registry import Registry, flashes
from muster.watching import Watch

_LOOK_S = 0.3
_PRINT_S = 60


@dataclass
class Production:
    """The line. Use it with `with`; stations work in threads of their own until then.

    `seats`: the stations, or by default one for each board that is plugged in, also later. `limit_s`: for a
    board's first start. `label(device)` makes the label of a device and says where it is; `print_command`
    prints such a file. `by_key`: a board waits for a person. `on_change(station)` is called from any thread.
    """

    order: Order
    ledger: Ledger
    limit_s: float
    seats: Sequence[Seat] = ()
    by_key: bool = False
    label: Callable[[str], Path] | None = None
    print_command: tuple[str, ...] = ()
    on_change: Callable[[Station], object] = lambda _: None
    stations: list[Station] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._known: dict[str, str] = {}
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._labels = threading.Lock()
        self._adopted: dict[str, Seat] = {}  # ports that boards of drives have come back at
        self._drives = threading.Lock()  # one board at a time is known by the new port that it comes back at
        self._restarting = 0  # boards that are about to come up as drives
        self.lock = row.new_lock()
        self._looker = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Production":
        reconcile(self.order, self.ledger)
        self.look()
        for seat in self.seats:
            self._open(seat)
        if not self.seats:
            self._looker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._looker.is_alive():
            self._looker.join()
        for station in self.stations:
            station.join()

    def again(self, number: int | None = None) -> None:
        """A person wants station `number` to go on, or all of them."""
        for station in self.stations:
            if number in (None, station.number):
                station.again()

    def left(self) -> int:
        """How many devices have not passed."""
        return sum(self._known.get(name) != flashes.PASSED for name in self.order.devices)

    def passed_now(self) -> int:
        """How many devices have passed."""
        return len(self.order.devices) - self.left()

    def look(self) -> None:
        """Ask the registry how far the devices are."""
        assert self.order.home is not None
        with contextlib.closing(Registry(self.order.home)) as registry:
            self._known = {one.device: one.state for one in registry.flashes.all()}

    # What stations ask

    def is_over(self) -> bool:
        """Whether the line ends."""
        return self._over.is_set()

    @contextlib.contextmanager
    def alone(self, seat: Seat) -> Iterator[None]:
        """Within the block, no other board comes up in a way that this one could be taken for."""
        if board(self.order.board).uf2_base is None:
            yield
            return
        if seat.port is not None:
            with self._lock:
                self._restarting += 1  # the drive that it becomes is no station
            try:
                yield
            finally:
                with self._lock:
                    self._restarting -= 1
            return
        with self._drives:
            before = console.boards()
            try:
                yield
            finally:  # whatever became of it: the port that has come is this board's
                for port in self._unknown_ports():
                    if port not in before:
                        self._adopted[port] = seat

    def plug(self, seat: Seat) -> object:
        """What is plugged in at this seat: another value each time, None when nothing is."""
        if seat.port is None:
            return self._plug_of_drive(seat)
        try:
            found = os.stat(seat.port)
        except OSError:
            return seat.port if seat.port in console.boards() else None  # a port that is no file (Windows)
        link = os.lstat(seat.port)
        made = link.st_ctime_ns if stat.S_ISLNK(link.st_mode) else 0
        return found.st_rdev, found.st_ino, made  # the node is made anew each time, and so is a link to it

    def _plug_of_drive(self, seat: Seat) -> object:
        there = console.boards()
        for port in [port for port in self._adopted if port not in there]:
            self._adopted.pop(port, None)
        back = [port for port, one in list(self._adopted.items()) if one == seat]
        assert seat.drive is not None
        # A board that a station has restarted becomes a drive too, and may be mounted at the same place.
        is_own = not self._restarting and drive.is_drive(seat.drive, board(self.order.board))
        return is_own or bool(back) or None

    def port_of(self, seat: Seat, device: str | None) -> str:
        """The serial port of a board; of one that was a drive, the new port on which it says its name.

        Raises MusterError when it does not come back.
        """
        if seat.port is not None:
            return seat.port
        end_s = time.monotonic() + self.limit_s
        with Watch(look=self._unknown_ports) as boards:
            while time.monotonic() < end_s and not self.is_over():
                for port, seen in list(boards.seen.items()):
                    if seen.beacon is not None and seen.beacon.serial == device:
                        return port
                boards.wait(_LOOK_S)
        raise MusterError("it did not come back as a serial port, or does not say its name there.")

    def passed(self, outcome: Outcome) -> None:
        """The board has passed: make its label, and print it. Raises MusterError when that fails."""
        if self.label is None or outcome.device is None:
            return
        with self._labels:  # one printer
            path = self.label(outcome.device)
            if self.print_command:
                _print([*self.print_command, str(path)])

    def changed(self, station: Station) -> None:
        """Something has changed that people want to see."""
        if station.state is State.PASSED:
            self.look()
        self.on_change(station)

    # Where boards come

    def _open(self, seat: Seat) -> None:
        with self._lock:
            station = Station(len(self.stations) + 1, seat, self)
            self.stations.append(station)
        station.start()

    def _unknown_ports(self) -> list[str]:
        known = {station.seat.port for station in self.stations} | set(self._adopted)
        return [port for port in console.boards() if port not in known]

    def _look(self) -> None:
        facts = board(self.order.board)
        while not self._over.wait(_LOOK_S):
            with contextlib.suppress(OSError, MusterError):  # a folder or a port that has just gone
                for seat in self._new_seats(facts):
                    self._open(seat)

    def _new_seats(self, facts: Board) -> list[Seat]:
        """Boards that have come to where there is no station; none that a station is about to know."""
        known = {station.seat for station in self.stations}
        found: list[Seat] = []
        if facts.boot_drive and not self._restarting:
            found += [Seat(drive=folder) for folder in drive.find(facts, self.order.drives)]
        if not self._drives.locked():
            found += [Seat(port=port) for port in self._unknown_ports()]
        return [seat for seat in found if seat not in known]


def _print(words: list[str]) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_PRINT_S, check=False)
        reason = (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else ""
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    if reason:
        raise MusterError(f"the label is not printed ({reason}): it is in {words[-1]}.")


def reconcile(order: Order, ledger: Ledger) -> None:
    """Add to the ledger what the registry knows and a run before could not write any more."""
    assert order.home is not None
    with contextlib.closing(Registry(order.home)) as registry:
        known = registry.flashes.all()
    written = {(row.device, row.board_id) for row in ledger.rows if row.result == PASSED}
    for one in known:
        is_new = (one.device, one.board_id or "") not in written
        if one.state == flashes.PASSED and one.device in order.devices and is_new:
            ledger.add(row_of(one, one.kind, PASSED, one.at_s))
