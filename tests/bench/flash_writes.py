"""Bytes written to the flash, and blocks erased, for each document that the database stores."""

import subprocess
from typing import NamedTuple

from muster.errors import MusterError
from tests.bench.common import HERE, NONE, Bench, Result, Row, Tell, ratio
from tests.port import micro

SIZES = (50, 200, 1000)  # bytes of JSON
WAYS = {
    "table": "`put` into a table",
    "table x 10": "`put_all` of ten",
    "files": "one file for each",
    "one file": "all in one file of JSON",
}
PROGRAM_BYTES = {"pico_w": 256, "esp32": 32}  # as each firmware mounts its file system
STORED, KEYS = 500, 50
PEER = "files"

HOW = """\
{stored} documents with {keys} keys in turn, on LittleFS as each firmware mounts it; what LittleFS itself
writes, such as directories and copies of blocks, is counted, and so is the cleaning of the log. In the
details: bytes programmed and blocks erased for one document, and the most blocks that one call erased. The
peer is a file for each document, written and renamed: as safe, and as quick to find, but a document takes a
block of its own (on an ESP32 from 128 bytes, on a Pico W from 512), where a table has dozens in a block.
The firmware of the Pico W has no module `btree`, nor have the interpreters of the tests, so it is not
measured."""


class Written(NamedTuple):
    """For one document."""

    programmed: int  # bytes
    erased: float  # blocks
    most: int  # blocks that one call erased


def run(way: str, size: int, board: str) -> Written:
    """Store documents of `size` bytes in this way. Raises MusterError when that fails."""
    words = [
        *micro.command(64),
        "-X",
        "heapsize=16m",
        str(HERE / "on_board_writes.py"),
        way,
        *map(str, (size, PROGRAM_BYTES[board], STORED, KEYS)),
    ]
    result = subprocess.run(words, env=micro.environment(), capture_output=True, text=True, timeout=300)
    try:
        programmed, erased, most = map(int, result.stdout.split())
    except ValueError:
        raise MusterError(f"{way}: {result.stdout}{result.stderr}") from None
    return Written(programmed, erased / 1000, most)


def measure(bench: Bench, tell: Tell) -> Result:
    """Each way, each size, as on each board."""
    rows = []
    details = [
        ("way", "bytes of a document", *(f"{board}: bytes / erased / most" for board in PROGRAM_BYTES))
    ]
    found: dict[tuple[str, int, str], Written] = {}
    for way in WAYS:
        for size in SIZES:
            if way == "table x 10" and size == max(SIZES):
                continue  # more than one call takes
            tell(f"{WAYS[way]}, {size} bytes")
            for board in PROGRAM_BYTES:
                found[way, size, board] = run(way, size, board)
            cells = [found[way, size, board] for board in PROGRAM_BYTES]
            details.append(
                (
                    WAYS[way],
                    str(size),
                    *(f"{one.programmed} / {one.erased:.2f} / {one.most}" for one in cells),
                )
            )
    for size in SIZES:
        ours, peer = (found[way, size, "pico_w"].programmed for way in ("table", PEER))
        figure = f"bytes to flash for a document of {size}, Pico W"
        rows.append(Row(figure, str(ours), str(peer), ratio(ours, peer), NONE))
    return Result("Writes to the flash", rows, HOW.format(stored=STORED, keys=KEYS), details)
