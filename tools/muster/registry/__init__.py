"""The local registry in one SQLite file: groups and devices, and what the twin knows of them.

It works whether or not a twin runs; several processes may use it at once, and a running twin sees every
change within a tenth of a second.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from muster.errors import MusterError
from muster.registry.accounts import Accounts, Products
from muster.registry.batches import Batches
from muster.registry.boots import Boots
from muster.registry.certificates import Certificates
from muster.registry.changes import Changes
from muster.registry.claims import Claims
from muster.registry.database import BUSY_MS, Database
from muster.registry.faults import Faults
from muster.registry.flashes import Flashes
from muster.registry.fleet import Devices, Groups
from muster.registry.handed_out import HandedOut
from muster.registry.overview import Overview
from muster.registry.shadows import Outbox, Shadows
from muster.registry.tables import BoardTables
from muster.registry.things import Policies, Templates, Things
from muster.registry.waiting import LIMIT_S, Line

FILE_NAME = "registry.db"
KEY_FILE = "registry.key"  # locks the secrets in the registry
BATCHES = "batches"  # the folder of what was created at once

T = TypeVar("T")


class Registry:
    """The registry of one home folder, seen through one connection (one per thread)."""

    def __init__(self, home: Path, busy_ms: int = BUSY_MS) -> None:
        """Open `home`/registry.db, making it when it is missing. Raises MusterError when it is unusable.

        `busy_ms`: how long a write waits for another process; inside an event loop give waiting.BUSY_MS and
        write with `patiently`. A home that this user cannot write can only be read (`is_read_only`).
        """
        path = Path(home) / FILE_NAME
        _refuse_emptied(path)
        self._database = Database(path, busy_ms)
        self._line = Line()
        self.certificates = Certificates(self._database)
        self.things = Things(self._database)
        self.policies = Policies(self._database)
        self.templates = Templates(self._database)
        self.faults = Faults(self._database)
        self.boots = Boots(self._database)
        self.groups = Groups(self._database)
        self.devices = Devices(self._database)
        self.batches = Batches(self._database)
        self.handed_out = HandedOut(self._database)
        self.flashes = Flashes(self._database)
        self.products = Products(self._database)
        self.accounts = Accounts(self._database)
        self.claims = Claims(self._database)
        self.shadows = Shadows(self._database)
        self.outbox = Outbox(self._database)
        self.overview = Overview(self._database)
        self.tables = BoardTables(self._database)

    @property
    def is_read_only(self) -> bool:
        """Whether nothing can be written: every write then raises MusterError."""
        return self._database.is_read_only

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits in `patiently` for another process to finish writing."""
        return not self._line.is_empty

    async def patiently(self, function: Callable[[], T], limit_s: float = LIMIT_S) -> T:
        """`function()`, which writes one transaction, repeated while another process writes.

        The event loop serves others meanwhile; who asked first is first served. Raises BusyError after
        `limit_s`, and what `function` raises.
        """
        return await self._line.patiently(function, limit_s)

    def safe_from_power_cuts(self) -> None:
        """From now on a transaction of this connection is on the disk when it ends."""
        self._database.row("PRAGMA synchronous = FULL")

    def transaction(self) -> AbstractContextManager[None]:
        """All writes of the block, or none."""
        return self._database.transaction()

    def changes(self, changed: Callable[[str], object]) -> Changes:
        """What others write from now on; `changed` is told of each certificate that this Registry changes."""
        return Changes(self._database, changed)

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        self._database.close()


def _refuse_emptied(path: Path) -> None:
    """An empty file is a new registry, except beside what only a registry with groups leaves."""
    try:
        is_empty = path.stat().st_size == 0
    except OSError:
        return  # not there yet, or a reason that opening it tells better
    beside = [name for name in (KEY_FILE, BATCHES) if path.with_name(name).exists()]
    if is_empty and beside:
        raise MusterError(
            f"{path} was emptied: {beside[0]} beside it belongs to a registry with groups; restore it from a "
            "backup, or delete it to begin with no groups"
        )
