"""Short names for arguments when a module is compiled for a board.

A board keeps the name of each argument in its table of names for ever, although only a call that passes it by
name (`limit_ms=5`) asks for it. So an argument that nobody passes by name gets one of a few names that all
functions share. Names of functions stay: people read them in tracebacks.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence
from string import ascii_lowercase

from muster.edits import Edit

# What an application is given: it may pass any argument by its name.
FOR_APPLICATIONS = frozenset(
    f"device/{name}.py"
    for name in ("runtime/muster", "services/url", "core/table", "core/failures", "runtime/shadows")
)
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_SHARED = {"self", "_"}  # names that all functions share already


def passed_by_name(nodes: Sequence[ast.AST]) -> set[str]:
    """Names by which calls among the nodes of a module pass arguments."""
    return {node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg}


def edits(nodes: Sequence[ast.AST], by_name: Iterable[str]) -> Iterator[Edit]:
    """What gives arguments short names, in a module with these nodes, outer ones first.

    `by_name`: names by which arguments are passed, in any module; these stay.
    """
    around: dict[ast.AST, tuple[set[str], set[str]]] = {}  # names that stay, names that mean something
    for function in nodes:
        if isinstance(function, _FUNCTIONS):
            kept, taken = around.get(function, (set(by_name), set()))
            inside = list(ast.walk(function))
            bound = _bound_by_statements(inside)
            used = taken | bound | _names(inside)
            names = _new_names(function, kept | _SHARED | bound, used)
            if names:
                yield from _renamed(function, names)
            inner = kept | set(names), used | set(names.values())
            around.update((node, inner) for node in inside[1:] if isinstance(node, _FUNCTIONS))


def _new_names(function: _Function, kept: set[str], used: set[str]) -> dict[str, str]:
    """{argument: short name} of this function, none of which means anything else within it."""
    free = (letter for letter in ascii_lowercase if letter not in used)
    return {
        argument.arg: next(free, argument.arg)
        for argument in _arguments(function)
        if argument.arg not in kept and len(argument.arg) > 1
    }


def _arguments(function: _Function) -> list[ast.arg]:
    arguments = function.args
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]


def _names(nodes: Sequence[ast.AST]) -> set[str]:
    """The names and arguments among these nodes."""
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {
        node.arg for node in nodes if isinstance(node, ast.arg)
    }


def _bound_by_statements(nodes: Sequence[ast.AST]) -> set[str]:
    """Names that a statement among these binds or declares: their places are not in the tree.

    Also those in a class, which are attributes, and in an f-string: before Python 3.12 they have no place.
    """
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            found |= set(node.names)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(name.asname or name.name).partition(".")[0] for name in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler)):
            found.add(node.name or "")
        if isinstance(node, (ast.ClassDef, ast.JoinedStr)):
            found |= {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
    return found


def _renamed(function: _Function, names: dict[str, str]) -> Iterator[Edit]:
    """Edits of the arguments, and of their uses in the body: defaults and decorators stand outside."""
    body = function.body if isinstance(function.body, list) else [function.body]
    for node in (*_arguments(function), *(node for part in body for node in ast.walk(part))):
        if isinstance(node, (ast.Name, ast.arg)):
            name = node.id if isinstance(node, ast.Name) else node.arg
            if name in names:
                yield Edit(node.lineno, node.col_offset, node.col_offset + len(name.encode()), names[name])
