"""umqtt.simple as published on PyPI: fetched by name, checked by hash, put under `build/umqtt`.

The published archive has no build instructions, so pip refuses it; `unearth` only downloads.
The archive is checked, and so is the one module taken out of it: what runs on a board is known.
"""

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from muster import files
from muster.errors import MusterError
from muster.layout import UMQTT

REQUIREMENT = "micropython-umqtt.simple==1.3.4"
ARCHIVE_SHA256 = "b6a2520239e3992c63a7de9370ee9b3d9d27819a90359c521f1c0f7ccab8d12f"
MODULE_SHA256 = "8555d2f654deb8eb0d724f79b0811a78cc94029d070f3d96bbd74288653d63a5"
PACKAGE = "umqtt"
MODULE = "simple.py"
_MEMBER = f"micropython-umqtt.simple-1.3.4/{PACKAGE}/{MODULE}"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def present(folder: Path = UMQTT) -> bool:
    """Is the checked module in `folder`?"""
    try:
        good = _sha256((folder / PACKAGE / MODULE).read_bytes()) == MODULE_SHA256
    except OSError:
        return False
    return good and (folder / PACKAGE / "__init__.py").exists()


def _download(requirement: str) -> bytes:
    """The archive of `requirement` from the configured package index."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "unearth", requirement, "--download", folder]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        archives = sorted(Path(folder).glob("*.tar.gz"))
        if result.returncode or not archives:
            reason = (result.stderr.strip().splitlines() or ["the package index does not list it"])[-1]
            raise MusterError(
                f"umqtt.simple could not be downloaded: {reason}. "
                "Check the network and the package index, then run the command again."
            )
        return archives[0].read_bytes()


def _module_of(archive: bytes) -> bytes:
    """Check `archive` and return the source of umqtt/simple.py."""
    if _sha256(archive) != ARCHIVE_SHA256:
        raise MusterError(
            f"the archive of {REQUIREMENT} has the wrong SHA-256 ({_sha256(archive)[:16]}...): it is not the "
            "published one. Nothing was unpacked; check the package index."
        )
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = tar.extractfile(_MEMBER)
        source = member.read() if member else b""
    if _sha256(source) != MODULE_SHA256:
        raise MusterError(f"{_MEMBER} in the archive has the wrong SHA-256. Nothing was unpacked.")
    return source


def fetch(folder: Path = UMQTT) -> Path:
    """Make sure that `folder` holds the package `umqtt`, and return `folder` (to put on a module path).

    Raises MusterError when the archive cannot be had or is not the published one.
    """
    if present(folder):
        return folder
    print(f"fetching {REQUIREMENT} into {folder} (once) ...", file=sys.stderr, flush=True)
    source = _module_of(_download(REQUIREMENT))
    for name, data in (("__init__.py", b""), (MODULE, source)):
        files.write(folder / PACKAGE / name, data)
    return folder


if __name__ == "__main__":
    try:
        print(f"umqtt.simple 1.3.4 is in {fetch()}")
    except MusterError as error:
        sys.exit(f"muster: {error}")
