"""What every service is. How to add one: docs/development.md."""

import asyncio


class Service:
    """One unit of the running board.

    `run` does the work: it returns when a one-time step is done, runs for ever otherwise, and raises when it
    fails; the supervisor starts it again after a while, and nobody else tries again. It sets `ready` as soon
    as those that need it may start. Three facts are for the image and the supervisor, as plain literals:
    """

    NEEDS = ()  # services that must be ready first, as far as they are planned
    IN_CLOUD = False  # its switch in config.json stands in "cloud", and goes with `"cloud": false`
    IN_SAFE_MODE = False  # a board that keeps crashing still runs it

    def __init__(self, name, state):
        self.name = name
        self.state = state
        self.ready = asyncio.Event()
        self.task = None
        self.failure = None  # why it does not run, or None: this is "healthy"

    async def run(self):
        """The work of the service."""
        raise NotImplementedError

    def say(self, text):
        """Tell the console."""
        self.state.ports.board.say(self.name, text)
