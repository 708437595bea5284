"""Short names for private attributes when a module is compiled for a board.

A board keeps each name for ever, and `self._provisioning` means something only within its class. So such a
name becomes one of a few, which unrelated modules share: two attributes of one module, or of a class and the
class that it inherits from, never get the same. Functions and methods keep their names: tracebacks show them.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from string import ascii_letters

from muster.edits import Edit


def short_names(modules: Mapping[str, Sequence[ast.AST]]) -> dict[str, str]:
    """{private attribute: short name} for a whole program, {module's full name: its nodes}.

    Left out is what is more than an attribute of `self` anywhere: a function, a variable, a text (for
    `getattr`), or an attribute that is read from outside.
    """
    others = set[str]().union(*map(_other_names, modules.values()))
    own = {name: _attributes(nodes) - others for name, nodes in modules.items()}
    bases = {name: set(_bases(nodes)) & set(modules) for name, nodes in modules.items()}
    rivals: dict[str, set[str]] = defaultdict(set)
    for name in modules:
        together = own[name].union(*(own[base] for base in _ancestors(name, bases)))
        for attribute in together:
            rivals[attribute] |= together - {attribute}
    free = [f"_{letter}" for letter in ascii_letters if f"_{letter}" not in others | set(rivals)]
    found: dict[str, str] = {}
    for attribute in sorted(rivals, key=lambda one: (-len(rivals[one]), one)):
        taken = {found.get(rival) for rival in rivals[attribute]}
        found[attribute] = next((short for short in free if short not in taken), attribute)
    return found


def edits(nodes: Sequence[ast.AST], names: Mapping[str, str]) -> Iterator[Edit]:
    """What gives attributes these {attribute: short name}, in a module with these nodes."""
    for node in nodes:
        if isinstance(node, ast.Attribute) and _is_of_self(node) and node.attr in names:
            end = node.end_col_offset or 0
            yield Edit(node.end_lineno or 0, end - len(node.attr.encode()), end, names[node.attr])


def _is_of_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "self"


def _attributes(nodes: Sequence[ast.AST]) -> set[str]:
    """Private names that are assigned to `self`."""
    return {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute)
        and _is_of_self(node)
        and isinstance(node.ctx, ast.Store)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
    }


def _other_names(nodes: Sequence[ast.AST]) -> set[str]:
    """All names, texts, and attributes of anything but `self`."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Attribute) and not _is_of_self(node):
            found.add(node.attr)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
    return found


def _ancestors(name: str, bases: Mapping[str, set[str]]) -> set[str]:
    """The modules that the classes of a module inherit from, also indirectly."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = bases[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def _bases(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """The modules from which a module imports the names of base classes."""
    homes = {
        alias.asname or alias.name: node.module or ""
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                name = base.value if isinstance(base, ast.Attribute) else base
                if isinstance(name, ast.Name) and name.id in homes:
                    yield homes[name.id]
                    yield f"{homes[name.id]}.{name.id}"  # `module.Class`
