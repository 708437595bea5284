"""One run of the application: its modules are loaded, `main` of /app/main is awaited, everything is freed.

Whatever it does wrong ends here and becomes a Failure that holds nothing of it: an error of a class of its
own would keep its modules and their data in memory.
"""

import asyncio
import gc
import sys

from device.core import paths
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.runtime.muster import Muster
from device.runtime.own_tasks import OwnTasks

_MAIN = "main"
_PATH = paths.APP + "/" + _MAIN
_WITHIN = paths.APP + "/"
_ERRORS = (Exception, SystemExit, GeneratorExit)  # a tuple made when it is needed would need memory
_RESERVE_BYTES = 1024  # let go first when the application has taken everything else
_MAX_SHOWN = 160  # characters of an error in its line
_HOW = "write `async def main(muster)` and deploy it"


class Application:
    """The application from its start to its end, run by `service`."""

    def __init__(self, service):
        self._state = service.state
        self._service = service
        self._ended = asyncio.Event()
        self._is_starved = False
        self._has_returned = False
        self.failure = None  # why it ended, None when `main` returned
        self.traceback = ""
        self._reserve = bytearray(_RESERVE_BYTES)
        self._tasks = OwnTasks(self.fail)
        self._muster = Muster(service.state, self._tasks, service, self.fail)

    def owns(self, task):
        """Whether `task` is one of the application's."""
        return self._tasks.own(task)

    def fail(self, error):
        """End it because of `error`; the first one counts."""
        if not self._is_starved and self.failure is None:
            try:
                self._explain(error)
            except MemoryError:  # explained when there is some again; `error` may be another one by then
                self._is_starved = True
        self._ended.set()

    async def run(self):
        """Run it; return when it has ended and all that it has taken is free. `failure` then says why."""
        left = 0
        try:
            self._start()
            await self._ended.wait()
            left = self._tasks.count()
        finally:
            self._ended.set()
            self._reserve = None
            cut_off = None
            while cut_off is None:
                try:
                    cut_off = await self._tasks.end()
                except asyncio.CancelledError:
                    pass  # told to end once more while it does
            self._muster.close()
            self._muster = None
            _forget_modules()
            gc.collect()
        if self._is_starved:
            self._explain(MemoryError("it has taken all"))
        if self._has_returned and self.failure is None:
            self._service.say("main() has returned" + ("; tasks ended with it: %d" % left if left else ""))
        if cut_off:
            self._service.warn(
                "tasks that did not end when they were told to, and were cut off: %d" % cut_off
            )

    def _start(self):
        self._tasks.start(self._main())  # in the frame of `run` it would stay reachable

    async def _main(self):
        """Load and run `main`. Its module and its errors are on no other stack than this one."""
        try:
            work = self._load()
            self._service.say("started")
            await work
            self._has_returned = True
        except asyncio.CancelledError:
            if not self._ended.is_set():
                self.fail(Failure(AGAIN, "main() has cancelled itself"))
        except _ERRORS as error:
            self.fail(error)
        finally:
            self._ended.set()

    def _load(self):
        """Import the application, and call its `main`; raises what it raises."""
        exists = self._state.ports.store.exists
        if not exists(_PATH + ".py") and not exists(_PATH + ".mpy"):
            raise Failure(GIVE_UP, _PATH + ".py is missing", _HOW)
        # First in the path while it is loaded, or `main` would be the board's own /main.py; then last, so
        # that no module of the application takes the place of one that the program loads later.
        sys.path.insert(0, paths.APP)
        try:
            __import__(_MAIN)
        finally:
            sys.path.remove(paths.APP)
            sys.path.append(paths.APP)
        main = getattr(sys.modules[_MAIN], _MAIN, None)
        work = main(self._muster) if callable(main) else None
        if not hasattr(work, "send"):
            raise Failure(GIVE_UP, _PATH + ".py has no `async def main(muster)`", _HOW)
        return work

    def _explain(self, error):
        """Set `failure`, and `traceback` for the console and for the page."""
        if isinstance(error, Failure):
            self.failure = Failure(error.kind, error.cause, error.advice, error.step)
            self.traceback = str(error)
            return
        cause = type(error).__name__
        try:
            cause = repr(error)[:_MAX_SHOWN]
            self.traceback = self._state.ports.board.traceback(error)
        except Exception:  # an error of the application's own may fail at telling what it is
            self.traceback = cause
        if isinstance(error, MemoryError):
            self.failure = Failure(AGAIN, "not enough memory (%s)" % error, "make the application smaller")
        else:
            self.failure = Failure(AGAIN, "failed: " + cause)
        self._state.supervisor.tell_text(self.traceback)


def _forget_modules():
    """Unload the application's modules. Allocates nothing.

    Their globals are emptied: a pointer that the collector finds on some stack would keep all of them.
    """
    while paths.APP in sys.path:
        sys.path.remove(paths.APP)
    found = True
    while found:
        found = None
        for name in sys.modules:
            if _place(sys.modules[name]).startswith(_WITHIN):
                found = name
        if found:
            names = getattr(sys.modules[found], "__dict__", None)
            if names:
                names.clear()
            del sys.modules[found]


def _place(module):
    return getattr(module, "__file__", None) or getattr(
        module, "__path__", ""
    )  # a folder has only the second
