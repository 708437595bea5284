"""The smallest heap of the 32-bit interpreter in which a board does its job, and what fills it."""

from collections.abc import Sequence
from typing import NamedTuple

from device.core import paths
from muster import interpreter
from muster.boards import Selection
from tests.bench.common import CLOUD, DEVICE, NONE, PEER, Bench, Result, Row, Tell, kb, median, ratio
from tests.bench.heap_boards import CONFIRM, HIGH_KB, LOW_KB, Boards, Program

RUNS = 3
TLS_KB = "27 to 30 KB"
BEFORE = "11fd49b"  # the commit of the column "before"


class Case(NamedTuple):
    """A program with the peer beside it, if there is one, its goal, and what it needed at BEFORE, in KB."""

    program: Program
    peer: Program | None
    goal_kb: int
    before_kb: int | None = None


PLAIN = Program(PEER, PEER)
PLAIN_IN_PLACE = Program(f"{PEER}, in place", PEER, is_in_place=True)
# A board with the profile `small` serves its page only while no TLS session is open.
SMALL = Selection("small", ("web",))
FULL = Selection("full")
CASES = (
    Case(Program("main job, cloud's key", CLOUD), PLAIN, 103, 114),
    Case(Program("main job, own key", DEVICE), PLAIN, 103, 110),
    Case(Program("everyday boot", CLOUD, is_everyday=True), None, 88, 103),
    Case(Program("main job in place, cloud's key", CLOUD, is_in_place=True), PLAIN_IN_PLACE, 75, 81),
    Case(Program("everyday boot in place", CLOUD, True, True), None, 63, 67),
    Case(Program("small, all services", CLOUD, selection=SMALL, is_whole=True), None, 150),
    Case(Program("full in place, all services", CLOUD, False, True, FULL, is_whole=True), None, 150),
)
AT_START = b'import gc\ngc.collect()\nprint("heap", gc.mem_alloc(), gc.mem_free())\n'

HOW = """\
`-X heapsize` of the 32-bit interpreter (objects as large as a microcontroller's), bisected to 1 KB; the size
given did it {confirm} times of {confirm}. *Main job*: a cold board, from no identity to `PROVISION_STATUS`
"True", at the first go, without one "trying again". *Everyday boot*: a board that has its identity, to the
acknowledged boot status; the peer knows no such boot. Both without the services that the job does not need.
*All services*: the main job with everything in the [build profile](boards.md#build-profiles), until each
service is ready and has loaded its modules, none of them stopped for want of memory; `small` without the
page, which is not served while a TLS session is open. *In place*: the compiled modules lie in a ROMFS
outside the heap (mpremote writes it) and their bytecode and constants are used where they are, as on a board
whose firmware has a ROMFS partition. *Before* is commit {before}.

*Stand-ins* is what the interpreter and the virtual board's own modules (network, flash, LittleFS's buffers,
watchdog, all in C on a real board) hold when boot.py begins: a real board does not have it on its heap, so
the job itself needs about the difference, and the difference is what to compare with the peer's. On the
other side, this interpreter keeps its TLS buffers outside the heap; on a Pico W they are inside and take
{tls} more, one block of 16 KB in one piece. Both corrections hold for the peer as well.

*Connected* is what is in use, after a collection, once the boot status is acknowledged and the connection is
open; *free* is what is left then of a heap of {high} KB, a little less than a Pico W's. *Collections* are
those from the start of boot.py to the acknowledged boot status in a heap that is large enough to need none
for want of room: what the program asks for itself, and what `gc.threshold` does. The interpreter tells
nobody of them; they are counted by a row of unused TLS sockets, of which each collection closes one."""


def smallest_kb(boards: Boards, program: Program, tell: Tell) -> int | None:
    """KB of the smallest heap that suffices; None when HIGH_KB does not."""
    failed, done = LOW_KB, HIGH_KB
    if not boards.does(program, done):
        return None
    while done - failed > 1:
        middle = (failed + done) // 2
        tell(f"{program.title}: {middle} KB")
        if boards.does(program, middle):
            done = middle
        else:
            failed = middle
    while done < HIGH_KB and not all(boards.does(program, done) for _ in range(CONFIRM)):
        done += 1  # where collections fall is not the same in each run
    return done


def shown(size_kb: int | None) -> str:
    """A heap size for the page."""
    return f"more than {HIGH_KB} KB" if size_kb is None else f"{size_kb} KB"


def detail(boards: Boards, program: Program, size_kb: int | None, stand_ins: float) -> Sequence[str]:
    """The line of the details about one program."""
    if size_kb is None:
        return (program.title, shown(size_kb), NONE, NONE, NONE, NONE)
    used = [boards.in_use(program) for _ in range(RUNS)]
    is_peer = program.variant == PEER
    collections = NONE if is_peer else f"{median(boards.collections(program) for _ in range(RUNS)):g}"
    return (
        program.title,
        shown(size_kb),
        kb(size_kb * 1024 - stand_ins),
        kb(median(in_use for in_use, _ in used)),
        kb(median(free for _, free in used)),
        collections,
    )


def measure(bench: Bench, tell: Tell) -> Result:
    """Bisect each program, then look inside."""
    how = HOW.format(confirm=CONFIRM, tls=TLS_KB, high=HIGH_KB, before=BEFORE)
    reason = interpreter.missing32()
    if reason:
        rows = [row(case, {}) for case in CASES]
        return Result("Heap", rows, reason, [])
    tell("stand-ins")
    boards = Boards(bench)
    stand_ins = median(
        int(boards.says(CASES[0].program, "heap ", {paths.BOOT: AT_START})[1]) for _ in range(RUNS)
    )
    details: list[Sequence[str]] = [
        ("program", "smallest heap", "without the stand-ins", "connected", "free", "collections")
    ]
    sizes: dict[Program, int | None] = {}
    for program in (*(case.program for case in CASES), PLAIN, PLAIN_IN_PLACE):
        sizes[program] = smallest_kb(boards, program, tell)
        details.append(detail(boards, program, sizes[program], stand_ins))
    details.append(("stand-ins alone", NONE, NONE, kb(stand_ins), NONE, NONE))
    return Result("Heap", [row(case, sizes) for case in CASES], how, details)


def row(case: Case, sizes: dict[Program, int | None]) -> Row:
    """The line of the first table; without `sizes`, that of a figure that cannot be measured."""
    ours, peer = sizes.get(case.program), sizes.get(case.peer) if case.peer else None
    return Row(
        f"smallest heap, 32 bits, stand-ins included: {case.program.title}",
        shown(ours) if sizes else NONE,
        shown(peer) if case.peer and sizes else NONE,
        ratio(ours, peer) if ours and peer else NONE,
        f"{case.goal_kb} KB",
        f"{case.before_kb} KB" if case.before_kb else NONE,
    )
