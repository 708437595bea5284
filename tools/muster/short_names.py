"""Short names for what a board keeps for ever and nobody asks for: arguments, and what is private.

All modules of the device are looked at together, whatever is in an image: each build renames alike.
"""

import ast
import functools
from typing import NamedTuple

from muster import arguments, private_names
from muster.edits import edited
from muster.layout import LIB
from muster.parsing import parsed

# In the profile `small` these have no line numbers in tracebacks, so their functions keep their names.
LOW = ("device/core/", "device/port/")


class Names(NamedTuple):
    """What the modules of the device have in common."""

    by_name: frozenset[str]  # by which arguments are passed
    private: dict[str, str]  # {private name: short name}


@functools.cache
def of_device() -> Names:
    """The names of all modules of the device."""
    modules, low = {}, set()
    for path in sorted(LIB.rglob("*.py")):
        name = path.relative_to(LIB).with_suffix("").as_posix()
        full = name.removesuffix("/__init__").replace("/", ".")
        modules[full] = _nodes(path.read_text())
        if name.startswith(LOW):
            low.add(full)
    by_name = set[str]().union(*map(arguments.passed_by_name, modules.values()))
    return Names(frozenset(by_name), private_names.short_names(modules, low))


@functools.lru_cache(maxsize=512)
def shortened(name: str, text: str) -> str:
    """The module `name` (device/core/fields.py) with short names; one with a mistake in it as it is."""
    nodes = _nodes(text)
    names = of_device()
    edits = list(private_names.edits(nodes, names.private))
    if name not in arguments.FOR_APPLICATIONS:
        edits += arguments.edits(nodes, names.by_name)
    return edited(text, edits)


def _nodes(text: str) -> list[ast.AST]:
    """All nodes of a module, outer ones first; none of one with a mistake, which the compiler will tell."""
    try:
        return list(ast.walk(parsed(text)))
    except SyntaxError:
        return []
