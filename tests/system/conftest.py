"""One twin serves all tests of this folder: each board has a serial of its own."""

import itertools

import pytest

from muster.checks import messages
from muster.twin.server import running_twin
from muster.twin.settings import Settings
from tests.system import renewals, rig

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def twin(tmp_path_factory):
    many_keys = Settings(key_pool=16)  # of RSA: a crowd of boards asks for them at the same moment
    with running_twin(tmp_path_factory.mktemp("twin"), many_keys) as running:
        yield running


@pytest.fixture(scope="session")
def numbered_twin(tmp_path_factory):
    """A twin whose boards know it by its address, and need no name server."""
    settings = Settings(host="127.0.0.1", authority_key="ec", claim_key="ec", key_pool=2)
    with running_twin(tmp_path_factory.mktemp("numbered-twin"), settings) as running:
        yield running


@pytest.fixture(scope="session")
def log_twin(tmp_path_factory):
    """A twin with its HTTPS side, which takes the log of boards."""
    settings = Settings(authority_key="ec", claim_key="ec", key_pool=4, https_port=0)
    with running_twin(tmp_path_factory.mktemp("log-twin"), settings) as running:
        yield running


@pytest.fixture(scope="module")
def renewing_twin(tmp_path_factory):
    """A twin whose certificates are due when a board of `renewals.due` has one."""
    settings = renewals.old_settings(renewals.Clock())
    with running_twin(tmp_path_factory.mktemp("renewing-twin"), settings) as running:
        yield running


@pytest.fixture
def cloud(tmp_path):
    """A twin with all its sides, of one test alone."""
    settings = Settings(
        authority_key="ec", claim_key="ec", key_pool=4, https_port=0, page_port=0, claim_delay_s=1
    )
    with running_twin(tmp_path / "twin", settings) as running:
        yield running


@pytest.fixture
def serial():
    """A serial that no other board has."""
    return f"cam-{next(_numbers)}"


@pytest.fixture(autouse=True)
def every_message_is_listed():
    """Every line that a board prints is in the table of messages."""
    rig.printed.clear()
    yield
    unlisted = messages.unlisted(rig.printed)
    assert not unlisted, "add to tools/muster/checks/messages.csv, then `make docs`:\n" + "\n".join(unlisted)
