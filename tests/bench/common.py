"""What the measurements share: results, medians, the boards that do the job, ours and the peer's."""

import itertools
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from device.core import fields
from muster import image, mpy, umqtt
from muster.boards import STANDARD, Selection, all_services
from muster.relay import Relay
from muster.twin.server import RunningTwin
from tests.system import rig

HERE = Path(__file__).parent
NONE = "-"
PEER = "plain umqtt.simple"
CLOUD = "ours, cloud's key"
DEVICE = "ours, own key"
VARIANTS = (CLOUD, DEVICE, PEER)
MODES = {CLOUD: fields.KEYS_CLOUD, DEVICE: fields.KEYS_DEVICE}
JOB_LIMIT_S = 30
# What the main job needs: services that have nothing to do with it would count as well.
OF_MAIN_JOB = ("provision", "mqtt", "status", "heartbeat")
MAIN_JOB = Selection("full", tuple(name for name in all_services() if name not in OF_MAIN_JOB))
Tell = Callable[[str], None]


class Row(NamedTuple):
    """One line of the first table; texts, `NONE` where there is nothing."""

    figure: str
    ours: str
    peer: str
    ratio: str
    goal: str = NONE
    before: str = NONE  # the same figure where the work on it began, which its section names


@dataclass
class Result:
    """One measurement: its lines of the first table, how it was done, and a table of details."""

    title: str
    rows: list[Row]
    how: str
    details: Sequence[Sequence[str]]  # the headings first


def median(values: Iterable[float]) -> float:
    """The median, as every figure of the page is one."""
    return statistics.median(values)


def ratio(ours: float, peer: float) -> str:
    """Ours by the peer's, two significant places or so."""
    return f"{ours / peer:.2f}" if ours < 9.995 * peer else f"{ours / peer:.0f}"


def kb(count: float) -> str:
    """Bytes as KB of 1024."""
    return f"{count / 1024:.1f} KB"


def peer_files() -> dict[str, bytes]:
    """The peer's program on flash: the compiled script, umqtt.simple and the module it misses."""
    package = umqtt.fetch() / umqtt.PACKAGE
    sources = [
        mpy.Source("peer_umqtt.py", (HERE / "peer_umqtt.py").read_bytes()),
        mpy.Source("ussl.py", (HERE / "peer_ussl.py").read_bytes()),
        *(
            mpy.Source(f"{umqtt.PACKAGE}/{path.name}", path.read_bytes(), mpy.KEEP_ASSERTS)
            for path in sorted(package.glob("*.py"))
        ),
    ]
    files = {f"/lib/{name}": data for name, data in mpy.compile_all(sources).items()}
    return {**files, "/main.py": b"import peer_umqtt\n"}


@dataclass
class Job:
    """One main job as it was seen: `elapsed_s` from the first SYN to the line after the PUBACK."""

    elapsed_s: float
    turns: int
    bytes_up: int
    bytes_down: int
    console: str


class Bench:
    """A twin and a folder for boards; every board has a serial of its own."""

    def __init__(self, twin: RunningTwin, folder: Path) -> None:
        self.twin = twin
        self.folder = folder
        self._numbers = itertools.count(1)

    def files(self, variant: str, port: int, selection: Selection = STANDARD) -> dict[str, bytes]:
        """{path on flash: content} of a fresh board of `variant` that reaches the twin through `port`.

        `selection`: what our program contains.
        """
        serial = f"bench-{next(self._numbers):04}"
        claim = image.read_claim(self.twin.claim_dir, self.twin.ca_pem_path)
        if variant != PEER:
            documents = rig.documents(port, serial, provisioning={fields.KEYS: MODES[variant]})
            return image.board_files(rig.BOARD, documents=documents, claim=claim, selection=selection)
        files = peer_files()
        for name, document in rig.documents(port, serial).items():
            files[name] = image.strict_json(document)
        return {**files, **claim}

    def write(self, files: dict[str, bytes]) -> Path:
        """A new image with these files."""
        path = self.folder / f"flash-{next(self._numbers):04}.img"
        path.write_bytes(image.build_image(files, rig.BOARD))
        return path

    def flash(self, variant: str, port: int) -> Path:
        """The image of a fresh board of `variant` that reaches the twin through `port`."""
        return self.write(self.files(variant, port))

    def job(self, variant: str, latency_ms: float, bits: int = 64) -> Job:
        """Let a fresh board do the whole job through a relay. Raises MusterError when it fails."""
        with Relay("127.0.0.1", self.twin.port, latency_ms=latency_ms) as relay:
            path = self.flash(variant, relay.port)
            seen: list[tuple[float, int, int, int]] = []

            def look(line: str) -> None:
                if rig.DONE in line and not seen:
                    seen.append((time.monotonic(), relay.turns, relay.bytes_up, relay.bytes_down))

            board = rig.boot_to_the_end(path, JOB_LIMIT_S, bits=bits, on_line=look)
            path.unlink()
            end_s, turns, up, down = seen[0]
            assert relay.first_syn is not None
            return Job(end_s - relay.first_syn, turns, up, down, board.console)


def code_size(files: dict[str, bytes], under: str) -> int:
    """Bytes of the compiled modules below a folder of the flash."""
    return sum(len(data) for name, data in files.items() if name.startswith(under) and name.endswith(".mpy"))
