"""Short names for private attributes, methods and functions when a module is compiled for a board.

A board keeps each name for ever, and `self._provisioning` means something only within its class, `_ask`
only within its module. So such a name becomes one of a few, which unrelated modules share: two names of one
module, or of a class and the class that it inherits from, never get the same. Tracebacks show the short name
of a function, so functions keep theirs where a traceback may have no line number to find them by.
"""

import ast
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from string import ascii_letters

from muster.edits import Edit

_SHORT = [f"_{letter}" for letter in ascii_letters] + [
    f"_{a}{b}" for a in ascii_letters for b in ascii_letters
]


def short_names(
    modules: Mapping[str, Sequence[ast.AST]], keep_functions: Container[str] = ()
) -> dict[str, str]:
    """{private name: short name} for a whole program, {module's full name: its nodes}.

    `keep_functions`: the modules whose functions and methods keep their names. Left out is what is more than
    an attribute of `self` or a function anywhere: a variable, a text (for `getattr`), or an attribute that is
    read from outside.
    """
    functions = {
        name: set() if name in keep_functions else _functions(nodes) for name, nodes in modules.items()
    }
    others = set[str]().union(*(_other_names(nodes, functions[name]) for name, nodes in modules.items()))
    own = {name: (_attributes(nodes) | functions[name]) - others for name, nodes in modules.items()}
    bases = {name: set(_bases(nodes)) & set(modules) for name, nodes in modules.items()}
    rivals: dict[str, set[str]] = defaultdict(set)
    for name in modules:
        together = own[name].union(*(own[base] for base in _ancestors(name, bases)))
        for one in together:
            rivals[one] |= together - {one}
    taken_names = others | set(rivals)
    free = [short for short in _SHORT if short not in taken_names]
    found: dict[str, str] = {}
    for one in sorted(rivals, key=lambda one: (-len(rivals[one]), one)):
        taken = {found.get(rival) for rival in rivals[one]}
        found[one] = next((short for short in free if short not in taken), one)
    return found


def edits(nodes: Sequence[ast.AST], names: Mapping[str, str]) -> Iterator[Edit]:
    """What gives private names these {name: short name}, in a module with these nodes."""
    for node in nodes:
        if isinstance(node, ast.Attribute) and _is_of_self(node) and node.attr in names:
            end = node.end_col_offset or 0
            yield Edit(node.end_lineno or 0, end - len(node.attr.encode()), end, names[node.attr])
        elif isinstance(node, ast.Name) and node.id in names:
            yield Edit(node.lineno, node.col_offset, node.end_col_offset or 0, names[node.id])
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in names:
            start = node.col_offset + len("def " if isinstance(node, ast.FunctionDef) else "async def ")
            yield Edit(node.lineno, start, start + len(node.name.encode()), names[node.name])


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


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
        and _is_private(node.attr)
    }


def _functions(nodes: Sequence[ast.AST]) -> set[str]:
    """Private functions and methods."""
    return {
        node.name
        for node in nodes
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_private(node.name)
    }


def _other_names(nodes: Sequence[ast.AST], functions: Container[str]) -> set[str]:
    """All names but those of `functions`, which are only called; all texts, and attributes of others."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Attribute) and not _is_of_self(node):
            found.add(node.attr)
        elif isinstance(node, ast.Name):
            if node.id not in functions or not isinstance(node.ctx, ast.Load):
                found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if node.name not in functions:
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
