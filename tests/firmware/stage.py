"""A twin for boards with one kind of key, the images of such boards, and a provisioned one to start from."""

import contextlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from device.core import fields, paths, topics
from muster import image
from muster.boards import STANDARD, Selection
from muster.flashing import firmware as firmware_file
from muster.twin.https.limits import HttpLimits
from muster.twin.server import RunningTwin, running_twin
from muster.twin.settings import KeyKind, Limits, Settings
from tests.firmware import report
from tests.firmware.emulator import BOARD, Board
from tests.firmware.network import HOST, SSID, Network
from tests.firmware.report import Figures
from tests.system import renewals, rig

FIRST_BOOT_MS = 60_000
IN_AN_HOUR = {"certificate_ttl_h": renewals.OLD_S // 3600 + 1}  # a certificate of renewals.long_ago ends then
_HANDSHAKE_S = 60  # an RSA handshake of an emulated board takes 15 s and more of wall time
_CLAIM_KEY: dict[str, KeyKind] = {fields.KEYS_DEVICE: "ec", fields.KEYS_CLOUD: "rsa"}
_IDENTITY = f"{paths.CERT}/{paths.IDENTITY}"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Provisioned:
    """What a first boot left: the serial, the files on the flash, how it went."""

    serial: str
    files: dict[str, bytes]
    figures: Figures


@dataclass(frozen=True)
class Load:
    """What a board has beside its program, Wi-Fi and claim credentials."""

    settings: dict[str, dict[str, Any]] = field(default_factory=dict)  # sections of ento.conf
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    selection: Selection = STANDARD  # what its program contains


NOTHING = Load()


def files_for(firmware: Path, selection: Selection = STANDARD, **content: Any) -> dict[str, bytes]:
    """The files of a board with `content`; without the modules that are frozen into the firmware."""
    frozen = firmware_file.read(firmware, image.board(BOARD)).frozen
    if frozen is not None:
        selection = Selection(frozen.build, frozen.without)
    return image.board_files(BOARD, selection=selection, frozen=frozen is not None, **content)


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

    @contextlib.contextmanager
    def new_board(
        self, serial: str, day: str, more: Load = NOTHING, network: Network | None = None
    ) -> Iterator[Board]:
        """A running board that has only its claim credentials, and `more`; `day` names it in the report."""
        provisioning = {fields.KEYS: self.keys}
        made = documents(self.twin.port, serial, **{fields.PROVISIONING: provisioning, **more.settings})
        claim = image.read_claim(self.twin.claim_dir, self.twin.ca_pem_path)
        files = files_for(
            self._firmware,
            more.selection,
            documents=made | more.documents,
            claim=claim,
            extra=more.files,
        )
        with self._running(files, network or Network(), day) as board:
            yield board

    @contextlib.contextmanager
    def unclaimed_board(self, serial: str, day: str, more: Load) -> Iterator[Board]:
        """A running board that knows its builder, as `more` says, and nothing of the cloud."""
        known = documents(0, serial, **{fields.PROVISIONING: {fields.KEYS: self.keys}, **more.settings})
        del known[paths.CONF][fields.DEVICE][fields.ENDPOINT_URL], known[paths.CONF][fields.MQTT]
        files = files_for(self._firmware, more.selection, documents=known | more.documents, extra=more.files)
        with self._running(files, Network(), day) as board:
            yield board

    @contextlib.contextmanager
    def board_of(
        self, made: Provisioned, day: str, network: Network | None = None, endpoint: str = HOST
    ) -> Iterator[Board]:
        """A running board that was provisioned; `endpoint` takes the place of its own."""
        files = dict(made.files)
        identity = json.loads(files[_IDENTITY])
        files[_IDENTITY] = json.dumps(identity | {fields.ENDPOINT: endpoint}).encode()
        with self._running(files, network or Network(), day) as board:
            yield board

    @contextlib.contextmanager
    def _running(self, files: dict[str, bytes], network: Network, day: str) -> Iterator[Board]:
        with running(self._firmware, files, f"{day}, {self.keys} key", network) as board:
            yield board

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

    def first_boot(
        self, day: str = "first boot", more: Load = NOTHING, then: Callable[[Board], None] | None = None
    ) -> Provisioned:
        """Switch a new board on, wait until it has published, do `then`, switch it off."""
        serial = self.new_serial()
        with self.new_board(serial, day, more) as board:
            booted(board, FIRST_BOOT_MS)
            if then:
                then(board)
            board.power_off()
            return Provisioned(serial, self.check_identity(board, serial), board.figures)


def documents(port: int, serial: str, **changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """ento.conf and wifi.json of a board in the emulator's network."""
    made = rig.documents(port, serial, **{fields.DEVICE: {fields.ENDPOINT_URL: HOST}, **changes})
    made[paths.WIFI] = {fields.NETWORKS: [{fields.SSID: SSID, fields.PASSWORD: rig.WIFI_PASSWORD}]}
    return made


@contextlib.contextmanager
def running(firmware: Path, files: dict[str, bytes], day: str, network: Network) -> Iterator[Board]:
    """A running board with these files on its flash; `day` names it in the report."""
    with Board(firmware, image.build_image(files, BOARD), network) as board:
        board.power_on()
        try:
            yield board
        finally:
            report.rows.append(report.Row(day, board.figures))


def booted(board: Board, within_ms: float) -> None:
    """Wait for the line that ends a good boot."""
    board.figures.published_ms = board.wait_for(rig.DONE, within_ms)


@contextlib.contextmanager
def running_stage(firmware: Path, folder: Path, keys: str, **changes: Any) -> Iterator[Stage]:
    """A stage with its twin, for the length of the block; `changes` to the twin's settings."""
    usual: dict[str, Any] = {
        "host": HOST,
        "bind": "127.0.0.1",
        "claim_key": _CLAIM_KEY[keys],
        "key_pool": 2,
        "limits": Limits(connect_wait_s=_HANDSHAKE_S),
        "http_limits": HttpLimits(handshake_s=_HANDSHAKE_S, wait_s=_HANDSHAKE_S),
    }
    settings = Settings(**{**usual, **changes})
    with running_twin(folder / "twin", settings) as twin:
        yield Stage(firmware, folder, keys, twin)
