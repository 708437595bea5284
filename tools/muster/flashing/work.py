"""One board is flashed: found, checked, given its device, written, and noted."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from muster.board_link import BoardLink
from muster.boards import Board, board, of_machine
from muster.errors import FAILED, NO_DEVICE, WRONG_USE, MusterError
from muster.flashing import drive, firmware
from muster.fleet import names
from muster.frozen import agreement
from muster.image import uf2
from muster.image.filesystem import mount, read_image
from muster.registry import Registry
from muster.registry.flashes import BEGUN, FLASHED, PASSED, Flash

Report = Callable[[str, int, int], object]  # (what is done, bytes done, bytes in total)

_UNIQUE_ID = "import machine, binascii\nprint(binascii.hexlify(machine.unique_id()).decode())"


@dataclass(frozen=True)
class Order:
    """What is to be flashed: one image file, or a device's image for each board.

    `devices`: names in the registry of `home`, whose images are in `images`; without `image`.
    `again`: also onto a board that has its image. `drives`: a folder where drives are mounted as well.
    """

    board: str
    image: Path | None = None
    home: Path | None = None
    images: Path | None = None
    devices: tuple[str, ...] = ()
    firmware: Path | None = None
    firmware_sha256: str | None = None
    again: bool = False
    drives: Path | None = None


@dataclass(frozen=True)
class Seat:
    """Where a board is: at a serial port, or already in BOOTSEL mode as a drive."""

    port: str | None = None
    drive: Path | None = None

    def __str__(self) -> str:
        return self.port or str(self.drive)


@dataclass(frozen=True)
class Outcome:
    """What became of a board. `error` is a sentence, "" when all went well; `code` is its exit code.

    `kept`: it had its image already, and nothing was written. `passed`: it was seen to start then, too.
    """

    seat: Seat
    device: str | None = None
    board_id: str | None = None
    image: str = ""
    firmware: str | None = None
    kept: bool = False
    passed: bool = False
    error: str = ""
    code: int = 0
    took_s: float = 0.0


def flash(order: Order, seat: Seat, report: Report, one_at_a_time: AbstractContextManager[object]) -> Outcome:
    """Flash the board at `seat`. What goes wrong is in the outcome.

    `one_at_a_time`: a lock that all seats share, for the moment in which a new drive tells which board it is.
    """
    start_s = time.monotonic()
    work = _Work(order, seat, report)
    try:
        if board(order.board).uf2_base is None:
            work.by_cable()
        else:
            work.by_drive(one_at_a_time)
    except MusterError as error:
        work.outcome = replace(work.outcome, error=str(error), code=error.code)
    return replace(work.outcome, took_s=time.monotonic() - start_s)


class _Work:
    def __init__(self, order: Order, seat: Seat, report: Report) -> None:
        self.outcome = Outcome(seat)
        self._order, self._seat, self._report = order, seat, report
        self._board: Board = board(order.board)
        self._parts: dict[int, bytes] = {}
        self._frozen: bool | None = None  # whether the firmware has the program; None: nobody knows

    def by_cable(self) -> None:
        """An ESP32, through its loader."""
        from muster.flashing.esp import Loader  # esptool takes a second to load

        self._read_firmware()
        if self._seat.port is None:
            raise MusterError(f"{self._board.title} is flashed through its serial port: --port.", WRONG_USE)
        self._report("connecting", 0, 1)
        with Loader(self._seat.port, self._board) as loader:
            if self._choose(loader.mac):
                loader.write(self._parts, lambda done, total: self._report("writing", done, total))
                self._note_done()

    def by_drive(self, one_at_a_time: AbstractContextManager[object]) -> None:
        """A Pico W, through the drive of its BOOTSEL mode."""
        self._read_firmware()
        if self._seat.port is None:
            place = self._seat.drive
            assert place is not None
            drive.check(place, self._board)
            if self._choose(None):
                self._write(place)
            return
        self._report("connecting", 0, 1)
        link = BoardLink(self._seat.port)
        is_restarted = False
        try:
            self._check_kind(link)
            if self._choose(link.execute(_UNIQUE_ID).strip()):
                with one_at_a_time:
                    before = drive.find(self._board, self._order.drives)
                    self._report("restarting", 0, 1)
                    link.mpremote("bootloader")
                    is_restarted = True
                    place = drive.new_one(self._board, before, self._order.drives)
                self._write(place)
        finally:
            if not is_restarted:  # the questions have stopped its program
                with contextlib.suppress(MusterError):
                    link.start()

    def _check_kind(self, link: BoardLink) -> None:
        facts = link.facts()
        found = of_machine(facts.platform, facts.machine)
        if found is None or found.name != self._board.name:
            raise MusterError(
                f"the board on {link.port} calls itself {facts.machine or facts.platform!r}: it is no "
                f"{self._board.title}, nothing was written.",
                WRONG_USE,
            )
        if self._order.firmware is None:
            self._frozen = facts.frozen

    def _write(self, place: Path) -> None:
        blocks = uf2.joined(self._parts, self._board)
        drive.write(place, blocks, lambda done, total: self._report("writing", done, total))
        self._note_done()

    def _read_firmware(self) -> None:
        if self._order.firmware is not None:
            found = firmware.read(self._order.firmware, self._board, self._order.firmware_sha256)
            self._parts = dict(found.parts)
            self._frozen = found.frozen is not None
            self.outcome = replace(self.outcome, firmware=found.version)

    def _choose(self, board_id: str | None) -> bool:
        """Take the image for this board, and note that it begins; False when the board has its image."""
        self.outcome = replace(self.outcome, board_id=board_id)
        if self._order.image is not None:
            self._take(self._order.image)
            return True
        assert self._order.home is not None and self._order.images is not None
        with registry_of(self._order.home) as registry, registry.transaction():
            device, known = self._device_of(registry, board_id)
            if known is not None and known.state == PASSED and not self._order.again:
                self.outcome = replace(
                    self.outcome,
                    device=device, kept=True, passed=True, image=known.image, firmware=known.firmware,
                )  # fmt: skip
                return False
            # Read before anything is noted: without an image, this device stays free for any board.
            self._take(self._order.images / f"{names.file_name(device)}-{self._board.name}.img")
            self.outcome = replace(self.outcome, device=device, kept=self._is_on_it(known))
            if not self.outcome.kept:
                registry.flashes.put(self._flash(BEGUN))
        return not self.outcome.kept

    def _is_on_it(self, known: Flash | None) -> bool:
        """Whether exactly this was written to the board before."""
        if known is None or known.state == BEGUN or self._order.again:
            return False
        return known.image == self.outcome.image and self.outcome.firmware in (None, known.firmware)

    def _device_of(self, registry: Registry, board_id: str | None) -> tuple[str, Flash | None]:
        """(the device of this board, what is known of that). Call it in a transaction."""
        known = registry.flashes.of_board(board_id) if board_id else None
        if known is not None:
            if known.device not in self._order.devices:
                raise MusterError(
                    f"the board {board_id} is {known.device}, which is not among the chosen devices: flash "
                    f"`{known.device}` with --again, or take another board.",
                    WRONG_USE,
                )
            return known.device, known
        device = registry.flashes.free(self._order.devices)
        if device is None and self._order.again and board_id is None:
            device = registry.flashes.nameless(self._order.devices)
        if device is None:
            raise MusterError("each of the chosen devices has its board: choose more devices.", NO_DEVICE)
        return device, None

    def _take(self, path: Path) -> None:
        image = checked_image(path, self._board, self._frozen)
        self._parts[self._board.flash_offset] = image
        self.outcome = replace(self.outcome, image=hashlib.sha256(image).hexdigest())

    def _flash(self, state: str) -> Flash:
        done = self.outcome
        assert done.device is not None
        return Flash(
            *(done.device, done.board_id, self._board.name, done.image, done.firmware, state, time.time())
        )

    def _note_done(self) -> None:
        done = self.outcome
        if done.device is None or self._order.home is None:  # one image file
            return
        detail = f"{self._board.name} {done.board_id or 'in BOOTSEL mode'}, SHA-256 {done.image}"
        with registry_of(self._order.home) as registry, registry.transaction():
            registry.flashes.put(self._flash(FLASHED))
            registry.devices.note(done.device, "flashed", detail, time.time())


@contextlib.contextmanager
def registry_of(home: Path) -> Iterator[Registry]:
    """The registry, for notes of which board is which device: they are on the disk at once."""
    with contextlib.closing(Registry(home)) as registry:
        registry.safe_from_power_cuts()
        yield registry


def checked_image(path: Path, facts: Board, frozen: bool | None) -> bytes:
    """The image in the file `path`.

    `frozen`: whether the board's firmware has the program; None: nobody knows. Raises MusterError when the
    image cannot be read, is not for this board, or would not run on it.
    """
    try:
        image = path.read_bytes()
    except OSError as error:
        raise MusterError(
            f"{path} cannot be read ({error.strerror}): build it with `muster images --board {facts.name}`.",
            FAILED,
        ) from None
    mount(image, facts.name)
    if frozen is not None and (fault := agreement.fault(frozen, read_image(image, facts.name))):
        raise MusterError(f"{path}: {fault}.", WRONG_USE)
    return image
