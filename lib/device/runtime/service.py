"""The base class of services. How to add one: docs/development.md."""

import asyncio


class Service:
    """A part of the running board.

    `run` does the work: it returns when a one-time step is done, otherwise runs for ever, and raises when it
    fails; only the supervisor retries, after a delay. It sets `ready` as soon as the services that need it
    may start. The image and the supervisor read three facts, which must be plain literals:
    """

    NEEDS = ()  # services that must be ready first, if they are planned
    IN_CLOUD = False  # its switch in config.json is in "cloud"; `"cloud": false` turns it off
    IN_SAFE_MODE = False  # also runs in safe mode

    def __init__(self, name, state):
        self.name = name
        self.state = state
        self.ready = asyncio.Event()
        self.task = None
        self.failure = None  # why it does not run; None means healthy

    async def run(self):
        """The work of the service."""
        raise NotImplementedError

    def say(self, text):
        """Print a line on the console."""
        self.state.ports.board.say(self.name, text)
