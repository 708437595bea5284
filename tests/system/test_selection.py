"""Boards with every selection of services: what is switched on starts and stays well, nothing else starts.

Real boots, of boards that have their identity. `make test` boots with a sample of the run-time switches in
which each pair of them meets, `make sweep` (MUSTER_SWEEP=full) with every combination.
"""

import ast
import json
import os

import pytest

from device.core import fields, paths
from muster import image, pack
from muster.boards import Selection, all_services, described, profile
from muster.layout import MAIN
from tests.system import combinations, mishaps, rig

_FULL = os.environ.get("MUSTER_SWEEP") == "full"
_SETTLED = {"running", "done", "off"}
_BATCH = 64  # combinations a test, so that several processes share them
_AT_ONCE = 4

# Prints how many services there are, then what the supervisor knows of one whenever it changes.
_WATCH = b"""\
import asyncio

async def look():
    known = {}
    while not state.supervisor:
        await asyncio.sleep_ms(20)
    print("services", len(state.supervisor.facts()))
    while True:
        for name, condition, why in state.supervisor.facts():
            ready = name not in state.services or state.services[name].ready.is_set()
            if known.get(name) != (condition, why, ready):
                known[name] = condition, why, ready
                print("fact", (name, condition, why, ready))
        await asyncio.sleep_ms(20)

if globals().get("state"):
    asyncio.create_task(look())
"""

BUILT = described(all_services())
NAMES = [service.name for service in BUILT]


def _sample():
    if _FULL:
        return list(combinations.that_matter(BUILT))
    singles = [frozenset([name]) for name in NAMES]
    return list(dict.fromkeys([frozenset(), frozenset(NAMES), *singles, *combinations.covering(NAMES)]))


SAMPLE = _sample()


@pytest.fixture(scope="module")
def boards(twin, tmp_path_factory):
    """Images of boards that have their identity: only as many run at once, because each has its name."""
    folder = tmp_path_factory.mktemp("selection")
    made = []
    for number in range(_AT_ONCE):
        path = folder / f"{number}.img"
        serial = f"chosen-{os.getpid()}-{number}"
        keys = {fields.KEYS: fields.KEYS_DEVICE}
        mishaps.flash(path, twin, serial, intervals=mishaps.PATIENT, provisioning=keys)
        rig.boot_to_the_end(path)
        made.append(path)
    return made


def _with_files(path, target, changes):
    """A copy of the image at `path` in which files are other ones."""
    files = {**rig.on_flash(path), **changes, paths.MAIN: _WATCH + MAIN.read_bytes()}
    target.write_bytes(image.build_image(files, rig.BOARD))
    return target


def _settled(machine):
    """{service: (condition, why)} once no service waits or fails, and each is ready."""
    count = int(machine.wait_for("services ").split()[1])
    facts, start = {}, 0
    while True:
        if len(facts) == count and all(ready and fact in _SETTLED for fact, _, ready in facts.values()):
            return {name: (condition, why) for name, (condition, why, _) in facts.items()}
        line = machine.wait_for("fact (", start=start)
        start = machine.lines.index(line, start) + 1
        name, *found = ast.literal_eval(line.partition(" ")[2])
        facts[name] = found


def _boot_all(boards, folder, cases):
    """Boot with each of `cases` {name: changed files}, several at once; {name: what has settled}."""
    found, cases = {}, list(cases.items())
    for at in range(0, len(cases), _AT_ONCE):
        some = dict(cases[at : at + _AT_ONCE])
        images = {
            name: _with_files(board, folder / f"{number}.img", changes)
            for number, (board, (name, changes)) in enumerate(zip(boards, some.items(), strict=False))
        }
        with mishaps.crowd(images) as machines:
            found.update({name: _settled(machine) for name, machine in machines.items()})
    return found


@pytest.mark.sweep
@pytest.mark.parametrize("start", range(0, len(SAMPLE), _BATCH))
def test_board_boots_with_each_combination_of_switches(boards, tmp_path, start):
    cases = {}
    for off in SAMPLE[start : start + _BATCH]:
        document = {fields.SERVICES: combinations.switches(BUILT, off)}
        cases[off] = {paths.CONFIG: json.dumps(document).encode()}
    for off, facts in _boot_all(boards, tmp_path, cases).items():
        on = combinations.running(BUILT, off, named=False, cloud=True)
        assert {name for name, (condition, _) in facts.items() if condition != "off"} == on, sorted(off)
        assert all(why for condition, why in facts.values() if condition == "off")
        assert facts.keys() == set(NAMES)


def test_board_without_cloud_runs_the_rest(boards, tmp_path):
    document = {fields.SERVICES: {fields.CLOUD: False}}
    ((_, facts),) = _boot_all(boards, tmp_path, {"": {paths.CONFIG: json.dumps(document).encode()}}).items()
    on = combinations.running(BUILT, frozenset(), named=False, cloud=False)
    assert {name for name, (condition, _) in facts.items() if condition != "off"} == on


def test_board_boots_with_each_omission_from_the_build(boards, tmp_path):
    cases = {}
    for name in NAMES:
        selection = Selection("full", (name,))
        told = mishaps.told(selection=selection, intervals=mishaps.PATIENT)
        program = {**image.single_files(rig.BOARD, selection=selection), **told}
        cases[name] = pack.packed(program)
    for left_out, facts in _boot_all(boards, tmp_path, cases).items():
        assert facts.keys() == set(NAMES) - {left_out}
        assert {condition for condition, _ in facts.values()} <= {"running", "done"}, left_out


@pytest.mark.parametrize("build", ["small", "full"])
def test_board_boots_with_each_build_profile(boards, tmp_path, build):
    selection = Selection(build)
    told = mishaps.told(selection=selection, intervals=mishaps.PATIENT)
    files = pack.packed({**image.single_files(rig.BOARD, selection=selection), **told})
    ((_, facts),) = _boot_all(boards, tmp_path, {build: files}).items()
    assert facts.keys() == {service.name for service in profile(rig.BOARD, selection=selection).services}
    assert {condition for condition, _ in facts.values()} <= {"running", "done"}
