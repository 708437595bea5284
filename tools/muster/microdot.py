"""microdot's core file as published on PyPI, which pip has installed: checked by hash, compiled for boards.

The rest of the package (templates, sessions, WebSocket) is not used and does not go to a board.
"""

import hashlib
from importlib import metadata

from muster.errors import MusterError

VERSION = "2.7.0"
MODULE_SHA256 = "d9e0bea681d15965e8c683f642e03536fbed34e0bc55fe5000324208924936c1"
_FILE = "microdot/microdot.py"


def source() -> bytes:
    """The file. Raises MusterError when it is missing or not the published one."""
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
