"""The boards whose heap is measured: what they do, where their code lies, and what they say of their heap."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from device.core import paths
from muster import mpy
from muster.boards import Selection
from muster.errors import MusterError
from muster.layout import BOOT, MAIN
from muster.virtual import MIN_HEAP_KB
from tests.bench.common import JOB_LIMIT_S, MAIN_JOB, PEER, Bench
from tests.system import in_place, rig

STATE = "state"
LOW_KB = MIN_HEAP_KB[32] - 1  # too little even for the interpreter and the stand-ins
HIGH_KB = 192  # a Pico W has about as much
CONFIRM = 3
COUNTING_KB = 768  # room for what counts, so that no collection is for want of room
TRIAL_LIMIT_S = 10  # a job without latency takes a fifth of a second
ALL_RUN = "all services run"
FAILED = re.compile(rf"{re.escape(rig.DONE)}|again in|MemoryError|failed|Error")
FAILED_WHOLE = re.compile(rf"{ALL_RUN}|again in|MemoryError|failed|Error|memory is short")

# A task beside the services looks once the boot status is out; the peer's script says the same by itself.
_WATCH = """\
import asyncio, gc, micropython, sys

async def look():
    while not (WHEN):
        await asyncio.sleep_ms(20)
    WHAT

if globals().get("STATE"):
    asyncio.create_task(look())
"""
_BOOTED = 'STATE and STATE.services.get("status") and STATE.services["status"].ready.is_set()'
_ALL_WELL = (
    "STATE and STATE.supervisor and "
    "not [1 for one in STATE.services.values() if one.failure or not one.ready.is_set()]"
)
# Services load more of their modules in the second after they have started.
_MORE = "await asyncio.sleep_ms(1000)\n    "
_HEAP = """micropython.qstr_info()
    gc.collect()
    print("heap", gc.mem_alloc(), gc.mem_free(), len([name for name in sys.modules if ".claim." in name]))"""
_COLLECTIONS = """print("collections", collections.stream.count)
    gc.collect()
    gc.collect()
    print("and two", collections.stream.count)"""
_COUNTER = "on_board_collections.py"


def _main(what: str, when: str = _BOOTED) -> bytes:
    watch = _WATCH.replace("WHEN", when).replace("WHAT", what).replace("STATE", STATE)
    return watch.encode() + MAIN.read_bytes()


SAYS_ITS_HEAP = {paths.MAIN: _main(_HEAP)}
SAYS_THAT_ALL_RUN = {paths.MAIN: _main(_MORE + f'print("{ALL_RUN}")', _ALL_WELL)}
SAYS_ITS_HEAP_WHEN_ALL_RUN = {paths.MAIN: _main(_MORE + _HEAP, _ALL_WELL)}


@dataclass(frozen=True)
class Program:
    """What a board does with its heap: whose main job, or the boot of a board that has its identity.

    `selection`: what its program contains. `is_whole`: it is done when all its services run, and not when
    the boot status is out.
    """

    title: str
    variant: str
    is_everyday: bool = False
    is_in_place: bool = False
    selection: Selection = MAIN_JOB
    is_whole: bool = False


class Boards:
    """Boards for every program; one identity serves all everyday boots of a variant and a selection."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._everyday: dict[tuple[str, Selection], dict[str, bytes]] = {}

    def write(self, program: Program, extra: Mapping[str, bytes] | None = None) -> Path:
        """The image of a board for one run; `extra` {path on flash: content} wins over its own files."""
        files = self.everyday(program) if program.is_everyday else self._fresh(program)
        files = {**files, **(extra or {})}
        return self._bench.write(in_place.moved(files) if program.is_in_place else files)

    def _fresh(self, program: Program) -> dict[str, bytes]:
        return self._bench.files(program.variant, self._bench.twin.port, program.selection)

    def everyday(self, program: Program) -> dict[str, bytes]:
        """The files of a board that has its identity and its boot status acknowledged."""
        key = (program.variant, program.selection)
        if key not in self._everyday:
            path = self._bench.write(self._fresh(program))
            rig.boot_to_the_end(path, JOB_LIMIT_S)
            self._everyday[key] = rig.on_flash(path)
            path.unlink()
        return self._everyday[key]

    def does(self, program: Program, heap_kb: int) -> bool:
        """Whether a board does it at the first go in a heap of this size, 32 bits."""
        path = self.write(program, SAYS_THAT_ALL_RUN if program.is_whole else None)
        done, wanted = (ALL_RUN, FAILED_WHOLE) if program.is_whole else (rig.DONE, FAILED)
        board = rig.board(path, bits=32, heap_kb=heap_kb).start()
        try:
            return done in board.wait_for(wanted, TRIAL_LIMIT_S)
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
