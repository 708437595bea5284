"""The heap that each module of the device takes at import, as .mpy on flash."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter

from device.core import paths
from muster import interpreter, pack
from muster.layout import LIB
from tests.bench.common import CLOUD, NONE, Bench, Result, Row, Tell, kb, ratio
from tests.bench.heap_boards import Boards, Program

HEAP_KB = 400  # all modules at once, which no board ever has
MODULES = "/lib/"
NAMES_TABLE = "table of names"
# What a board's firmware brings comes first. With GROW the interpreter's table of names, which doubles when
# it is full, is made so large that it has room for every module's: then none of them pays for the others.
SCRIPT = """\
import asyncio, asyncio.stream, binascii, gc, hashlib, json, os, select, struct, sys, tls, vfs
sizes = [0] * {count}
gc.collect()
number = 0
before = gc.mem_alloc()
while {grow} and gc.mem_alloc() - before < 8192:
    before = gc.mem_alloc()
    getattr(gc, "name%d" % number, None)
    number += 1
    gc.collect()
gc.collect()
for at, name in enumerate({names}):
    before = gc.mem_alloc()
    __import__(name)
    gc.collect()
    sizes[at] = gc.mem_alloc() - before
print("sizes", *sizes)
"""

HOW = """\
What `gc.mem_alloc` grows by, collected before and after, when the module is imported from its .mpy on flash:
bytecode, texts, names, functions and classes, and what the module makes for itself. Each comes after the
modules that it imports at its top, so the figure is its own. A name that several modules use counts for the
first. The interpreter's table of names doubles whenever it is full, so what it grows by stands by itself: the
difference to a second run in which it has room from the start. No board has all modules at once: `claim`,
`der`, `x509` and `explain` come when they are needed, and go."""


def _imports(text: str) -> Iterator[str]:
    """Names that a module imports when it is imported itself: what stands in functions comes later."""
    waiting: list[ast.AST] = [ast.parse(text)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            waiting.extend(ast.iter_child_nodes(node))


def module_sizes(files: dict[str, bytes]) -> dict[str, int]:
    """{module: bytes of its .mpy} of everything below /lib, what is imported before what imports it."""
    sizes = {}
    for path, data in files.items():
        if path.startswith(MODULES) and path.endswith(".mpy"):
            name = path.removeprefix(MODULES).removesuffix(".mpy").removesuffix("/__init__")
            sizes[name.replace("/", ".")] = len(data)
    graph: dict[str, set[str]] = {}
    for name in sorted(sizes):
        parent = name.rpartition(".")[0]
        graph[name] = {parent} & set(sizes)
        for source in (LIB / f"{name.replace('.', '/')}.py", LIB / name.replace(".", "/") / "__init__.py"):
            if source.exists():
                graph[name] |= set(_imports(source.read_text())) & set(sizes) - {name}
    return {name: sizes[name] for name in TopologicalSorter(graph).static_order()}


def import_sizes(boards: Boards, names: list[str], grow: bool) -> dict[str, int]:
    """{module: bytes of heap that its import takes}, imported in this order."""
    script = "import pack\npack.mount()\n" + SCRIPT.format(count=len(names), names=tuple(names), grow=grow)
    words = boards.says(Program("modules", CLOUD), "sizes ", {paths.BOOT: script.encode()}, HEAP_KB)
    return dict(zip(names, map(int, words[1:]), strict=True))


def measure(bench: Bench, tell: Tell) -> Result:
    """Import all modules of a board, one after the other."""
    title, figure = "Heap by module", "heap of all device modules, for a byte of .mpy"
    reason = interpreter.missing32()
    if reason:
        return Result(title, [Row(figure, NONE, NONE, NONE)], reason, [])
    tell("modules")
    compiled = module_sizes(pack.unpacked(bench.files(CLOUD, bench.twin.port)))
    boards = Boards(bench)
    used = import_sizes(boards, list(compiled), grow=True)
    flash, heap = sum(compiled.values()), sum(import_sizes(boards, list(compiled), grow=False).values())
    details = [("module", "bytes of .mpy", "bytes of heap")]
    for name in sorted(used, key=lambda name: -used[name]):
        details.append((name, str(compiled[name]), str(used[name])))
    details.append((NAMES_TABLE, NONE, str(heap - sum(used.values()))))
    details.append(("all", str(flash), str(heap)))
    row = Row(figure, f"{ratio(heap, flash)} ({kb(heap)} of {kb(flash)})", NONE, NONE)
    return Result(title, [row], HOW, details)
