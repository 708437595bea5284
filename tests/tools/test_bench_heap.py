"""What the heap benchmark rests on: code in place, counted collections, the order of imports."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.bench import heap_boards, services
from tests.bench.common import NONE, kb
from tests.system import in_place, rig

from device.core import paths
from muster import image, interpreter, mpy
from muster.boards import all_services
from muster.checks import heap
from muster.program import single_files

NAMES = """\
from device.claim import p256
from umqtt import simple
print("files", p256.__file__, simple.__file__)
"""
SEVEN = """\
import gc
import on_board_collections as collections
before = collections.stream.count
for _ in range(7):
    gc.collect()
print("seven", collections.stream.count - before)
"""
TURNOVER = """\
import gc
import on_board_collections as collections
gc.collect()
before = collections.stream.count
gc.threshold(16384)
for _ in range(1024):
    bytearray(1024)
print("turnover", collections.stream.count - before)
"""


@pytest.fixture(autouse=True)
def needs_32_bits() -> None:
    if reason := interpreter.missing32():
        pytest.skip(reason)


def says(tmp_path: Path, files: dict[str, bytes], wanted: str) -> list[str]:
    """The words of a line that a board with these files prints."""
    path = tmp_path / "flash.img"
    path.write_bytes(image.build_image(files, rig.BOARD))
    return heap_boards.said(path, wanted, heap_boards.COUNTING_KB)


def with_counter(boot: str) -> dict[str, bytes]:
    path = Path(heap_boards.__file__).with_name("on_board_collections.py")
    modules = mpy.compile_all([mpy.Source(path.name, path.read_bytes())])
    return {**{f"/lib/{name}": data for name, data in modules.items()}, paths.BOOT: boot.encode()}


def test_code_in_place_comes_from_the_romfs(tmp_path: Path) -> None:
    files = {**single_files(rig.BOARD), paths.BOOT: NAMES.encode(), paths.MAIN: b""}
    moved = in_place.moved(files)
    assert [name for name in moved if name.startswith("/lib/")] == ["/lib/on_board_romfs.mpy"]
    words = says(tmp_path, moved, "files ")
    assert words == ["files", "/code/device/claim/p256.mpy", "/code/umqtt/simple.mpy"]


def test_collections_asked_for_are_counted(tmp_path: Path) -> None:
    assert says(tmp_path, with_counter(SEVEN), "seven ")[1] == "7"


def test_automatic_collections_are_counted(tmp_path: Path) -> None:
    count = int(says(tmp_path, with_counter(TURNOVER), "turnover ")[1])
    assert 60 <= count <= 70, "1 MB in steps of 16 KB"


def test_modules_come_after_what_they_import() -> None:
    order = list(heap.flash_sizes(single_files(rig.BOARD)))
    for early, late in (
        ("device.core.failures", "device.port.causes"),
        ("device.core.calendar", "device.core.x509"),
        ("device.core.der", "device.claim.csr"),
        ("umqtt.simple", "device.port.packets"),
    ):
        assert order.index(early) < order.index(late)


def test_the_order_is_the_same_in_each_run() -> None:
    """A name counts for the first module that uses it: another order would be another figure."""
    program = (
        "from muster.checks import heap; from muster.program import single_files; "
        "print(*heap.flash_sizes(single_files(heap.BOARD, selection=heap.EVERYTHING)))"
    )
    orders = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "3", "4", "6")
    ]
    assert len(orders[0].split()) > 50
    assert len(set(orders)) == 1


def test_a_service_counts_with_the_modules_that_it_alone_needs() -> None:
    flash = heap.flash_sizes(single_files(rig.BOARD, selection=heap.EVERYTHING))
    names = services.own_modules("provision")
    assert {"device.services.provision", "device.claim.handshake"} <= set(names)
    assert "device.core.failures" not in names
    what, size, limit, *heap_cells = services.line("provision", names, flash, dict.fromkeys(flash, 1024))
    assert (what, size) == ("provision", kb(sum(flash[name] for name in names)))
    assert float(limit.split()[0]) >= float(size.split()[0])
    assert heap_cells[0] == kb(1024 * len(names))
    assert services.line("x", names, flash, {})[3:] == (NONE, NONE), "without the interpreter"


def test_a_board_says_its_heap_when_all_its_services_run(tmp_path: Path) -> None:
    files = {**single_files(rig.BOARD), **heap_boards.SAYS_THAT_ALL_RUN}
    off = services.switched(frozenset(set(all_services()) - {"heartbeat"}))
    assert says(tmp_path, {**files, **off}, heap_boards.ALL_RUN)[0] == "all"
