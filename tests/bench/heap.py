"""The smallest heap of the 32-bit interpreter in which the whole job succeeds, and what fills it."""

from muster import interpreter
from muster.layout import MAIN
from tests.bench.common import (
    CLOUD,
    DEVICE,
    NONE,
    PEER,
    VARIANTS,
    Bench,
    Result,
    Row,
    Tell,
    kb,
    median,
    ratio,
)

LOW_KB, HIGH_KB = 16, 192  # the upper end is a Pico W's
CONFIRM = 3
RUNS = 3
GOAL_KB = 64
TLS_KB = "27 to 30 KB"

AT_START = b'import gc\ngc.collect()\nprint("heap", gc.mem_alloc(), gc.mem_free())\n'
# A task beside the services looks once the boot status is out; the peer's script says the same by itself.
WHILE_CONNECTED = b"""\
import asyncio, gc

async def look():
    while not (context and context.services.get("status") and context.services["status"].ready.is_set()):
        await asyncio.sleep_ms(20)
    gc.collect()
    print("heap", gc.mem_alloc(), gc.mem_free())

if globals().get("context"):
    asyncio.create_task(look())
"""

HOW = """\
`-X heapsize` of the 32-bit interpreter (objects as large as a microcontroller's), bisected to 1 KB: a cold
board, from no identity to `PROVISION_STATUS` "True", at the first go, without one "trying again"; the size
given did it {confirm} times of {confirm}. *Stand-ins* is what the interpreter and the virtual board's own
modules (network, flash, LittleFS's buffers, watchdog, all in C on a real board) hold when boot.py begins: a
real board does not have it on its heap, so the job itself needs about the difference. On the other side,
this interpreter keeps its TLS buffers outside the heap; on a Pico W they are inside and take {tls} more,
one block of 16 KB in one piece. Both corrections hold for the peer as well. *Connected* is what is in use,
after a collection, once the boot status is acknowledged and the connection is open; *free* is what is left
then of a heap of {high} KB, a little less than a Pico W's."""


def smallest_kb(bench: Bench, variant: str, tell: Tell) -> int | None:
    """KB of the smallest heap that suffices; None when HIGH_KB does not."""
    failed, done = LOW_KB, HIGH_KB
    if not bench.does_job(variant, done):
        return None
    while done - failed > 1:
        middle = (failed + done) // 2
        tell(f"{variant}: {middle} KB")
        if bench.does_job(variant, middle):
            done = middle
        else:
            failed = middle
    while done < HIGH_KB and not all(bench.does_job(variant, done) for _ in range(CONFIRM)):
        done += 1  # where collections fall is not the same in each run
    return done


def in_use(bench: Bench, variant: str, name: str, text: bytes) -> tuple[float, float]:
    """Medians of (bytes in use, bytes free) that a board with `text` in file `name` reports."""
    lines = [
        bench.prints(variant, "heap ", {name: text} if text else {}, bits=32, heap_kb=HIGH_KB).split()
        for _ in range(RUNS)
    ]
    return median(int(line[1]) for line in lines), median(int(line[2]) for line in lines)


def shown(size_kb: int | None) -> str:
    """A heap size for the page."""
    return f"more than {HIGH_KB} KB" if size_kb is None else f"{size_kb} KB"


def measure(bench: Bench, tell: Tell) -> Result:
    """Bisect each variant, then look inside."""
    how = HOW.format(confirm=CONFIRM, tls=TLS_KB, high=HIGH_KB)
    reason = interpreter.missing32()
    if reason:
        return Result("Heap", [Row("smallest heap", NONE, NONE, NONE, f"{GOAL_KB} KB")], reason, [])
    tell("stand-ins")
    stand_ins, _ = in_use(bench, CLOUD, "/boot.py", AT_START)
    details = [("program", "smallest heap", "without the stand-ins", "connected", "free")]
    sizes: dict[str, int | None] = {}
    for variant in VARIANTS:
        sizes[variant] = smallest_kb(bench, variant, tell)
        size = sizes[variant]
        if size is None:
            details.append((variant, shown(size), NONE, NONE, NONE))
            continue
        text = b"" if variant == PEER else WHILE_CONNECTED + MAIN.read_bytes()
        connected, free = in_use(bench, variant, "/main.py", text)
        details.append((variant, shown(size), kb(size * 1024 - stand_ins), kb(connected), kb(free)))
    details.append(("stand-ins alone", NONE, NONE, kb(stand_ins), NONE))
    peer = sizes[PEER]
    rows = [
        Row(
            f"smallest heap, 32 bits, stand-ins included ({variant.removeprefix('ours, ')})",
            shown(sizes[variant]),
            shown(peer),
            ratio(size, peer) if (size := sizes[variant]) and peer else NONE,
            f"{GOAL_KB} KB",
        )
        for variant in (CLOUD, DEVICE)
    ]
    return Result("Heap", rows, how, details)
