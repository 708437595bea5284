"""Which board got the image of which device."""

from collections.abc import Sequence
from typing import NamedTuple

from muster.registry.database import Database

BEGUN = "begun"  # something of it may be on the board
FLASHED = "flashed"
PASSED = "passed"  # it was seen to start, and its boot status is out

_COLUMNS = "device, board_id, kind, image, firmware, state, at_s"


class Flash(NamedTuple):
    """`board_id`: a number of the chip, None when the board did not say it. `image`: SHA-256 in hex.

    `firmware`: the version that was written with it, or None. `at_s`: Unix seconds of the last change.
    """

    device: str
    board_id: str | None
    kind: str
    image: str
    firmware: str | None
    state: str
    at_s: float


class Flashes:
    """The table `flashes`: a device is in it once, and so is a board."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_board(self, board_id: str) -> Flash | None:
        """What this board got, or None."""
        return self._one("board_id", board_id)

    def of_device(self, device: str) -> Flash | None:
        """Where the image of this device went, or None."""
        return self._one("device", device)

    def _one(self, column: str, value: str) -> Flash | None:
        row = self._database.row(f"SELECT {_COLUMNS} FROM flashes WHERE {column} = ?", value)
        return Flash(*row) if row else None

    def free(self, devices: Sequence[str]) -> str | None:
        """The first of `devices` whose image went to no board yet."""
        return next((name for name in devices if self.of_device(name) is None), None)

    def nameless(self, devices: Sequence[str]) -> str | None:
        """The first of `devices` that was begun on a board that did not say its number.

        One device that is named alone need not be in the middle of it.
        """
        found = [one for one in map(self.of_device, devices) if one is not None and one.board_id is None]
        return next((one.device for one in found if one.state == BEGUN or len(devices) == 1), None)

    def put(self, flash: Flash) -> None:
        """Remember it; what was known of the device before is forgotten.

        Raises RegistryError when the board is another device.
        """
        marks = ", ".join("?" * len(flash))
        with self._database.transaction():
            self.forget(flash.device)
            self._database.write(f"INSERT INTO flashes ({_COLUMNS}) VALUES ({marks})", *flash)

    def passed(self, device: str, board_id: str | None, now_s: float) -> None:
        """The board of a device was seen to start; it may have said its number only now.

        If that board was another device before, that one has lost it: its image was overwritten.
        """
        with self._database.transaction():
            if board_id is not None:
                self._database.write(
                    "DELETE FROM flashes WHERE board_id = ? AND device <> ?", board_id, device
                )
            self._database.write(
                "UPDATE flashes SET state = ?, board_id = coalesce(?, board_id), at_s = ? WHERE device = ?",
                *(PASSED, board_id, now_s, device),
            )

    def forget(self, device: str) -> bool:
        """Let another board have this device; False when none had it."""
        return self._database.write("DELETE FROM flashes WHERE device = ?", device) > 0

    def all(self) -> list[Flash]:
        """Every one, in the order they were changed last."""
        return [Flash(*row) for row in self._database.rows(f"SELECT {_COLUMNS} FROM flashes ORDER BY at_s")]
