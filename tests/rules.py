"""The rules of the tree (docs/development.md, "Rules"), each a function of a folder.

A rule takes the root of a tree laid out like this repository and returns one line per breach,
`path:line: what`; an empty list means that the tree keeps the rule.
"""

import ast
import re
from collections.abc import Callable
from pathlib import Path

from device.core import fields, paths
from syntax import imported, literals, python_files, within

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
MAX_COMPOSITION_LINES = 40
LONG_MARK = "# long:"

# What computes only: no clock, no file, no socket.
PURE = {"json", "struct", "binascii", "hashlib", "collections.namedtuple"}
# Which packages of the device a package may import; each arrow runs one way.
ARROWS = {
    "core": {"device.core"},
    "claim": {"device.core", "device.claim"},
    "port": {"device.core", "device.port", "device._build"},
    "runtime": {"device.core", "device.runtime"},
    "services": {"device.core", "device.claim", "device.runtime", "device.web"},
    "web": {"device.core", "device.runtime", "device.web"},
}
# What the lower parts of the host may import of muster: who uses them is above them.
_BASE = {"muster.errors", "muster.files", "muster.printable"}
HOST_ARROWS = {
    "registry": _BASE | {"muster.registry"},
    "enrolment": _BASE | {"muster.registry", "muster.enrolment"},
    "twin": _BASE | {"muster.registry", "muster.enrolment", "muster.twin"},
    "mpy.py": _BASE
    | {
        "muster.boards",
        "muster.constants",
        "muster.layout",
        "muster.microdot",
        "muster.short_names",
        "muster.umqtt",
    },
}
TWIN_MAY_IMPORT = {f"device.core.{name}" for name in ("fields", "paths", "topics", "shadow_topics")}
NOT_ON_MICROPYTHON = set(
    [
        "abc",
        "contextlib",
        "copy",
        "dataclasses",
        "enum",
        "functools",
        "importlib",
        "itertools",
        "logging",
        "pathlib",
        "traceback",
        "typing",
        "__future__",
    ]
)
TOPIC_PARTS = ("$aws/", "/accepted", "/rejected", "/booted")
# Names of files that mean something off the board too.
COMMON_FILES = {"boot.py", "main.py"}
REGISTRY_OR_MACHINE = re.compile(r"(^|[^A-Za-z0-9_./-])/(work|farm)/|://[^ ]*/(simple|debian|packages)/")

Rule = Callable[[Path], list[str]]


def _bad_imports(root: Path, place: str, bad: Callable[[str, str], bool], why: str) -> list[str]:
    return [
        f"{path}:{line}: imports {name}; {why}"
        for path, tree in python_files(root, place)
        for line, name in imported(tree)
        if bad(path, name)
    ]


def core_is_pure(root: Path) -> list[str]:
    """core imports only core and json, struct, binascii, hashlib, namedtuple; claim the same and claim."""

    def found(package: str) -> list[str]:
        allowed = ARROWS[package] | PURE
        return _bad_imports(
            root, f"lib/device/{package}", lambda _, name: not within(name, allowed), f"{package} may not"
        )

    return found("core") + found("claim")


def arrows_run_one_way(root: Path) -> list[str]:
    """Each package of the device imports only those of ARROWS; a relative import hides where it leads."""

    def found(package: str, allowed: set[str]) -> list[str]:
        def bad(_: str, name: str) -> bool:
            return name.startswith(".") or (within(name, {"device"}) and not within(name, allowed))

        return _bad_imports(root, f"lib/device/{package}", bad, f"{package} may not")

    return [line for package, allowed in ARROWS.items() for line in found(package, allowed)]


def host_arrows_run_one_way(root: Path) -> list[str]:
    """registry, enrolment, twin and mpy import only those of HOST_ARROWS."""

    def found(place: str, allowed: set[str]) -> list[str]:
        def bad(_: str, name: str) -> bool:
            return name.startswith(".") or (within(name, {"muster"}) and not within(name, allowed))

        return _bad_imports(root, f"tools/muster/{place}", bad, f"{place} may not")

    return [line for place, allowed in HOST_ARROWS.items() for line in found(place, allowed)]


_MAY_IMPORT_PORTS = ("lib/device/port/", "lib/device/diagnose.py")


def only_boot_and_main_compose_ports(root: Path) -> list[str]:
    """Outside boot.py, main.py and tests, only port imports port; and what a person starts at the prompt."""
    return [
        line
        for place in ("lib", "tools", "firmware")
        for line in _bad_imports(
            root,
            place,
            lambda path, name: within(name, {"device.port"}) and not path.startswith(_MAY_IMPORT_PORTS),
            "only boot.py and main.py do",
        )
    ]


def twin_shares_names_only(root: Path) -> list[str]:
    """The twin takes names and formats from the device, never behaviour, or it would prove nothing."""
    return _bad_imports(
        root,
        "tools/muster/twin",
        lambda _, name: within(name, {"device"}) and not within(name, TWIN_MAY_IMPORT),
        "the twin shares names only",
    )


def device_imports_exist(root: Path) -> list[str]:
    """Device code imports nothing that MicroPython lacks."""
    return _bad_imports(
        root,
        "lib",
        lambda _, name: name.split(".")[0] in NOT_ON_MICROPYTHON,
        "MicroPython has no such module",
    )


def tests_import_no_tests(root: Path) -> list[str]:
    """No test module imports another."""
    return _bad_imports(
        root,
        "tests",
        lambda _, name: any(part.startswith("test_") for part in name.split(".")),
        "what test modules share is in a module of its own",
    )


