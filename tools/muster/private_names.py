"""Short names for what is private when a module is compiled for a board: attributes, functions, variables.

A board keeps each name for ever, and `self._provisioning` means something only within its class, `_ask` or
`_STEPS` only within its module. So such a name becomes one of a few, which unrelated modules share: two
names of one module, or of a class and the class that it inherits from, never get the same. Tracebacks show
the short name of a function; `muster traceback` puts the long one in its place.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from string import ascii_letters

from muster.edits import Edit

_KEYWORDS = {ast.FunctionDef: "def ", ast.AsyncFunctionDef: "async def ", ast.ClassDef: "class "}
_SHORT = [f"_{letter}" for letter in ascii_letters] + [
    f"_{a}{b}" for a in ascii_letters for b in ascii_letters
]


def short_names(modules: Mapping[str, Sequence[ast.AST]]) -> dict[str, str]:
    """{private name: short name} for a whole program, {module's full name: its nodes}.

    Left out is what is more than an attribute of `self`, a function, or a variable or class of a module
    anywhere: a local variable, a text (for `getattr`), or an attribute that is read from outside.
    """
    others = set[str]().union(*map(_other_names, modules.values()))
    own = {
        name: (_attributes(nodes) | functions(nodes) | _variables(nodes)) - others
        for name, nodes in modules.items()
    }
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
            yield _at_end(node, node.attr, names)
        elif isinstance(node, ast.alias) and node.asname and node.asname in names:
            yield _at_end(node, node.asname, names)
        elif isinstance(node, ast.Name) and node.id in names:
            yield _at_end(node, node.id, names)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name in names:
            start = node.col_offset + len(_KEYWORDS[type(node)])
            yield Edit(node.lineno, start, start + len(node.name.encode()), names[node.name])
        elif isinstance(node, ast.Global):
            yield from _of_global(node, names)


def _at_end(node: ast.expr | ast.alias, name: str, names: Mapping[str, str]) -> Edit:
    """The short name in the place of `name`, with which the node ends."""
    end = node.end_col_offset or 0
    return Edit(node.end_lineno or 0, end - len(name.encode()), end, names[name])


def _of_global(node: ast.Global, names: Mapping[str, str]) -> Iterator[Edit]:
    """The names of a `global` statement, which stand in one line with one space between them."""
    start = node.col_offset + len("global ")
    for name in node.names:
        end = start + len(name.encode())
        if name in names:
            yield Edit(node.lineno, start, end, names[name])
        start = end + len(", ")


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


def functions(nodes: Sequence[ast.AST]) -> set[str]:
    """Private functions and methods."""
    return {
        node.name
        for node in nodes
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_private(node.name)
    }


def _variables(nodes: Sequence[ast.AST]) -> set[str]:
    """Private variables and classes of a module, and what it has imported by a private name."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.alias):
            found.add(node.asname or "")
        elif isinstance(node, ast.Module):
            found |= {name for statement in node.body for name in _assigned(statement)}
    return set(filter(_is_private, found)) - functions(nodes)


def _assigned(statement: ast.stmt) -> Iterator[str]:
    """What a statement of a module assigns, also within `if`, `try` and `for`."""
    if isinstance(statement, ast.ClassDef):
        yield statement.name
    elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id


def _other_names(nodes: Sequence[ast.AST]) -> set[str]:
    """All names but private functions, which are only called, and `_variables`; texts; others' attributes."""
    called, variables = functions(nodes), _variables(nodes)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name):
            is_loaded = isinstance(node.ctx, ast.Load)
            if node.id not in variables and not (is_loaded and node.id in called):
                found.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if node.name not in called and node.name not in variables:
                found.add(node.name)
        else:
            found.update(_names_in(node))
    return found


def _names_in(node: ast.AST) -> Iterator[str]:
    """What a node other than a name or a definition names by itself."""
    if isinstance(node, ast.Attribute) and not _is_of_self(node):
        yield node.attr
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Nonlocal):
        yield from node.names
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name
    elif isinstance(node, ast.ImportFrom):
        yield from (alias.name for alias in node.names)


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
