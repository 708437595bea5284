"""Processes that work for this one: how they are started, and that they end with it."""

import multiprocessing
import os
import threading
from multiprocessing.context import BaseContext


def context(module: str) -> BaseContext:
    """How to start workers that run code of `module`, which is loaded once for all of them where it can be.

    Forking this process itself would copy its threads' locks and its registry connection.
    """
    methods = multiprocessing.get_all_start_methods()
    found = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if found.get_start_method() == "forkserver":
        found.set_forkserver_preload(["muster.apart", module])
    return found


def serve_parent() -> None:
    """Call it first in a worker: signals to the group are for the parent, and this process ends with it.

    SIGTERM is not ignored: by it a parent ends its workers.
    """
    os.setpgid(0, 0)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
