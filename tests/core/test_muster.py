"""What the application is told of a service that is not there."""

import asyncio

from check import raises
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.runtime.muster import Muster
from device.runtime.service import OFF, STOPPED


class _Service:
    """A service in a condition; it offers nothing, as one that does not run."""

    def __init__(self, condition):
        self.condition = condition

    def say(self, text):
        """What Muster offers as `log`."""

    warn = say


class _State:
    """What Muster knows of the board."""

    def __init__(self, condition):
        self.services = {"database": _Service(condition)} if condition != OFF else {}


def _told(condition):
    muster = Muster(_State(condition), None, _Service(OFF), None)
    return raises(Failure, lambda: asyncio.run(muster.table("readings")))


def test_a_table_without_a_database():
    failure = _told(OFF)
    assert failure.kind == GIVE_UP and "switch it on" in str(failure)


def test_a_table_while_the_database_is_stopped():
    """It comes back by itself, so the application is to try again soon."""
    failure = _told(STOPPED)
    assert failure.kind == AGAIN and "memory is short" in str(failure)
