"""Long work that can be stopped anywhere: how far it is, and what is said when it stops."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from muster.cli.output import Progress
from muster.cli.termination import outcome
from muster.errors import FAILED, PARTLY_DONE, MusterError

_CONTINUES = "the same command continues where it stopped"


@contextmanager
def resumable(title: str, what: str, total: int, before: int = 0) -> Iterator[Progress]:
    """Work of `total` pieces called `what` ("devices"), of which `before` were done earlier.

    Raises MusterError when it is stopped: interrupted; terminated; partly done; failed when nothing is done
    yet.
    """
    progress = Progress(title, total, before)
    try:
        with progress:
            yield progress
    except KeyboardInterrupt as stop:
        how, code = outcome(stop)
        raise MusterError(f"{how}; {progress} {what} are done, {_CONTINUES}", code) from None
    except (MusterError, sqlite3.Error, OSError) as error:
        why = str(error).rstrip(".")
        raise MusterError(
            f"stopped: {why}; {progress} {what} are done, {_CONTINUES}",
            PARTLY_DONE if progress.done else FAILED,
        ) from error
