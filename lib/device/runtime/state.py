"""What one board has reached so far, and the parts that everything else is handed."""

import json

from device.core.failures import Failure
from device.runtime.session import Session


class State:
    """One board: its ports, and what is known and running.

    `settings` is settings.Settings or None before ento.conf is read; `identity` is slots.Identity or None;
    `services` is {name: Service} as far as started; `safe` says that only the services of safe mode run;
    `offline` that a person wants the network left alone.
    """

    def __init__(self, ports):
        self.ports = ports
        self.settings = None
        self.identity = None
        self.session = Session(self)
        self.supervisor = None
        self.services = {}
        self.safe = False
        self.offline = False

    def write_if_room(self, path, value):
        """Write a JSON document that the board can do without; when the flash fails, say so and go on."""
        try:
            self.ports.store.write(path, json.dumps(value).encode())
        except Failure as failure:
            self.ports.board.say("flash", str(failure))
