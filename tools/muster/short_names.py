"""Short names for what a board keeps for ever and nobody asks for: arguments, and what is private.

All modules of the device are looked at together, whatever is in an image: each build renames alike.
"""

import ast
import functools
from typing import NamedTuple

from muster import arguments, constants, private_names
from muster.edits import edited
from muster.layout import LIB
from muster.parsing import parsed


class Names(NamedTuple):
    """What the modules of the device have in common."""

    by_name: frozenset[str]  # by which arguments are passed
    private: dict[str, str]  # {private name: short name}


@functools.cache
def of_device() -> Names:
    """The names of all modules of the device."""
    modules = _modules()
    by_name = set[str]().union(*map(arguments.passed_by_name, modules.values()))
    return Names(frozenset(by_name), private_names.short_names(modules))


def _modules() -> dict[str, list[ast.AST]]:
    """{full name: nodes} of all modules of the device, constants in place."""
    found = {}
    for path in sorted(LIB.rglob("*.py")):
        name = path.relative_to(LIB).with_suffix("").as_posix().removesuffix("/__init__").replace("/", ".")
        found[name] = _nodes(constants.in_place(path.read_text()))
    return found


@functools.cache
def long_names() -> dict[str, dict[str, str]]:
    """{full name of a module: {short name of a function: its name in the source}}."""
    short = of_device().private
    return {
        name: {short[one]: one for one in private_names.functions(nodes) if one in short}
        for name, nodes in _modules().items()
    }


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
