"""The local registry in one SQLite file: groups and devices, and what the twin knows of them.

It works whether or not a twin runs; several processes may use it at once, and a running twin sees every
change within a tenth of a second.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from muster.registry.batches import Batches
from muster.registry.certificates import Certificates
from muster.registry.changes import Changes
from muster.registry.database import Database
from muster.registry.fleet import Devices, Groups
from muster.registry.switches import Boots, Faults
from muster.registry.things import Policies, Templates, Things

FILE_NAME = "registry.db"


class Registry:
    """The registry of one home folder, seen through one connection (one per thread)."""

    def __init__(self, home: Path) -> None:
        """Open `home`/registry.db, making it when it is missing. Raises MusterError when it is unusable."""
        self._database = Database(Path(home) / FILE_NAME)
        self.certificates = Certificates(self._database)
        self.things = Things(self._database)
        self.policies = Policies(self._database)
        self.templates = Templates(self._database)
        self.faults = Faults(self._database)
        self.boots = Boots(self._database)
        self.groups = Groups(self._database)
        self.devices = Devices(self._database)
        self.batches = Batches(self._database)

    def transaction(self) -> AbstractContextManager[None]:
        """All writes of the block, or none."""
        return self._database.transaction()

    def generation(self) -> tuple[int, int]:
        """A value that differs as soon as anybody has written."""
        return self._database.generation()

    def changes(self, changed: Callable[[str], object]) -> Changes:
        """What others write from now on; `changed` is told of each certificate that this Registry changes."""
        return Changes(self._database, changed)

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        self._database.close()
