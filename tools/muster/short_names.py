"""Short names for what a board keeps for ever and nobody asks for: arguments and private attributes.

All modules of the device are looked at together, whatever is in an image: each build renames alike.
"""

import ast
import functools
from typing import NamedTuple

from muster import arguments, attributes
from muster.edits import edited
from muster.layout import LIB
from muster.parsing import parsed


class Names(NamedTuple):
    """What the modules of the device have in common."""

    by_name: frozenset[str]  # by which arguments are passed
    attributes: dict[str, str]  # {private attribute: short name}


@functools.cache
def of_device() -> Names:
    """The names of all modules of the device."""
    modules = {}
    for path in sorted(LIB.rglob("*.py")):
        full = path.relative_to(LIB).with_suffix("").as_posix().removesuffix("/__init__").replace("/", ".")
        modules[full] = _nodes(path.read_text())
    by_name = set[str]().union(*map(arguments.passed_by_name, modules.values()))
    return Names(frozenset(by_name), attributes.short_names(modules))


@functools.lru_cache(maxsize=512)
def shortened(name: str, text: str) -> str:
    """The module `name` (device/core/fields.py) with short names; one with a mistake in it as it is."""
    nodes = _nodes(text)
    names = of_device()
    edits = list(attributes.edits(nodes, names.attributes))
    if name not in arguments.FOR_APPLICATIONS:
        edits += arguments.edits(nodes, names.by_name)
    return edited(text, edits)


def _nodes(text: str) -> list[ast.AST]:
    """All nodes of a module, outer ones first; none of one with a mistake, which the compiler will tell."""
    try:
        return list(ast.walk(parsed(text)))
    except SyntaxError:
        return []
