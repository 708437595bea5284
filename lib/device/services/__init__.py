"""Services: one unit of the running board each, alike from outside."""

import sys


class Service:
    """What every service is.

    `NAME` is its step in core.startup. `run` does the work: it returns when a one-time step is done, runs
    for ever otherwise, and raises when it fails; the supervisor then starts it again after a while. It
    sets `ready` as soon as those that need it may start.
    """

    NAME = ""

    def __init__(self, context):
        self.context = context
        self.ready = context.event()
        self.task = None
        self.failure = None  # why it does not run, or None: this is "healthy"

    async def run(self):
        """The work of the service."""
        raise NotImplementedError

    def say(self, text):
        """Tell the console."""
        self.context.say(self.NAME, text)


def load(name, context):
    """Make the service `name`; its module is imported only now."""
    full_name = "device.services." + name
    __import__(full_name)
    return sys.modules[full_name].SERVICE(context)
