"""A twin for boards with one kind of key, the images of such boards, and a provisioned one to start from."""

import contextlib
import copy
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.core import fields, paths, topics
from muster import image
from muster.twin.server import RunningTwin, running_twin
from muster.twin.settings import KeyKind, Limits, Settings
from tests.firmware import report
from tests.firmware.emulator import BOARD, Board
from tests.firmware.network import HOST, SSID, Network
from tests.firmware.report import Figures
from tests.system import rig

FIRST_BOOT_MS = 60_000
_HANDSHAKE_S = 60  # an RSA handshake of an emulated board takes 15 s and more of wall time
_CLAIM_KEY: dict[str, KeyKind] = {fields.KEYS_DEVICE: "ec", fields.KEYS_CLOUD: "rsa"}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Provisioned:
    """What a first boot left: the serial, the files on the flash, how it went."""

    serial: str
    files: dict[str, bytes]
    published_ms: int
    figures: Figures


class Stage:
    """Makes boards whose key is made by the `keys` side, and knows what their twin has seen."""

    def __init__(self, firmware: Path, folder: Path, keys: str, twin: RunningTwin) -> None:
        self.keys, self.twin = keys, twin
        self._firmware, self._folder = firmware, folder
        self._before: dict[str, set[str]] = {}  # certificates that were there before each new board

    def new_serial(self) -> str:
        """A serial that no other board has."""
        serial = f"pico-{self.keys}-{next(_numbers)}"
        self._before[serial] = rig.certificate_ids(self.twin)
        return serial

    def new_board(self, serial: str) -> Board:
        """A board that has only its claim credentials."""
        documents = rig.documents(
            self.twin.port,
            serial,
            **{fields.DEVICE: {fields.ENDPOINT_URL: HOST}, fields.PROVISIONING: {fields.KEYS: self.keys}},
        )
        documents[paths.WIFI] = {fields.NETWORKS: [{fields.SSID: SSID, fields.PASSWORD: rig.WIFI_PASSWORD}]}
        claim = image.read_claim(self.twin.claim_dir, self.twin.ca_pem_path)
        return self._board(image.board_files(BOARD, documents=documents, claim=claim), None)

    def board_of(
        self,
        made: Provisioned,
        network: Network | None = None,
        changes: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Board:
        """A provisioned board; `changes` are merged into the sections of its ento.conf."""
        conf = copy.deepcopy(json.loads(made.files[paths.CONF]))
        for section, values in (changes or {}).items():
            conf.setdefault(section, {}).update(values)
        return self._board({**made.files, paths.CONF: json.dumps(conf).encode()}, network)

    def _board(self, files: dict[str, bytes], network: Network | None) -> Board:
        uf2 = self._folder / f"flash-{next(_numbers)}.uf2"
        uf2.write_bytes(image.to_uf2(image.build_image(files, BOARD), BOARD))
        return Board(self._firmware, uf2, network)

    def boots(self, serial: str) -> int:
        """How often the twin has heard that this board has booted."""
        topic = topics.booted(topics.DEFAULT_PREFIX, serial)
        return sum(message.topic == topic for message in self.twin.messages)

    def check_identity(self, board: Board, serial: str) -> dict[str, bytes]:
        """Assert that a board that is off holds the one certificate that was made for it; its files."""
        path = self._folder / f"{serial}.img"
        path.write_bytes(board.file_system())  # the virtual board has a Pico W's file system
        rig.check_provisioned(path, self.twin, serial, self._before[serial])
        return rig.on_flash(path)

    def first_boot(self) -> Provisioned:
        """Switch a new board on, wait until it has published, switch it off."""
        serial = self.new_serial()
        with self.new_board(serial) as board:
            board.power_on()
            published_ms = booted(board, FIRST_BOOT_MS)
            note(f"first boot, {self.keys} key", board, published_ms)
            board.power_off()
            return Provisioned(serial, self.check_identity(board, serial), published_ms, board.figures)


def booted(board: Board, within_ms: float) -> int:
    """Wait for the line that ends a good boot; when it came."""
    return board.wait_for(rig.DONE, within_ms)


def note(day: str, board: Board, published_ms: int | None = None) -> None:
    """Put a line into the report."""
    report.rows.append(report.Row(day, published_ms, board.figures))


@contextlib.contextmanager
def running_stage(firmware: Path, folder: Path, keys: str) -> Iterator[Stage]:
    """A stage with its twin, for the length of the block."""
    settings = Settings(
        host=HOST,
        bind="127.0.0.1",
        claim_key=_CLAIM_KEY[keys],
        key_pool=2,
        limits=Limits(connect_wait_s=_HANDSHAKE_S),
    )
    with running_twin(folder / "twin", settings) as twin:
        yield Stage(firmware, folder, keys, twin)
