"""One twin serves all tests of this folder: each board has a serial of its own."""

import itertools

import pytest

from muster.twin.server import running_twin

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def twin(tmp_path_factory):
    with running_twin(tmp_path_factory.mktemp("twin")) as running:
        yield running


@pytest.fixture
def serial():
    """A serial that no other board has."""
    return f"cam-{next(_numbers)}"
