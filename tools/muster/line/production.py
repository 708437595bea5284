"""A production line: its stations, what they share, and what the run before has left."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from muster import console
from muster.boards import board
from muster.errors import MusterError
from muster.flashing import drive
from muster.flashing.work import Order, Outcome, Seat
from muster.line.ledger import PASSED, Ledger, Row, moment
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
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._labels = threading.Lock()
        self._adopted: dict[str, Seat] = {}  # ports that boards of drives have come back at
        self._looker = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Production":
        reconcile(self.order, self.ledger)
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
        return len(set(self.order.devices) - self.ledger.passed())

    # What stations ask

    def is_over(self) -> bool:
        """Whether the line ends."""
        return self._over.is_set()

    def plug(self, seat: Seat) -> object:
        """What is plugged in at this seat: another value each time, None when nothing is."""
        places = [seat.port or str(seat.drive)]
        places += [port for port, one in self._adopted.items() if one == seat]
        for place in places:
            try:
                found = os.stat(place)
            except OSError:
                if place in console.boards():  # a port that is no file (Windows)
                    return place
            else:
                return found.st_rdev, found.st_ino, found.st_ctime_ns  # made anew each time
        return None

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
                        self._adopted[port] = seat
                        return port
                boards.news.wait(_LOOK_S)
                boards.news.clear()
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
            drives = drive.find(facts, self.order.drives) if facts.boot_drive else []
            known = {station.seat for station in self.stations}
            found = [Seat(drive=folder) for folder in drives]
            if not any(one.seat.drive and one.state is State.STARTING for one in self.stations):
                found += [Seat(port=port) for port in self._unknown_ports()]
            for seat in found:
                if seat not in known:
                    self._open(seat)


def _print(words: list[str]) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_PRINT_S, check=False)
        reason = done.stderr.strip() if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    if reason:
        raise MusterError(f"the label is not printed ({reason}): it is in {words[-1]}.")


def reconcile(order: Order, ledger: Ledger) -> None:
    """Add to the ledger what the registry knows and a run before could not write any more."""
    assert order.home is not None
    registry = Registry(order.home)
    try:
        known = registry.flashes.all()
    finally:
        registry.close()
    written = ledger.passed()
    for one in known:
        if one.state == flashes.PASSED and one.device in order.devices and one.device not in written:
            ledger.add(
                Row(
                    time=moment(one.at_s),
                    device=one.device,
                    board_id=one.board_id or "",
                    kind=one.kind,
                    image=one.image,
                    firmware=one.firmware or "",
                    muster=metadata.version("muster"),
                    result=PASSED,
                    error="",
                    seconds=0.0,
                    station=0,
                )
            )
