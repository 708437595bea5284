"""The heap that each module of the device takes at import, as .mpy on flash; measured on 32 bits.

Objects of the 32-bit interpreter are as large as a microcontroller's. What is measured is what `gc.mem_alloc`
grows by, collected before and after: bytecode, texts, names, functions and classes, and what the module makes
for itself. Each module comes after those that it imports at its top, so the figure is its own; a name that
several modules use counts for the first.
"""

import ast
import tempfile
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

from device.core import paths
from muster.boards import FULL, STANDARD, Selection
from muster.image import board_files, build_image
from muster.layout import LIB
from muster.parsing import parsed
from muster.virtual import VirtualBoard

BOARD = "virtual"
EVERYTHING = Selection(FULL)
HEAP_KB = 1024  # all modules at once, which no board ever has
MODULES = "/lib/"
_LIMIT_S = 120  # one import of everything, on a busy machine

# What a board's firmware brings comes first. With GROW the interpreter's table of names, which doubles when
# it is full, is made so large that it has room for every module's: then none of them pays for the others.
_SCRIPT = """\
import pack
pack.mount()
import asyncio, asyncio.stream, binascii, gc, hashlib, io, json, os, select, struct, sys, tls, vfs
sizes = [0] * {count}
gc.collect()
number = 0
before = gc.mem_alloc()
while {grow} and gc.mem_alloc() - before < 16384:
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


def _imports(text: str) -> Iterator[str]:
    """Names that a module imports when it is imported itself: what stands in functions comes later."""
    waiting: list[ast.AST] = [parsed(text)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            waiting.extend(ast.iter_child_nodes(node))


def flash_sizes(files: Mapping[str, bytes]) -> dict[str, int]:
    """{module: bytes of its .mpy} of everything below /lib, what is imported before what imports it.

    `files`: {path on flash: content}, each module by itself.
    """
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
    in_order = {name: sorted(before) for name, before in graph.items()}  # a set has none
    return {name: sizes[name] for name in TopologicalSorter(in_order).static_order()}


def by_import(names: list[str], *, grow: bool, board_name: str = BOARD) -> dict[str, int]:
    """{module: bytes of heap that its import takes}, imported in this order by a virtual board.

    `grow`: the table of names has room from the start. `board_name`: whose program that is; of the virtual
    board, everything. Needs the 32-bit interpreter.
    """
    script = _SCRIPT.format(count=len(names), names=tuple(names), grow=grow)
    extra = {paths.BOOT: script.encode(), paths.MAIN: b""}
    selection = EVERYTHING if board_name == BOARD else STANDARD
    with tempfile.TemporaryDirectory(prefix="muster-heap-") as folder:
        path = Path(folder) / "flash.img"
        path.write_bytes(build_image(board_files(board_name, extra=extra, selection=selection), BOARD))
        with VirtualBoard(path, bits=32, heap_kb=HEAP_KB) as board:
            words = board.wait_for("sizes ", _LIMIT_S).split()
    return dict(zip(names, map(int, words[1:]), strict=True))
