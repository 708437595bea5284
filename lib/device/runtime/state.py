"""What one board has reached so far, and the parts that everything else is handed."""

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
