"""The longest turn of a board's event loop: while one task computes, every other one waits."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from device.core import fields, paths
from muster import application, image
from muster.boards import Selection
from muster.relay import Relay
from muster.virtual import VirtualBoard
from tests.bench.common import CLOUD, JOB_LIMIT_S, NONE, Bench, Result, Row, Tell, median
from tests.system import rig
from tests.system.browser import HASH, Browser, port_of

RUNS = 3
HEAP_KB = 400  # 64 bits: about what fits into 200 KB of a microcontroller
LIMIT_S = 60
APPLICATION = Path(__file__).with_name("on_board_turns.py")
TURN = re.compile(r"^longest turn (\d+)$")
IDLE, PAGE, LOG_IN, RECONNECT = "idle", "page loaded", "log-in", "connection lost, and made again"
TABLES = {"put": "database: put", "find": "database: find", "compact": "database: compaction"}
DOINGS = (IDLE, PAGE, LOG_IN, *TABLES.values(), RECONNECT)
IDLE_WINDOWS = 8

HOW = """\
An application (`tests/bench/on_board_turns.py`) sleeps for 1 ms again and again, and notes how long it really
took: the longest is the longest time for which the loop served nobody else, collections included. A virtual
board with every service, connected; 64 bits, a heap of {heap} KB, {runs} runs, medians of each run's longest.
On a microcontroller every turn is longer, and the handshake of TLS is one long turn; whatever else the
machine of this bench does makes them longer, too. *Page*: `/` and `/api/claim`; *log-in*: the hash of the
password, then `/api/status`; *find* looks through a table and finds nothing; *compaction*: a few documents
are written again and again, and what is out of date is removed."""


def files(bench: Bench, port: int, folder: Path) -> dict[str, bytes]:
    """{path on flash: content} of a board with all services, its claim, a password and the application."""
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_bytes(APPLICATION.read_bytes())
    whole = bench.files(CLOUD, port, Selection("full"))
    web = {paths.WEB: image.strict_json({fields.PASSWORD: HASH, fields.LISTEN: ["127.0.0.1:0"]})}
    return {**whole, **web, **application.files_of(folder)}


def longest_ms(lines: Sequence[str]) -> float:
    """The longest turn that these lines of a console tell of."""
    return max(int(found[1]) for found in map(TURN.match, lines) if found) / 1000


def during(board: VirtualBoard, work: Callable[[], object]) -> float:
    """The longest turn while `work` is done, from outside the board."""
    start = len(board.lines)
    work()
    windows(board, 1)
    return longest_ms(board.lines[start:])


def windows(board: VirtualBoard, count: int) -> None:
    """Wait until the board has told of that many more windows."""
    for _ in range(count):
        board.wait_for(TURN, LIMIT_S, start=len(board.lines))


def of_tables(board: VirtualBoard) -> Mapping[str, float]:
    """The longest turn of each work with tables, which the application does by itself."""
    found = {}
    for name, doing in TABLES.items():
        board.wait_for(f"end {name}", LIMIT_S)
        start = board.lines.index(f"begin {name}")
        windows(board, 1)
        found[doing] = longest_ms(board.lines[start:])
    return found


def once(bench: Bench) -> Mapping[str, float]:
    """{doing: ms of its longest turn} of one board."""
    with Relay("127.0.0.1", bench.twin.port) as relay:
        path = bench.write(files(bench, relay.port, bench.folder / "turns"))
        with rig.board(path, heap_kb=HEAP_KB) as board:
            browser = Browser(port_of(board))
            board.wait_for(rig.DONE, JOB_LIMIT_S)
            found = dict(of_tables(board))
            found[IDLE] = during(board, lambda: windows(board, IDLE_WINDOWS))
            found[PAGE] = during(board, lambda: (browser.ask("GET", "/"), browser.get("/api/claim")))
            found[LOG_IN] = during(board, lambda: browser.log_in().get("/api/status"))

            def reconnect() -> None:
                start = len(board.lines)
                relay.cut_after_total = relay.bytes_up + relay.bytes_down + 1
                board.wait_for("mqtt       connected to", LIMIT_S, start=start)

            found[RECONNECT] = during(board, reconnect)
        path.unlink()
    return found


def measure(bench: Bench, tell: Tell) -> Result:
    """Some boards, one after the other."""
    runs = []
    for number in range(RUNS):
        tell(f"turns of the loop: {number + 1} of {RUNS}")
        runs.append(once(bench))
    rows, details = [], [("while", "least", "median", "most")]
    for doing in DOINGS:
        times = [run[doing] for run in runs]
        details.append((doing, *(f"{value:.1f} ms" for value in (min(times), median(times), max(times)))))
        rows.append(Row(f"longest turn of the loop: {doing}", f"{median(times):.0f} ms", NONE, NONE))
    how = HOW.format(heap=HEAP_KB, runs=RUNS)
    return Result("Turns of the loop", rows, how, details)
