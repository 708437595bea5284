"""`python -m tests.bench [NAME ...]`: measure, show progress, write docs/benchmarks.md."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from muster.errors import MusterError
from muster.layout import REPO
from muster.twin.server import running_twin
from tests.bench import (
    flash_bytes,
    flash_writes,
    heap,
    heap_modules,
    key_request,
    loop_turns,
    page,
    page_load,
    round_trips,
    row_of_boards,
    services,
    sim_rate,
    start_times,
    twin_crowd,
    twin_rate,
    unloading,
    wire_bytes,
)
from tests.bench.common import Bench, Result

MEASUREMENTS = {
    "round-trips": (round_trips,),
    "heap": (heap, unloading, heap_modules),
    "services": (services,),
    "page": (page_load,),
    "flash": (flash_bytes,),
    "writes": (flash_writes,),
    "wire": (wire_bytes,),
    "key": (key_request,),
    "twin": (twin_rate, twin_crowd),
    "fleet": (sim_rate,),
    "turns": (loop_turns,),
    "start": (start_times,),
    "row": (row_of_boards,),
}
PAGE = REPO / "docs" / "benchmarks.md"


def run(names: list[str], console: Console) -> list[Result]:
    """The results of the measurements called `names`, in their order."""
    results = []
    columns = (
        SpinnerColumn(),
        MofNCompleteColumn(),
        BarColumn(20),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with (
        tempfile.TemporaryDirectory(prefix="muster-bench-") as folder,
        running_twin(Path(folder) / "twin") as twin,
        Progress(*columns, console=console) as progress,
    ):
        bench = Bench(twin, Path(folder))
        task = progress.add_task("", total=len(names))
        for name in names:

            def tell(what: str, name: str = name) -> None:
                progress.update(task, description=f"{name}: {what}")

            results += [part.measure(bench, tell) for part in MEASUREMENTS[name]]
            progress.advance(task)
    return results


def show(results: list[Result], console: Console) -> None:
    """The first table of the page, on the terminal."""
    found = Table("figure", "ours", "peer", "ratio", "goal", "before", box=None, pad_edge=False)
    for result in results:
        for row in result.rows:
            found.add_row(*row)
    console.print(found)


def main() -> int:
    """0; 1 with a sentence when something cannot be measured."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(MEASUREMENTS)}")
    parser.add_argument(
        "--out", type=Path, help="write the page there (default: docs/benchmarks.md, whole runs only)"
    )
    options = parser.parse_args()
    unknown = set(options.names) - set(MEASUREMENTS)
    if unknown:
        parser.error(f"no measurement {unknown.pop()!r}: choose of {', '.join(MEASUREMENTS)}")
    console = Console()
    begun_s = time.monotonic()
    try:
        results = run(options.names or list(MEASUREMENTS), console)
    except MusterError as error:
        print(f"muster: {error}", file=sys.stderr)
        return error.code
    show(results, console)
    out = options.out or (None if options.names else PAGE)
    if out:
        text = page.render(results, time.monotonic() - begun_s, " ".join(options.names))
        out.write_text(text, encoding="utf-8")
        console.print(f"\nwritten: {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
