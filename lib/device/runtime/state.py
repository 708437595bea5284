"""The state of one board, and its parts, which everything else is given."""

import json

from device.core.failures import Failure
from device.core.log import WARN
from device.runtime.networking import Networking
from device.runtime.service import DONE, RUNNING, STOPPED
from device.runtime.session import Session
from device.runtime.turns import Turns


class State:
    """One board: its ports, what is known, what is running.

    `settings` is settings.Settings or None before ento.conf is read; `identity` is slots.Identity or None;
    `services` is {name: Service} of those started; `safe`: only the services of safe mode run;
    `offline`: a person wants the board off the network; `busy`: the service whose function is called now;
    `commands`: what the application does when it is told to.
    """

    def __init__(self, ports):
        self.ports = ports
        self.settings = None
        self.identity = None
        self.turns = Turns(self)
        self.networking = Networking(self)
        self.session = Session(self)
        self.supervisor = None
        self.services = {}
        self.safe = False
        self.offline = False
        self.busy = None
        self.commands = {}  # {name: function(payload)} of the application
        self.faults = {}  # {path: Failure} of files that cannot be read, or written

    def step(self):
        """The first step that is not done: network, provision, mqtt, status; "up" when all are."""
        if not self.ports.network.connected():
            return "network"
        if not self._is_done("provision", self.identity or self.supervisor):  # boot.py has no supervisor
            return "provision"
        if not self.session.is_online():
            return "mqtt"
        return "up" if self._is_done("status", True) else "status"

    def _is_done(self, name, otherwise):
        """Whether this one-time step is done; `otherwise`: the answer when it does not run."""
        service = self.services.get(name)
        return service.condition == DONE if service else otherwise

    def error(self):
        """The first service that fails, and why; "" when all is well."""
        for name, service in self.services.items():
            if service.failure and service.condition not in (RUNNING, STOPPED):
                return "%s: %s" % (name, service.failure)
        return ""

    def note_fault(self, path, failure):
        """Remember that the file at `path` is faulty, or, with None, that it is good."""
        if failure:
            self.faults[path] = failure
        else:
            self.faults.pop(path, None)

    @property
    def log(self):
        """The last lines of the log, a core.log.Ring; `log.lines(after)` for a page."""
        return self.ports.board.log

    def write_if_room(self, path, value):
        """Write a JSON document that is not essential; if the flash fails, print the error and continue."""
        try:
            self.ports.store.write(path, json.dumps(value).encode())
            self.note_fault(path, None)
        except Failure as failure:
            self.note_fault(path, failure)
            self.ports.board.say("flash", str(failure), WARN)
