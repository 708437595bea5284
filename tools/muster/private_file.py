"""Files with secrets in them: readable by their owner alone, whole or not there at all."""

import contextlib
import os
import secrets
import time
from pathlib import Path

from muster.errors import MusterError

_PART = ".part"
_OLD_S = 3600  # what a killed process left half-written


def write_private(path: Path, content: bytes) -> None:
    """Write `content` to `path` with mode 0600, making its folder when it is missing.

    A reader sees the old file or the new one, never half of it. Raises MusterError when it cannot be done.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}{_PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise MusterError(f"{path} cannot be written ({error.strerror}): choose another place.") from None
    except BaseException:  # Ctrl-C in the middle of it
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def forget_parts(folder: Path) -> None:
    """Remove what processes that were killed left half-written in `folder` an hour ago or longer."""
    for part in folder.glob(f".*{_PART}"):
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            if part.stat().st_mtime < time.time() - _OLD_S:
                part.unlink()
