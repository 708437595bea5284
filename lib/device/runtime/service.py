"""The base class of services. How to add one: docs/development.md."""

import asyncio

from device.core.log import INFO, WARN
from device.runtime.modules import unload

# What a service is doing.
OFF = "off"  # why is in Supervisor.off
WAITING = "waiting"  # for the services it needs
RUNNING = "running"
FAILING = "failing"  # it is started again after a delay
DONE = "done"  # a one-time step
STOPPED = "stopped"  # because memory is short; it is started again when there is enough


class Service:
    """A part of the running board.

    `run` does the work: it returns when a one-time step is done, otherwise runs for ever, and raises when it
    fails; only the supervisor retries, after a delay. It sets `ready` as soon as the services that need it
    may start. The image and the supervisor read three facts, which must be plain literals:
    """

    NEEDS = ()  # services that must be ready first, if they are planned
    IN_CLOUD = False  # its switch in config.json is in "cloud"; `"cloud": false` turns it off
    IN_SAFE_MODE = False  # also runs in safe mode

    MODULES = ()  # modules and packages that only it uses: they are unloaded when it is done or stopped
    ROOM_BYTES = 0  # heap that must be free before it is started again (core.startup.STOP_ORDER)

    def __init__(self, name, state):
        self.name = name
        self.state = state
        self.ready = asyncio.Event()
        self.task = None
        self.failure = None  # why it does not run; None means healthy
        self.condition = WAITING
        self.wake = asyncio.Event()  # ends the delay before it is started again
        self.pauses = False  # it runs, but has failed, and waits itself: `wake` ends that, too

    async def run(self):
        """The work of the service."""
        raise NotImplementedError

    def owns(self, task):
        """Whether `task` does work of this service."""
        return task is self.task

    async def begin_anew(self, why):
        """Restart the board for the reason `why`, ever more rarely; return when it is too early for that."""
        from device.runtime import anew

        try:
            await anew.begin(self, why)
        finally:
            anew = None
            unload("device.runtime.anew")

    def say(self, text, level=INFO):
        """Print a line on the console, and keep it in the log."""
        self.state.ports.board.say(self.name, text, level)

    def warn(self, text):
        """The same for what a person should know about."""
        self.say(text, WARN)
