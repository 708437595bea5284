"""The twin as a cloud: it reads the registry, so whatever is entered there is done."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from muster.cloud import Issued, Wanted, Withdrawn
from muster.fleet import claim_ids, removal, steps
from muster.registry import Registry
from muster.registry.batches import Batch
from muster.registry.certificates import Certificate
from muster.registry.fleet import CREATED, Device

# Whatever issues or revokes is imported where it is used: it loads cryptography, which to create and to look
# at devices does without.
if TYPE_CHECKING:
    from muster.fleet.identity_files import Place


class TwinCloud:
    """The twin of one home folder, whether it runs or not."""

    def __init__(self, registry: Registry, home: Path, now_s: float | None = None) -> None:
        """`now_s` (Unix seconds; None: now) is when the devices are created."""
        self._registry = registry
        self._home = home
        self._now_s = time.time() if now_s is None else now_s

    def create(self, batch: Batch, wanted: Sequence[Wanted]) -> Iterator[int]:
        """See Cloud."""
        devices = self._registry.devices

        def add(one: Wanted) -> None:
            code = claim_ids.new(devices)  # sees those of this transaction too, and nobody else can write now
            device = Device(one.name, batch.group, code, CREATED, one.parameters, self._now_s, batch.name)
            if devices.add([device]):
                devices.note(one.name, "created", f"in group {batch.group}", self._now_s)

        return steps.in_short_transactions(self._registry, wanted, add)

    def provision(self, device: str, place: "Place", ttl_h: float | None) -> Issued:
        """See Cloud."""
        from muster.fleet import hostside

        return hostside.provision(self._registry, self._home, device, place, ttl_h=ttl_h)

    def refresh(self, device: str, csr: str | None, place: "Place | None", ttl_h: float | None) -> Issued:
        """See Cloud."""
        from muster.fleet import renewal

        return renewal.refresh(self._registry, self._home, device, csr=csr, ttl_h=ttl_h, place=place)

    def deprovision(self, device: str) -> Withdrawn:
        """See Cloud."""
        from muster.fleet import hostside

        return hostside.deprovision(self._registry, device)

    def retire(self, device: str) -> Withdrawn:
        """See Cloud."""
        from muster.fleet import hostside

        return hostside.retire(self._registry, device)

    def reinstate(self, device: str) -> None:
        """See Cloud."""
        from muster.fleet import hostside

        hostside.reinstate(self._registry, device)

    def delete_device(self, device: str) -> None:
        """See Cloud."""
        removal.delete_device(self._registry, device)

    def delete_group(self, group: str) -> None:
        """See Cloud."""
        removal.delete_group(self._registry, group)

    def certificates(self, device: str) -> list[Certificate]:
        """See Cloud."""
        return self._registry.certificates.of_thing(device)

    def last_boots(self) -> Mapping[str, float]:
        """See Cloud."""
        return {boot.thing: boot.received_s for boot in self._registry.boots.all()}
