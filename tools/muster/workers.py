"""Processes that work for this one: how they are started, and that they end with it."""

import multiprocessing
import os
import signal
import threading
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess


def context(module: str) -> BaseContext:
    """How to start workers that run code of `module`, which is loaded once for all of them where it can be.

    Forking this process itself would copy its threads' locks and its registry connection.
    """
    methods = multiprocessing.get_all_start_methods()
    found = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if found.get_start_method() == "forkserver":
        found.set_forkserver_preload(["muster.apart", module])
    return found


def end(process: BaseProcess) -> None:
    """End a worker that has called `serve_parent`, with the programs that it runs."""
    if process.pid is None or not process.is_alive():
        return
    try:
        os.killpg(process.pid, signal.SIGTERM)
    except (AttributeError, ProcessLookupError, PermissionError):  # Windows; or it has not come that far
        process.terminate()


def serve_parent() -> None:
    """Call it first in a worker: signals to the group are for the parent, and this process ends with it.

    SIGTERM is not ignored: by it a parent ends its workers.
    """
    if hasattr(os, "setpgid"):  # not on Windows
        os.setpgid(0, 0)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        if hasattr(os, "killpg"):  # with the programs that it runs
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
