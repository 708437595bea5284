"""Numbered names of many devices."""

import dataclasses
from collections.abc import Iterable, Iterator

from muster.cloud import Wanted
from muster.errors import WRONG_USE, MusterError
from muster.fleet import batch, names
from muster.fleet.sheet import Row, Sheet
from muster.registry import Registry
from muster.registry.batches import OPEN
from muster.registry.fleet import Device


@dataclasses.dataclass(frozen=True)
class Numbered:
    """So many names: prefix1, prefix2, ...; `digits`: at least so many, with zeros before the number."""

    prefix: str
    count: int
    digits: int = 1

    def name(self, number: int) -> str:
        """The name with this number."""
        return f"{self.prefix}{number:0{self.digits}}"

    def sheet(self, start: int = 1) -> Sheet:
        """The names from the number `start` on. Raises MusterError (wrong use) when they cannot be names."""
        last = start + self.count - 1
        names.check(self.name(start), names.DEVICE)
        names.check(self.name(last), names.DEVICE)
        if self.digits > 1 and len(str(last)) > self.digits:
            raise MusterError(
                f"the last number, {last}, has more than {self.digits} digits: use --digits {len(str(last))}",
                WRONG_USE,
            )
        return Sheet((), [Row(0, self.name(number), {}) for number in range(start, last + 1)], [])

    def number(self, name: str) -> int | None:
        """The number in a name that begins with the prefix; None for any other name."""
        digits = name.removeprefix(self.prefix)
        is_number = name.startswith(self.prefix) and digits.isascii() and digits.isdigit()
        return int(digits) if is_number else None

    def following(self, registry: Registry, group: str) -> int:
        """The number after the highest that is there; where such a batch was stopped, the one it began at.

        So the same command continues a batch that was stopped, and begins another one when it was not.
        """
        for one, _ in registry.batches.all():
            if one.group == group and one.state == OPEN:
                first = min(self._numbers(registry.devices.all(batch=one.name)), default=None)
                if first is not None and self._source(group, first) == one.source_sha256:
                    return first
        return max(self._numbers(registry.devices.all()), default=0) + 1

    def _numbers(self, devices: Iterable[Device]) -> Iterator[int]:
        found = (self.number(device.name) for device in devices)
        return (number for number in found if number is not None)

    def _source(self, group: str, first: int) -> str:
        return batch.digest(group, [Wanted(row.name, row.cells) for row in self.sheet(first).rows])
