"""Short names for arguments when a module is compiled for a board.

A board keeps the name of each argument in its table of names for ever, although only a call that passes it by
name (`limit_ms=5`) asks for it. So an argument that nobody passes by name gets one of a few names that all
functions share. Names of functions stay: people read them in tracebacks.
"""

import ast
import functools
from collections.abc import Iterator
from string import ascii_lowercase

from muster.edits import Edit, edited
from muster.parsing import parsed

# What an application is given: it may pass any argument by its name.
FOR_APPLICATIONS = frozenset(
    f"device/{name}.py"
    for name in ("runtime/muster", "services/url", "core/table", "core/failures", "runtime/shadows")
)
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_SHARED = {"self", "_"}  # names that all functions share already


@functools.lru_cache(maxsize=512)
def passed_by_name(source: str) -> frozenset[str]:
    """Names by which calls in a module pass arguments; none for a module with a mistake in it."""
    try:
        nodes = ast.walk(parsed(source))
    except SyntaxError:
        return frozenset()
    return frozenset(node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg)


@functools.lru_cache(maxsize=512)
def short(source: str, by_name: frozenset[str]) -> str:
    """The same module with short names for arguments; one with a mistake in it as it is.

    `by_name`: names by which arguments are passed, in any module; these stay.
    """
    try:
        tree = parsed(source)
    except SyntaxError:
        return source
    return edited(source, _shortened(tree, by_name, frozenset()))


def _shortened(node: ast.AST, kept: frozenset[str], taken: frozenset[str]) -> Iterator[Edit]:
    """Edits of all functions below `node`; `taken`: names that mean something around it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _FUNCTIONS):
            names = _new_names(child, kept, taken)
            yield from _renamed(child, names)
            yield from _shortened(child, kept | set(names), taken | _names(child) | set(names.values()))
        else:
            yield from _shortened(child, kept, taken)


def _new_names(function: _Function, kept: frozenset[str], taken: frozenset[str]) -> dict[str, str]:
    """{argument: short name} of this function, none of which means anything else within it."""
    fixed = kept | _SHARED | _bound_by_statements(function)
    used = taken | _names(function)
    free = (letter for letter in ascii_lowercase if letter not in used)
    return {
        argument.arg: next(free, argument.arg)
        for argument in _arguments(function)
        if argument.arg not in fixed and len(argument.arg) > 1
    }


def _arguments(function: _Function) -> list[ast.arg]:
    arguments = function.args
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]


def _names(function: ast.AST) -> set[str]:
    """All names that stand in a function, its arguments' and those within functions in it included."""
    nodes = list(ast.walk(function))
    return (
        {node.id for node in nodes if isinstance(node, ast.Name)}
        | {node.arg for node in nodes if isinstance(node, ast.arg)}
        | _bound_by_statements(function)
    )


def _bound_by_statements(function: ast.AST) -> set[str]:
    """Names that a statement in a function binds or declares: their places are not in the tree."""
    found: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            found |= set(node.names)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(name.asname or name.name).partition(".")[0] for name in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler)):
            found.add(node.name or "")
        if isinstance(
            node, (ast.ClassDef, ast.JoinedStr)
        ):  # attributes; and what has no place before Python 3.12
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
