"""microdot's core file as published on PyPI, which pip has installed: checked by hash, less what is not used.

The rest of the package (templates, sessions, WebSocket) does not go to a board. Of the core file, the
functions that nothing calls are cut out, which halves the heap that it takes; what stays is as published.
"""

import ast
import hashlib
from collections.abc import Iterator
from importlib import metadata

from muster.errors import MusterError
from muster.parsing import parsed

VERSION = "2.7.0"
MODULE_SHA256 = "d9e0bea681d15965e8c683f642e03536fbed34e0bc55fe5000324208924936c1"
_FILE = "microdot/microdot.py"

# What the board does not use: its answers come from one function (device/web/routes.py) that finds its own
# way, catches its own errors, and makes its own headers.
UNUSED = {
    "": "urlencode mro AsyncBytesIO URLPattern abort redirect send_file",
    "NoCaseDict": "__delitem__ update",
    "MultiDict": "getlist",
    "Request": "stream json form files after_request",
    "Response": "types_map set_cookie delete_cookie redirect send_file default_send_file_max_age",
    "HTTPException": "__repr__",
    "Microdot": "route get post put patch delete query before_request after_request after_error_request"
    " errorhandler mount abort start_server run shutdown find_route",
}


def published() -> bytes:
    """The file as it was published. Raises MusterError when it is missing or another one."""
    try:
        data = bytes(metadata.distribution("microdot").locate_file(_FILE).read_bytes())  # type: ignore[attr-defined]
    except (metadata.PackageNotFoundError, OSError):
        raise MusterError(f"the package microdot {VERSION} is not installed: install Muster again.") from None
    found = hashlib.sha256(data).hexdigest()
    if found != MODULE_SHA256:
        raise MusterError(
            f"the installed microdot is not the published version {VERSION} (SHA-256 {found[:16]}...): "
            "install Muster's pinned packages again."
        )
    return data


def source() -> bytes:
    """What goes to a board: the published file less UNUSED."""
    text = published().decode()
    lines = text.splitlines(keepends=True)
    for owner, name, node in defined(text):
        if name in UNUSED.get(owner, "").split():
            first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
            for number in range(first - 1, node.end_lineno or first):
                lines[number] = ""
    return "".join(lines).encode()


def defined(text: str) -> Iterator[tuple[str, str, ast.stmt]]:
    """What a module and its classes define: (class or "", name, where)."""
    tree = parsed(text)
    classes = [(node.name, node.body) for node in tree.body if isinstance(node, ast.ClassDef)]
    for owner, body in (("", tree.body), *classes):
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield owner, node.name, node
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                yield owner, node.targets[0].id, node
