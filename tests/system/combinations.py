"""Sets of services to switch off: all that matter, and a few that meet every pair of switches."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from device.core import fields
from muster.boards import Service


def every(names: Sequence[str]) -> Iterator[frozenset[str]]:
    """Every set of `names`."""
    for count in range(len(names) + 1):
        yield from map(frozenset, itertools.combinations(names, count))


def by_needs(services: Sequence[Service]) -> tuple[list[str], list[str]]:
    """The names of the services that need one or that one needs, and of those that stand alone."""
    needed = {need for service in services for need in service.needs}
    linked = [service.name for service in services if service.needs or service.name in needed]
    return linked, [service.name for service in services if service.name not in linked]


def that_matter(services: Sequence[Service]) -> Iterator[frozenset[str]]:
    """Every set of the linked services, and every set of those that stand alone.

    The two kinds have no part in what becomes of each other, so each set is joined with the next of a few
    sets of the other kind, in which any two meet. All sets of all services would be two million.
    """
    for names, others in itertools.permutations(by_needs(services)):
        for off, more in zip(every(names), itertools.cycle(covering(others))):  # noqa: B905 (it is a cycle)
            yield off | more


def covering(names: Sequence[str]) -> list[frozenset[str]]:
    """Sets of `names` such that each two of them are both in, both out, and one in and the other out, in one.

    Each name is in half of the sets, rounded up, never in the first, and no two are in the same: so for two
    of them there is a set with only one of them, one with only the other, and because halves of the rest
    overlap, one with both (Kleitman and Spencer, 1973).
    """
    for rows in itertools.count(4):
        columns = list(itertools.combinations(range(1, rows), (rows + 1) // 2))
        if len(columns) >= len(names):
            break
    chosen = dict(zip(names, columns))  # noqa: B905 (there may be more columns)
    return [frozenset(name for name in names if row in chosen[name]) for row in range(rows)]


def switches(services: Sequence[Service], off: frozenset[str], named: bool = False) -> dict[str, Any]:
    """The object "services" of config.json that switches `off`; `named`: it names the others, too."""
    found: dict[str, Any] = {fields.CLOUD: {}}
    for service in services:
        place = found[fields.CLOUD] if service.in_cloud else found
        if service.name in off or named:
            place[service.name] = service.name not in off
    return found


def running(services: Sequence[Service], off: frozenset[str], named: bool, cloud: bool) -> set[str]:
    """Which services are to run. Not how core/startup.py finds it: that is what it is compared with."""
    needs = {service.name: service.needs for service in services}
    in_cloud = {service.name for service in services if service.in_cloud and not cloud}

    def below(name: str) -> set[str]:
        """The service and whatever it needs."""
        return {name}.union(*(below(need) for need in needs[name] if need in needs))

    without_cloud = {name for name in needs if below(name) & in_cloud}
    on = {name for name in needs if name not in off and name not in without_cloud}
    if named:
        on = set().union(*(below(name) for name in on))
    return {name for name in on if below(name) <= on}
