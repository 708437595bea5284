"""An application's folder on the host, as it stands in /app on a board: compiled, and checked before that.

Modules become .mpy files, other files stay as they are. What a board could not import, or would import
instead of a module of its own program, is refused here, with file and line.
"""

import ast
import re
from pathlib import Path

from device.core import paths
from muster import mpy
from muster.errors import WRONG_USE, MusterError
from muster.image.filesystem import path_fault
from muster.layout import shown
from muster.parsing import parsed

MAIN = "main"
_LEFT_OUT = ("__pycache__",)  # beside what begins with a dot
# Names of modules that the board's program has or may load later: the application's would not be found, or
# would be found instead.
RESERVED = frozenset(
    [
        *("__main__", "boot", "pack", "device", "umqtt", "microdot", "lib", "vboard"),
        *("asyncio", "binascii", "builtins", "collections", "cryptolib", "deflate", "errno", "gc", "hashlib"),
        *(
            "io",
            "json",
            "lwip",
            "machine",
            "math",
            "micropython",
            "network",
            "os",
            "platform",
            "random",
            "re",
        ),
        *(
            "requests",
            "select",
            "socket",
            "ssl",
            "struct",
            "sys",
            "time",
            "tls",
            "uctypes",
            "vfs",
            "esp32",
            "rp2",
        ),
    ]
)
_FORM = f"async def {MAIN}(muster)"
_LINE = re.compile(r"line (\d+)")


def files_of(folder: Path) -> dict[str, bytes]:
    """{path on flash: content} of the application in `folder`.

    Raises MusterError, naming file and line, when a board could not run it.
    """
    if not (folder / f"{MAIN}.py").is_file():
        raise MusterError(
            f"{shown(folder)} contains no application: it needs a {MAIN}.py with `{_FORM}`.",
            WRONG_USE,
        )
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not any(_is_left_out(part) for part in Path(name).parts):
            target = f"{paths.APP}/{name}"
            if fault := path_fault(target):
                raise MusterError(
                    f"{shown(path)} cannot be put on a board: its path there, {target}, {fault}."
                )
            if path.suffix == ".py":
                _check_name(path, name)
                found[target.removesuffix(".py") + ".mpy"] = _compiled(path, name)
            else:
                found[target] = _content(path)
    return found


def _is_left_out(part: str) -> bool:
    return part in _LEFT_OUT or part.startswith(".")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MusterError(f"{shown(path)} cannot be read: {error.strerror}.") from None


def _check_name(path: Path, name: str) -> None:
    """Raises MusterError when the board has a module of this name of its own."""
    module = name.split("/")[0].removesuffix(".py")
    if module in RESERVED or (module == MAIN and name != f"{MAIN}.py"):
        raise MusterError(f"{shown(path)}: the board has its own module {module}: choose another name.")


def _compiled(path: Path, name: str) -> bytes:
    text = _content(path)
    _check(path, name, text)
    try:
        return mpy.compile_module(
            mpy.Source(f"{paths.APP[1:]}/{name}", text, shown=f"{paths.APP[1:]}/{name}")
        )
    except MusterError as error:  # MicroPython lacks some of the host's grammar
        line = _LINE.search(str(error))
        reason = str(error).rpartition("Error: ")[2]
        raise MusterError(
            f"{shown(path)}, line {line[1] if line else '?'}: {reason} (MicroPython)."
        ) from None


def _check(path: Path, name: str, text: bytes) -> None:
    try:
        tree = parsed(text)
    except SyntaxError as error:
        raise MusterError(f"{shown(path)}, line {error.lineno}: {error.msg}.") from None
    except ValueError as error:
        raise MusterError(f"{shown(path)}: {error}.") from None
    if name == f"{MAIN}.py":
        _check_main(path, tree)


def _check_main(path: Path, tree: ast.Module) -> None:
    """Raises MusterError unless it defines `async def main(muster)`; a main from elsewhere is believed."""
    for node in tree.body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name == MAIN:
            given = node.args
            count = len(given.posonlyargs) + len(given.args)
            if not given.vararg and (count < 1 or count - len(given.defaults) > 1):
                raise MusterError(
                    f"{shown(path)}, line {node.lineno}: {MAIN} gets one argument, as in `{_FORM}`."
                )
            return
        if isinstance(node, ast.FunctionDef) and node.name == MAIN:
            raise MusterError(f"{shown(path)}, line {node.lineno}: {MAIN} must be asynchronous: `{_FORM}`.")
    if not any(MAIN in _names_of(node) for node in tree.body):
        raise MusterError(f"{shown(path)} has no `{_FORM}`.")


def _names_of(node: ast.stmt) -> set[str]:
    """The names that a statement gives something to, wherever in it."""
    names = {
        part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }
    imported = (part for part in ast.walk(node) if isinstance(part, ast.ImportFrom))
    return names | {alias.asname or alias.name for part in imported for alias in part.names}
