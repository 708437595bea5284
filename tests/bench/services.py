"""The flash and the heap that each service takes, alone and together, beside the size budget."""

import json
from collections.abc import Iterable, Mapping, Sequence

from device.core import fields, paths
from muster import image, interpreter
from muster.boards import BUILD_PROFILES, Selection, all_services, described, profile
from muster.checks import heap, size
from tests.bench.common import CLOUD, NONE, OF_MAIN_JOB, Bench, Result, Row, Tell, kb, median
from tests.bench.heap_boards import SAYS_ITS_HEAP_WHEN_ALL_RUN, Boards, Program
from tests.system import combinations

RUNS = 3
WHOLE = Selection("full")
HEAP_KB = 512
PROGRAM = Program("all services", CLOUD, is_everyday=True, selection=WHOLE)

HOW = """\
*Flash*: bytes of the compiled modules that an image without the service does not contain; for a profile, all
of its modules. *Code*: the heap that the import of these modules takes, as in "Heap by module". *Budget*:
what firmware/size_budget.csv allows them together; published packages, which it does not know, count as they
are. *Together* and *alone*: bytes in use after a collection on a board that is connected and whose services
are all ready, 32 bits, median of {runs}: what all services take more than all but this one, and what this
one takes more than {job} alone. config.json switches the others off, so what needs the service is off as
well. A service that is done and unloaded takes little; one that loads its modules when it is asked for
something takes them only then."""


def own_modules(name: str) -> list[str]:
    """The modules that are in an image for this service alone, as `heap` names them."""
    whole = profile(heap.BOARD, selection=WHOLE)
    others = profile(heap.BOARD, selection=Selection("full", (name,)))
    return _names({path.as_posix() for path in whole.modules} - {path.as_posix() for path in others.modules})


def _names(files: Iterable[str]) -> list[str]:
    return sorted(path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in files)


def switched(off: frozenset[str]) -> Mapping[str, bytes]:
    """{path on flash: config.json} that switches these services off."""
    document = {fields.SERVICES: combinations.switches(described(all_services()), off)}
    return {paths.CONFIG: json.dumps(document).encode()}


def in_use(boards: Boards, off: Iterable[str]) -> float:
    """Bytes in use, connected, after a collection, with these services switched off."""
    extra = {**SAYS_ITS_HEAP_WHEN_ALL_RUN, **switched(frozenset(off))}
    return median(int(boards.says(PROGRAM, "heap ", extra, HEAP_KB)[1]) for _ in range(RUNS))


def line(
    what: str, names: Sequence[str], flash: Mapping[str, int], code: Mapping[str, int]
) -> tuple[str, ...]:
    """The cells about these modules: their bytes and their heap, each with its budget."""
    budget = size.BUDGET.read()

    def cells(sizes: Mapping[str, int], column: str) -> tuple[str, str]:
        limits = (budget[column].get(name.replace(".", "/"), sizes[name]) for name in names)
        return kb(sum(sizes[name] for name in names)), kb(sum(limits))

    return (what, *cells(flash, size.FLASH), *(cells(code, size.HEAP) if code else (NONE, NONE)))


def measure(bench: Bench, tell: Tell) -> Result:
    """Each service, then each profile."""
    flash = heap.flash_sizes(image.single_files(heap.BOARD, selection=WHOLE))
    reason = interpreter.missing32()
    code = {} if reason else heap.by_import(list(flash), grow=True)
    names = all_services()
    boards = Boards(bench)
    together = alone = 0.0
    if not reason:
        tell("all services")
        together = in_use(boards, ())
        alone = in_use(boards, set(names) - set(OF_MAIN_JOB))
    details: list[Sequence[str]] = [("what", "flash", "budget", "code", "budget", "together", "alone")]
    for name in names:
        found = [NONE, NONE]
        if not reason:
            tell(name)
            found[0] = kb(together - in_use(boards, {name}))
            if name not in OF_MAIN_JOB:
                found[1] = kb(in_use(boards, set(names) - {name, *OF_MAIN_JOB}) - alone)
        details.append((*line(name, own_modules(name), flash, code), *found))
    details.append(("all services", NONE, NONE, NONE, NONE, kb(together), NONE))
    details.append((f"only {' '.join(OF_MAIN_JOB)}", NONE, NONE, NONE, NONE, kb(alone), NONE))
    rows = []
    for build in BUILD_PROFILES:
        parts = list(heap.flash_sizes(image.single_files(heap.BOARD, selection=Selection(build))))
        cells = line(f"profile {build}", parts, flash, code)
        details.append((*cells, NONE, NONE))
        figure = f"profile {build}: modules on flash, heap if all are loaded"
        rows.append(Row(figure, f"{cells[1]}, {cells[3]}", NONE, NONE))
    how = reason or HOW.format(runs=RUNS, job=", ".join(OF_MAIN_JOB))
    return Result("Services and profiles", rows, how, details)
