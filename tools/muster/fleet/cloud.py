"""Where the devices of a batch are made.

The registry is always the journal: a device that stands in it is made. A cloud that has things of its own
makes them first, several at the same time if it allows that, and enters them as they are made.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from muster.fleet import claim_ids, steps
from muster.registry import Registry
from muster.registry.batches import Batch
from muster.registry.fleet import CREATED, Device


class Wanted(NamedTuple):
    """A device to be made; `parameters` go to RegisterThing."""

    name: str
    parameters: dict[str, str]


class Cloud(Protocol):
    """What makes devices."""

    def create(self, batch: Batch, wanted: Sequence[Wanted]) -> Iterator[int]:
        """Make the devices of a batch; yields how many more are there for good.

        Making one that exists changes nothing. Raises MusterError when it cannot go on.
        """
        ...


class TwinCloud:
    """The twin: it reads the registry, so a device that is entered is made."""

    def __init__(self, registry: Registry, now_s: float) -> None:
        """`now_s` (Unix seconds) is when the devices are made."""
        self._registry = registry
        self._now_s = now_s

    def create(self, batch: Batch, wanted: Sequence[Wanted]) -> Iterator[int]:
        """See Cloud."""
        devices = self._registry.devices

        def add(one: Wanted) -> None:
            code = claim_ids.new(devices)  # sees those of this transaction too, and nobody else can write now
            device = Device(one.name, batch.group, code, CREATED, one.parameters, self._now_s, batch.name)
            if devices.add([device]):
                devices.note(one.name, "created", f"in group {batch.group}", self._now_s)

        return steps.in_short_transactions(self._registry, wanted, add)
