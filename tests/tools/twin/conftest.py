"""Fixtures: a twin in a thread, and devices provisioned on it."""

import contextlib
import logging
from collections.abc import Iterator

import pytest

from muster.twin.server import running_twin
from tools.twin.heard import Heard
from tools.twin.helpers import Device, quick
from tools.twin.operating import Clock, signed_in


@pytest.fixture
def start(tmp_path):
    """start(**settings) runs a twin until the test ends."""

    with contextlib.ExitStack() as stack:
        yield lambda **changes: stack.enter_context(running_twin(tmp_path / "home", quick(**changes)))


@pytest.fixture
def home_of(tmp_path):
    """home_of(**settings) runs a twin in the same home each time; (twin, what stops it)."""
    with contextlib.ExitStack() as all_of_them:

        def run(**changes):
            stack = all_of_them.enter_context(contextlib.ExitStack())
            return stack.enter_context(running_twin(tmp_path / "kept", quick(**changes))), stack.close

        yield run


@pytest.fixture
def twin(start):
    return start()


@pytest.fixture
def clock() -> Clock:
    """What a twin that is `operated` takes for the time."""
    return Clock()


@pytest.fixture
def ada(twin):
    """The browser of somebody who has boards; the twin is `operated`."""
    return signed_in(twin, "ada")


@pytest.fixture
def bob(twin):
    """The browser of somebody else."""
    return signed_in(twin, "bob")


@pytest.fixture
def olga(twin):
    """The operator's browser."""
    return signed_in(twin, "olga")


@pytest.fixture
def device(twin, tmp_path):
    """device(serial) provisions a device on `twin`."""
    return lambda serial="cam1": Device(twin, tmp_path, serial)


@pytest.fixture
def camera(device):
    """The device of most tests, provisioned."""
    return device("cam1")


@pytest.fixture
def heard() -> Iterator[Heard]:
    log = logging.getLogger("muster.twin")
    handler, level = Heard(), log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    log.removeHandler(handler)
    log.setLevel(level)
