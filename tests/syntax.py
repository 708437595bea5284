"""What the rules look at: the syntax trees of Python files, their imports and their literals."""

import ast
from collections.abc import Iterator
from pathlib import Path


def python_files(root: Path, *places: str) -> Iterator[tuple[str, ast.Module]]:
    """(path relative to `root`, its syntax tree) of the Python files at or below `places`."""
    for place in places:
        start = root / place
        found = [start] if start.is_file() else sorted(start.rglob("*.py"))
        for path in found:
            yield str(path.relative_to(root)), ast.parse(path.read_text(), str(path))


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, wherever it stands; `from a import b` gives "a.b"."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            head = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{head}.{alias.name}") for alias in node.names)


def literals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, text) of every str and bytes constant except docstrings, parts of f-strings included."""
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            if isinstance(node.value, str):
                yield node.lineno, node.value
            elif isinstance(node.value, bytes):
                yield node.lineno, node.value.decode("latin-1")


def within(name: str, allowed: set[str]) -> bool:
    """True when the dotted `name` is one of `allowed` or lies below one."""
    return any(name == good or name.startswith(good + ".") for good in allowed)
