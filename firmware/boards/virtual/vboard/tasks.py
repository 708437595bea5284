"""asyncio's tasks and their queue, using the board's ticks; loaded only for TICKS_START.

The unix port has both in C (`_asyncio`), using the host's ticks.
"""

import sys

from vboard.ticks import ticks_diff


def _core():
    return sys.modules["asyncio.core"]


class TaskQueue:
    """Tasks in the order of their time."""

    def __init__(self):
        self._tasks = []

    def peek(self):
        """The first, or None."""
        return self._tasks[0] if self._tasks else None

    def push(self, task, key=None):
        """Insert `task` after all that are due no later; without `key` it is due now."""
        task.data = None
        task.ph_key = _core().ticks() if key is None else key
        place = len(self._tasks)
        while place and ticks_diff(task.ph_key, self._tasks[place - 1].ph_key) < 0:
            place -= 1
        self._tasks.insert(place, task)

    def pop(self):
        """Take the first."""
        return self._tasks.pop(0)

    def remove(self, task):
        """Take this one."""
        self._tasks.remove(task)


class Task:
    """A running coroutine. `state`: True, or the queue of waiting tasks; when finished, False or None."""

    def __init__(self, coro, globals=None):
        self.coro = coro
        self.data = None  # what it waits on; how it ended
        self.state = True
        self.ph_key = 0

    def __iter__(self):
        if not self.state:
            self.state = False
        elif self.state is True:
            self.state = TaskQueue()
        elif not isinstance(self.state, TaskQueue):
            raise RuntimeError("can't wait")
        return self

    def __next__(self):
        if not self.state:
            raise self.data
        waiting = _core().cur_task
        self.state.push(waiting)
        waiting.data = self

    def done(self):
        """Whether it has finished."""
        return not self.state

    def cancel(self):
        """Raise CancelledError in it; return False when it has finished."""
        core = _core()
        if not self.state:
            return False
        if self is core.cur_task:
            raise RuntimeError("can't cancel self")
        while isinstance(self.data, Task):
            self = self.data
        if hasattr(self.data, "remove"):
            self.data.remove(self)
            core._task_queue.push(self)
        elif ticks_diff(self.ph_key, core.ticks()) > 0:
            core._task_queue.remove(self)
            core._task_queue.push(self)
        self.data = core.CancelledError
        return True
