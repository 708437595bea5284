"""The tasks of the application: asyncio keeps no list of its tasks, and the application's must end with it.

While the application runs, `asyncio.create_task` notes each task that one of its tasks starts. Loaded and
unloaded with the application.
"""

import asyncio
from asyncio import core

_TURN_MS = 20
_TURNS = 100  # a task that was told to end may take this many
_GOOD_ENDS = (StopIteration, asyncio.CancelledError)  # what asyncio keeps of a task that has ended well
_EXITS = (SystemExit, GeneratorExit)  # a tuple made when it is needed would need memory


class OwnTasks:
    """Tasks that end together. `on_error(error)` is called when one of them raises and none waits for it."""

    def __init__(self, on_error):
        self._tasks = []
        self._on_error = on_error
        self._is_inside = False
        self.create_foreign = core.create_task  # for a task that is not the application's
        core.create_task = asyncio.create_task = self._create
        asyncio.get_event_loop().set_exception_handler(self._uncaught)

    def inside(self, function, *facts):
        """Call a plain function of the application: tasks that it starts are the application's."""
        self._is_inside = True
        try:
            return function(*facts)
        finally:
            self._is_inside = False

    def own(self, task):
        """Whether `task` is one of them."""
        return task in self._tasks

    def count(self):
        """How many have not ended."""
        return sum(not task.done() for task in self._tasks)

    def _create(self, work):
        """Stands in for asyncio.create_task."""
        if self._is_inside or asyncio.current_task() in self._tasks:
            if not hasattr(work, "send"):
                raise TypeError("coroutine expected")
            return self.start(work)
        return self.create_foreign(work)

    def start(self, work):
        """Start a task of the application."""
        self._tasks = [task for task in self._tasks if not _is_over(task)]
        task = self.create_foreign(self._contained(work))
        self._tasks.append(task)
        return task

    async def _contained(self, work):
        """Do `work`; what would end the whole program ends only the application."""
        try:
            return await work
        except _EXITS as error:
            self._on_error(error)
        finally:
            work = self = None  # asyncio's queue may refer to a task long after its end

    def _uncaught(self, loop, context):
        if context["future"] in self._tasks:
            self._on_error(context["exception"])
            context["exception"] = context["future"] = None  # asyncio keeps it until the next error
        else:
            loop.default_exception_handler(loop, context)

    async def end(self):
        """End them all; return how many did not end when they were told to, and were cut off.

        Needs next to no memory: they may have taken it all. What touches a task is a plain function: a
        coroutine's frame would keep it, and so all that it holds, for as long as somebody waits for this one.
        """
        core.create_task = asyncio.create_task = self.create_foreign
        self._cancel()
        turns = _TURNS
        while turns and not self._have_ended():
            await asyncio.sleep_ms(_TURN_MS)  # of asyncio itself, which allocates nothing
            turns -= 1
        await asyncio.sleep_ms(0)  # errors that nobody waited for are still on their way
        asyncio.get_event_loop().set_exception_handler(None)
        return self._cut_off()

    def _cancel(self):
        for task in self._tasks:
            if not task.done():
                task.cancel()

    def _have_ended(self):
        for task in self._tasks:
            if not task.done():
                return False
        return True

    def _cut_off(self):
        count = 0
        while self._tasks:
            task = self._tasks.pop()
            if not task.done():
                _take_out(task)
                count += 1
        return count


def _is_over(task):
    """Whether a task has ended and nobody has yet to hear of its error."""
    return task.done() and (task.state is False or isinstance(task.data, _GOOD_ENDS))


def _take_out(task):
    """Take a task that swallows its cancellation out of the queue that it waits in: it never runs again."""
    queue = task.data
    if isinstance(queue, core.Task):  # it waits for another task
        queue.state.remove(task)
    elif hasattr(queue, "remove"):
        queue.remove(task)
    else:
        core._task_queue.remove(task)
