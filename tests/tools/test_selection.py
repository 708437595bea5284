"""The run-time switches of what can be built in, as the start-up plans it."""

import itertools

import pytest
from tests.system import combinations

from device.core import fields, startup
from muster.boards import Selection, all_services, described, profile

BUILT = described(all_services())
NAMES = [service.name for service in BUILT]


@pytest.mark.parametrize(("named", "cloud"), list(itertools.product((False, True), repeat=2)))
def test_every_combination_of_switches_has_its_plan(named: bool, cloud: bool) -> None:
    seen = set()
    for off in combinations.that_matter(BUILT):
        switches = combinations.switches(BUILT, off, named)
        if not cloud:
            switches[fields.CLOUD] = False
        plan, reasons, notes = startup.plan(switches, BUILT)
        names = [name for name, _ in plan]
        assert set(names) == combinations.running(BUILT, off, named, cloud), switches
        assert names == [name for name in startup.ORDER if name in names]
        assert reasons.keys() == set(NAMES) - set(names)
        assert all(set(needs) <= set(names) for _, needs in plan)
        assert len(notes) == len((set(names) & off) if named else ()), notes
        seen.add(off)
    linked, alone = combinations.by_needs(BUILT)
    assert len({off & set(linked) for off in seen}) == 2 ** len(linked)
    assert len({off & set(alone) for off in seen}) == 2 ** len(alone)


@pytest.mark.parametrize("left_out", NAMES)
def test_each_omission_from_the_build_starts_everything_else(left_out: str) -> None:
    services = profile("virtual", selection=Selection("full", (left_out,))).services
    plan, off, notes = startup.plan({}, services)
    assert {name for name, _ in plan} == set(NAMES) - {left_out}
    assert (off, notes) == ({}, [])


@pytest.mark.parametrize("count", [1, 2, 4, 9, 17, 30])
def test_the_sample_meets_every_pair_of_switches(count: int) -> None:
    names = [f"s{number}" for number in range(count)]
    sample = combinations.covering(names)
    assert len(sample) <= 10
    for one, other in itertools.combinations(names, 2):
        assert {(one in off, other in off) for off in sample} == set(
            itertools.product((False, True), repeat=2)
        )
    for name in names:
        assert {name in off for off in sample} == {False, True}
