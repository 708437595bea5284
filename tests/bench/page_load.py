"""How long the page of a board takes to load over a slow line, and what the web server takes of the heap."""

import http.client
import re
import time

from device.core import fields, paths
from muster import interpreter, microdot, mpy, page
from muster.relay import Relay
from muster.virtual import VirtualBoard
from tests.bench.common import HERE, NONE, Bench, Result, Row, Tell, kb, median, ratio
from tests.system import mishaps, rig
from tests.system.browser import port_of

LATENCY_MS = 100
RUNS = 5
GOAL_MS = 1000
HEAP_KB = 400
PEER = "microdot alone"
PATHS = ("/", "/api/claim")  # the page, and what it asks for at once
HEAP = re.compile(r"heap (\d+)$")
# The heap without and with the server; `stop` is what the supervisor does when memory is short.
WEIGHED = """
    import gc, sys
    while "microdot" not in sys.modules:
        await state.ports.clock.sleep_ms(10)
    await state.ports.clock.sleep_ms(1000)
    gc.collect()
    with_it = gc.mem_alloc()
    await state.supervisor.stop("web")
    await state.ports.clock.sleep_ms(100)
    gc.collect()
    self.say("heap %d" % (with_it - gc.mem_alloc()))
"""

HOW = """\
A relay between browser and board holds every byte back for half of {latency} ms in each direction, and a new
connection for a round trip. A load is the page ({bytes} bytes, compressed) and then the first document it
asks for, each on a connection of its own, as the board closes it after each answer: two round trips for each
are the least. Median of {runs}, 64-bit interpreter. The peer is the published microdot with the same page
and a document of the same size (`tests/bench/peer_microdot.py`): no log-in, no limits, no checks. *Heap*: 32
bits; of ours what comes back when the running server is stopped, of the peer what `gc.mem_alloc` grows by
from before its import until it serves."""


def _ours(bench: Bench, bits: int) -> VirtualBoard:
    documents = rig.documents(1, "bench-web")
    documents[paths.CONFIG] = {fields.SERVICES: {fields.CLOUD: False, "web": True}}
    extra = (
        {**mishaps.told(services=("weigher",)), **mishaps.service("weigher", WEIGHED)} if bits == 32 else {}
    )
    path = bench.folder / f"web-{bits}.img"
    path.write_bytes(rig.build(documents, extra=extra))
    return rig.board(path, bits=bits, heap_kb=HEAP_KB if bits == 32 else None)


def _peer(bench: Bench, bits: int) -> VirtualBoard:
    sources = [
        mpy.Source("peer_microdot.py", (HERE / "peer_microdot.py").read_bytes()),
        mpy.Source("microdot.py", microdot.published(), mpy.NO_LINES),
    ]
    files = {f"/lib/{name}": data for name, data in mpy.compile_all(sources).items()}
    files.update({paths.PAGE: page.built(), paths.MAIN: b"import peer_microdot\n"})
    return rig.board(bench.write(files), bits=bits, heap_kb=HEAP_KB if bits == 32 else None)


def _load_ms(port: int) -> float:
    """One load of the page through `port`."""
    start_s = time.monotonic()
    for path in PATHS:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200 or (path == "/" and body != page.built()):
            raise AssertionError(f"{path}: {answer.status}, {len(body)} bytes")
    return (time.monotonic() - start_s) * 1000


def _loads(board: VirtualBoard) -> list[float]:
    with board, Relay("127.0.0.1", port_of(board), latency_ms=LATENCY_MS) as relay:
        _load_ms(relay.port)
        return [_load_ms(relay.port) for _ in range(RUNS)]


def _heap(board: VirtualBoard) -> int:
    with board:
        found = HEAP.search(board.wait_for(HEAP, 60))
        assert found
        return int(found[1])


def measure(bench: Bench, tell: Tell) -> Result:
    """Ours and the peer, loaded in turn."""
    loads = {}
    for name, make in (("ours", _ours), (PEER, _peer)):
        tell(f"{name}, {LATENCY_MS} ms")
        loads[name] = _loads(make(bench, 64))
    ours, peer = median(loads["ours"]), median(loads[PEER])
    rows = [
        Row(
            f"page load over {LATENCY_MS} ms",
            f"{ours:.0f} ms",
            f"{peer:.0f} ms ({PEER})",
            ratio(ours, peer),
            f"at most {GOAL_MS} ms",
        )
    ]
    heaps = (NONE, NONE)
    if not interpreter.missing32():
        tell("heap")
        own, others = _heap(_ours(bench, 32)), _heap(_peer(bench, 32))
        heaps = (kb(own), kb(others))
        rows.append(
            Row(
                "heap of the web server",
                *(kb(own), f"{kb(others)} ({PEER})"),
                ratio(own, others),
                "at most 29 KB",
            )
        )
    details = [("program", "least ms", "median ms", "most ms", "heap")]
    for name, heap in zip(loads, heaps, strict=True):
        times = loads[name]
        details.append((name, f"{min(times):.0f}", f"{median(times):.0f}", f"{max(times):.0f}", heap))
    how = HOW.format(latency=LATENCY_MS, bytes=len(page.built()), runs=RUNS)
    return Result("The page of a board", rows, how, details)
