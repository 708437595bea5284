"""Short names for private attributes when a module is compiled for a board.

A board keeps each name for ever, and `self._provisioning` means something only within its class. So such a
name becomes one of a few, which unrelated modules share: two attributes of one module, or of a class and the
class that it inherits from, never get the same. Functions and methods keep their names: tracebacks show them.
"""

import ast
import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from string import ascii_letters

from muster.edits import Edit, edited
from muster.parsing import parsed


def short_names(sources: Mapping[str, str]) -> dict[str, str]:
    """{private attribute: short name} for a whole program, {module's full name: text}.

    Left out is what is more than an attribute of `self` anywhere: a function, a variable, a text (for
    `getattr`), or an attribute that is read from outside.
    """
    trees = {name: parsed(text) for name, text in sources.items()}
    others = set[str]().union(*map(_other_names, trees.values()))
    own = {name: _attributes(tree) - others for name, tree in trees.items()}
    rivals: dict[str, set[str]] = defaultdict(set)
    for name in trees:
        together = own[name].union(*(own[base] for base in _ancestors(name, trees)))
        for attribute in together:
            rivals[attribute] |= together - {attribute}
    free = [f"_{letter}" for letter in ascii_letters if f"_{letter}" not in others | set(rivals)]
    found: dict[str, str] = {}
    for attribute in sorted(rivals, key=lambda one: (-len(rivals[one]), one)):
        taken = {found.get(rival) for rival in rivals[attribute]}
        found[attribute] = next((short for short in free if short not in taken), attribute)
    return found


@functools.lru_cache(maxsize=512)
def short(source: str, names: frozenset[tuple[str, str]]) -> str:
    """The same module with these {attribute: short name}, as pairs; one with a mistake in it as it is."""
    try:
        tree = parsed(source)
    except SyntaxError:
        return source
    found = dict(names)
    return edited(
        source,
        (
            Edit(
                node.end_lineno or 0,
                (node.end_col_offset or 0) - len(node.attr.encode()),
                node.end_col_offset or 0,
                found[node.attr],
            )
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and _is_of_self(node) and node.attr in found
        ),
    )


def _is_of_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "self"


def _attributes(tree: ast.Module) -> set[str]:
    """Private names that are assigned to `self`."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and _is_of_self(node)
        and isinstance(node.ctx, ast.Store)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
    }


def _other_names(tree: ast.Module) -> set[str]:
    """All names, texts, and attributes of anything but `self`."""
    found: set[str] = set()
    for node in ast.walk(tree):
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


def _ancestors(name: str, trees: Mapping[str, ast.Module]) -> set[str]:
    """The modules, of these, that the classes of a module inherit from, also indirectly."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for base in _bases(trees[waiting.pop()]):
            if base in trees and base not in found:
                found.add(base)
                waiting.append(base)
    return found


def _bases(tree: ast.Module) -> Iterable[str]:
    """The modules from which a module imports the names of base classes."""
    homes = {
        alias.asname or alias.name: node.module or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                name = base.value if isinstance(base, ast.Attribute) else base
                if isinstance(name, ast.Name) and name.id in homes:
                    yield homes[name.id]
                    yield f"{homes[name.id]}.{name.id}"  # `module.Class`
