"""Constants put in their places when a module is compiled for a board.

The names of keys, paths and topics have one home each (device/core), and on a board each name would take
memory in every module that uses it, and the homes would be loaded only to be asked. So `fields.SERIAL_ID`
becomes `"SERIAL_ID"`, a private `_LIMIT_MS = 15000` of the module becomes 15000, and what is not used any
more is not imported. A home that has functions too loses the constants that nothing asks it for any more.
"""

import ast
import functools
import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from muster.edits import Edit, edited
from muster.parsing import parsed

# Module whose constants are used as `module.NAME` -> its package.
HOMES = {
    **dict.fromkeys(
        ("datagrams", "der", "fields", "log_format", "paths", "pem", "shadow_topics", "slots", "topics"),
        "device.core",
    ),
    **dict.fromkeys(("journal", "provision"), "device.claim"),
}


@functools.cache
def _values(home: str) -> Mapping[str, Any]:
    """{name: value} of the constants in a home."""
    module = importlib.import_module(f"{HOMES[home]}.{home}")
    return {name: value for name, value in vars(module).items() if name.isupper() and _is_plain(value)}


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return isinstance(value, (str, bytes, int))


@functools.lru_cache(maxsize=8)
def _nodes(tree: ast.Module) -> list[ast.AST]:
    """All nodes of a module: each build looks at those of every module many times."""
    return list(ast.walk(tree))


@functools.lru_cache(maxsize=256)
def in_place(source: str, unasked: frozenset[str] = frozenset()) -> str:
    """The same module with constants in the places of their names; one with a mistake in it as it is.

    The compiler then says what is wrong with it. `unasked`: public constants of the module that no other
    module asks it for.
    """
    try:
        tree = parsed(source)
    except SyntaxError:
        return source
    homes = _imported_homes(tree)
    private = _own_constants(tree, unasked)
    changes = [_put(node, _values(node.value.id)[node.attr]) for node in _uses_of_homes(tree, homes)]  # type: ignore[attr-defined]
    changes += [_put(node, private[node.id]) for node in _uses_of_private(tree, private)]
    changes += _without_assignments(tree, private)
    changes += _without_imports(tree, homes)
    return edited(source, changes)


@functools.lru_cache(maxsize=1024)
def imports(source: str, home: str) -> bool:
    """Whether a module imports the home of constants, anywhere; False for one with a mistake in it."""
    if home not in source:
        return False
    try:
        tree = parsed(source)
    except SyntaxError:
        return False
    return any(
        name.name == home
        for node in _nodes(tree)
        if isinstance(node, ast.ImportFrom) and node.module == HOMES[home]
        for name in node.names
    )


@functools.lru_cache(maxsize=1024)
def asked(source: str) -> frozenset[str]:
    """What a module, with its constants in place, asks others for by name."""
    try:
        nodes = _nodes(parsed(source))
    except SyntaxError:
        return frozenset()
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    imports = {name.name for node in nodes if isinstance(node, ast.ImportFrom) for name in node.names}
    return frozenset(attributes | imports)


def unasked(home: str, others: Iterable[str]) -> frozenset[str]:
    """The constants of a home that none of these modules, with their constants in place, asks it for."""
    return frozenset(_values(home)).difference(*map(asked, others))


def _imported_homes(tree: ast.Module) -> set[str]:
    """The homes that this module imports by their own names, at its top, and never binds otherwise."""
    found = {
        name.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if HOMES.get(name.name) == node.module and name.asname is None
    }
    return found - _bound(tree) - _in_f_strings(tree)


def _bound(tree: ast.Module) -> set[str]:
    """Names that are assigned to, or are arguments, anywhere."""
    stored = {node.id for node in _nodes(tree) if isinstance(node, ast.Name) and _is_stored(node)}
    return stored | {node.arg for node in _nodes(tree) if isinstance(node, ast.arg)}


def _is_stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, (ast.Store, ast.Del))


def _own_constants(tree: ast.Module, unasked: frozenset[str]) -> dict[str, Any]:
    """{name: value} of the module's own constants: numbers or texts, assigned once, at its top.

    Those that are private, or `unasked`.
    """
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and len(node.targets) == 1:
            name = getattr(node.targets[0], "id", "")
            is_own = name.startswith("_") or name in unasked
            if is_own and name.isupper() and _is_short(node.value.value):
                found[name] = node.value.value
    stored = [node.id for node in _nodes(tree) if isinstance(node, ast.Name) and _is_stored(node)]
    changed = {name for node in _nodes(tree) if isinstance(node, ast.Global) for name in node.names}
    arguments = {node.arg for node in _nodes(tree) if isinstance(node, ast.arg)}
    elsewhere = changed | arguments | _in_f_strings(tree)
    return {name: value for name, value in found.items() if stored.count(name) == 1 and name not in elsewhere}


def _in_f_strings(tree: ast.Module) -> set[str]:
    """Names within f-strings. They stay: a text in there would need other quotes than those around it."""
    strings = [node for node in _nodes(tree) if isinstance(node, ast.JoinedStr)]
    return {node.id for string in strings for node in ast.walk(string) if isinstance(node, ast.Name)}


def _is_short(value: object) -> bool:
    return isinstance(value, int | str | bytes) and len(repr(value)) < 40


def _uses_of_homes(tree: ast.Module, homes: set[str]) -> Iterator[ast.Attribute]:
    for node in _nodes(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in homes
            and node.attr in _values(node.value.id)
        ):
            yield node


def _uses_of_private(tree: ast.Module, private: Mapping[str, Any]) -> Iterator[ast.Name]:
    for node in _nodes(tree):
        if isinstance(node, ast.Name) and node.id in private and isinstance(node.ctx, ast.Load):
            yield node


def _put(node: ast.expr, value: object) -> Edit:
    assert node.end_col_offset is not None and node.lineno == node.end_lineno, "a name stands on one line"
    text = repr(value)
    return Edit(node.lineno, node.col_offset, node.end_col_offset, f"({text})" if text[0] == "-" else text)


def _without_assignments(tree: ast.Module, private: Mapping[str, Any]) -> list[Edit]:
    return [
        Edit(node.lineno, 0, node.end_col_offset or 0, "")
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in private
    ]


def _without_imports(tree: ast.Module, homes: set[str]) -> list[Edit]:
    """Imports without the homes of which only constants were used."""
    replaced = {id(node.value) for node in _uses_of_homes(tree, homes)}
    used = {node.id for node in _nodes(tree) if isinstance(node, ast.Name) and id(node) not in replaced}
    changes = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.lineno == node.end_lineno:
            gone = {home for home in homes - used if HOMES[home] == node.module}
            left = [name for name in node.names if name.name not in gone]
            if len(left) == len(node.names):
                continue
            words = ", ".join(f"{name.name} as {name.asname}" if name.asname else name.name for name in left)
            text = f"from {node.module} import {words}" if left else ""
            changes.append(Edit(node.lineno, 0, node.end_col_offset or 0, text))
    return changes