def _bad_literals(root: Path, home: str, bad: Callable[[str], bool], why: str) -> list[str]:
    return [
        f"{path}:{line}: {text[:60]!r}; {why}"
        for path, tree in python_files(root, "lib", "tools", "firmware", "boot.py", "main.py")
        if path != home
        for line, text in literals(tree)
        if bad(text)
    ]


def topics_have_one_home(root: Path) -> list[str]:
    """No part of a topic stands outside core/topics.py."""
    home = "lib/device/core/topics.py"
    return _bad_literals(
        root, home, lambda text: any(part in text for part in TOPIC_PARTS), f"topics live in {home}"
    )


def paths_have_one_home(root: Path) -> list[str]:
    """No flash path, and no name of a file on flash, stands outside core/paths.py."""
    home = "lib/device/core/paths.py"
    values = {value for name, value in vars(paths).items() if name.isupper() and isinstance(value, str)}
    files = (
        {value.rsplit("/", 1)[-1] for value in values if "." in value.rsplit("/", 1)[-1]}
        - {paths.NEW}
        - COMMON_FILES
    )
    return _bad_literals(
        root,
        home,
        lambda text: text.startswith(paths.BASE) or text.rsplit("/", 1)[-1] in files,
        f"flash paths live in {home}",
    )


def keys_have_one_home(root: Path) -> list[str]:
    """No distinctive key of a document (upper case in it, or long) stands outside core/fields.py."""
    home = "lib/device/core/fields.py"
    values = {value for name, value in vars(fields).items() if name.isupper() and isinstance(value, str)}
    distinctive = {value for value in values if value != value.lower() or len(value) > 10}
    return _bad_literals(root, home, lambda text: text in distinctive, f"keys live in {home}")


def composition_is_short(root: Path) -> list[str]:
    """boot.py and main.py compose, in at most 40 lines each."""
    return [
        f"{name}: {lines} lines; at most {MAX_COMPOSITION_LINES}"
        for name in ("boot.py", "main.py")
        if (root / name).exists() and (lines := _line_count(root / name)) > MAX_COMPOSITION_LINES
    ]


def _line_count(path: Path) -> int:
    return len(path.read_text().splitlines())


def files_are_one_subject(root: Path) -> list[str]:
    """No file is longer than 400 lines."""
    return [
        f"{path.relative_to(root)}: {lines} lines; at most {MAX_FILE_LINES}"
        for place in ("lib", "tools", "firmware", "tests")
        for path in sorted((root / place).rglob("*.py"))
        if (lines := _line_count(path)) > MAX_FILE_LINES
    ]


def functions_are_short(root: Path) -> list[str]:
    """No function has more than 40 lines, docstring aside, unless its line says why (`# long: reason`)."""
    found = []
    for path, tree in python_files(root, "lib", "tools", "firmware", "tests", "boot.py", "main.py"):
        source = (root / path).read_text().splitlines()
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                lines -= (first.end_lineno or first.lineno) - first.lineno + 1
            _, mark, reason = source[node.lineno - 1].partition(LONG_MARK)
            if lines > MAX_FUNCTION_LINES and not (mark and reason.strip()):
                found.append(
                    f"{path}:{node.lineno}: {node.name} has {lines} lines; at most {MAX_FUNCTION_LINES}"
                )
    return found


def only_ports_print(root: Path) -> list[str]:
    """What the device has to say goes through the port that it was given."""
    return [
        f"{path}:{node.lineno}: print"
        for path, tree in python_files(root, *(f"lib/device/{name}" for name in ARROWS if name != "port"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]


def interrupts_get_through(root: Path) -> list[str]:
    """Device code never catches everything: Ctrl-C and mpremote must get through."""

    def catches_all(handler: ast.ExceptHandler) -> bool:
        if handler.type is None:
            return True
        return any(isinstance(n, ast.Name) and n.id == "BaseException" for n in ast.walk(handler.type))

    return [
        f"{path}:{node.lineno}: catches everything; catch Exception at most"
        for path, tree in python_files(root, "lib", "boot.py", "main.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and catches_all(node)
    ]


def device_does_not_assert(root: Path) -> list[str]:
    """`mpy-cross -O1` removes assertions: outside data is checked with `if`."""
    return [
        f"{path}:{node.lineno}: assert"
        for path, tree in python_files(root, "lib", "boot.py", "main.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]


def endless_coroutines_import_nothing(root: Path) -> list[str]:
    """A name that a coroutine binds keeps its module in memory until the coroutine ends."""

    def is_endless(node: ast.AST) -> bool:
        return isinstance(node, ast.While) and isinstance(node.test, ast.Constant)

    return [
        f"{path}:{inner.lineno}: imports in an endless coroutine; do it in a function of its own"
        for path, tree in python_files(root, "lib")
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef) and any(map(is_endless, ast.walk(node)))
        for inner in ast.walk(node)
        if isinstance(inner, (ast.Import, ast.ImportFrom))
    ]


def names_no_machine(files: list[Path]) -> list[str]:
    """No file names a package registry's address or a path of one particular machine."""
    found = []
    for path in files:
        try:
            lines = path.read_text().splitlines()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue  # binary, deleted but not yet committed, or a submodule
        found += [
            f"{path}:{n}: {line[:80]}" for n, line in enumerate(lines, 1) if REGISTRY_OR_MACHINE.search(line)
        ]
    return found
