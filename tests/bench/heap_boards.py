"""The boards whose heap is measured: what they do, where their code lies, and what they say of their heap."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from device.core import paths
from muster import mpy
from muster.errors import MusterError
from muster.layout import BOOT, MAIN
from muster.virtual import MIN_HEAP_KB
from tests.bench import in_place
from tests.bench.common import JOB_LIMIT_S, PEER, Bench
from tests.system import rig

STATE = "state"
LOW_KB = MIN_HEAP_KB[32] - 1  # too little even for the interpreter and the stand-ins
HIGH_KB = 192  # a Pico W has about as much
CONFIRM = 3
COUNTING_KB = 768  # room for what counts, so that no collection is for want of room
TRIAL_LIMIT_S = 10  # a job without latency takes a fifth of a second
FAILED = re.compile(rf"{re.escape(rig.DONE)}|again in|MemoryError|failed|Error")

# A task beside the services looks once the boot status is out; the peer's script says the same by itself.
_WHEN_BOOTED = """\
import asyncio, gc, micropython, sys

async def look():
    while not (STATE and STATE.services.get("status") and STATE.services["status"].ready.is_set()):
        await asyncio.sleep_ms(20)
    WHAT

if globals().get("STATE"):
    asyncio.create_task(look())
"""
_HEAP = """micropython.qstr_info()
    gc.collect()
    print("heap", gc.mem_alloc(), gc.mem_free(), len([name for name in sys.modules if ".claim." in name]))"""
_COLLECTIONS = """print("collections", collections.stream.count)
    gc.collect()
    gc.collect()
    print("and two", collections.stream.count)"""
_COUNTER = "on_board_collections.py"


def _main(what: str) -> bytes:
    return _WHEN_BOOTED.replace("WHAT", what).replace("STATE", STATE).encode() + MAIN.read_bytes()


SAYS_ITS_HEAP = {paths.MAIN: _main(_HEAP)}


@dataclass(frozen=True)
class Program:
    """What a board does with its heap: whose main job, or the boot of a board that has its identity."""

    title: str
    variant: str
    is_everyday: bool = False
    is_in_place: bool = False


class Boards:
    """Boards for every program; one identity serves all everyday boots of a variant."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._everyday: dict[str, dict[str, bytes]] = {}

    def write(self, program: Program, extra: Mapping[str, bytes] | None = None) -> Path:
        """The image of a board for one run; `extra` {path on flash: content} wins over its own files."""
        variant = program.variant
        files = self.everyday(variant) if program.is_everyday else self._fresh(variant)
        files = {**files, **(extra or {})}
        return self._bench.write(in_place.moved(files) if program.is_in_place else files)

    def _fresh(self, variant: str) -> dict[str, bytes]:
        return self._bench.files(variant, self._bench.twin.port)

    def everyday(self, variant: str) -> dict[str, bytes]:
        """The files of a board that has its identity and its boot status acknowledged."""
        if variant not in self._everyday:
            path = self._bench.write(self._fresh(variant))
            rig.boot_to_the_end(path, JOB_LIMIT_S)
            self._everyday[variant] = rig.on_flash(path)
            path.unlink()
        return self._everyday[variant]

    def does(self, program: Program, heap_kb: int) -> bool:
        """Whether a board does it at the first go in a heap of this size, 32 bits."""
        path = self.write(program)
        board = rig.board(path, bits=32, heap_kb=heap_kb).start()
        try:
            return rig.DONE in board.wait_for(FAILED, TRIAL_LIMIT_S)
        except MusterError:
            return False
        finally:
            board.stop()
            path.unlink()

    def says(
        self, program: Program, wanted: str, extra: Mapping[str, bytes], heap_kb: int = HIGH_KB
    ) -> list[str]:
        """The words of the first line with `wanted` that a board with these files prints, 32 bits."""
        path = self.write(program, extra)
        try:
            return said(path, wanted, heap_kb)
        finally:
            path.unlink()

    def in_use(self, program: Program) -> tuple[int, int]:
        """Bytes of heap (in use, free) after a collection, connected, the boot status acknowledged."""
        words = self.says(program, "heap ", {} if program.variant == PEER else SAYS_ITS_HEAP)
        return int(words[1]), int(words[2])

    def collections(self, program: Program) -> int:
        """Collections from the start of boot.py until the boot status is acknowledged.

        Raises MusterError when the counter has stopped: something held on to a socket of its row.
        """
        counter = mpy.Source(_COUNTER, Path(__file__).with_name(_COUNTER).read_bytes())
        extra = {f"/lib/{name}": data for name, data in mpy.compile_all([counter]).items()}
        extra[paths.BOOT] = b"import on_board_collections as collections\n" + BOOT.read_bytes()
        extra[paths.MAIN] = _main(_COLLECTIONS)
        path = self.write(program, extra)
        board = rig.board(path, bits=32, heap_kb=COUNTING_KB).start()
        try:
            count = int(board.wait_for("collections ", JOB_LIMIT_S).split()[1])
            later = int(board.wait_for("and two ", JOB_LIMIT_S).split()[2])
        finally:
            board.stop()
            path.unlink()
        if later - count != 2:
            raise MusterError(f"collections are not counted: two more made {later} of {count}")
        return count


def said(path: Path, wanted: str, heap_kb: int = HIGH_KB) -> list[str]:
    """The words of the first line with `wanted` that the board with this image prints, 32 bits."""
    board = rig.board(path, bits=32, heap_kb=heap_kb).start()
    try:
        return board.wait_for(wanted, JOB_LIMIT_S).split()
    finally:
        board.stop()
