"""Joining Wi-Fi with drivers that fail; run under MicroPython by test_network.py."""

import asyncio
import errno

from check import raises
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.port import network as port


class Station:
    """A Wi-Fi station: `outcomes` by name is a status, or an exception that `connect` raises."""

    outcomes = {}
    active_error = None
    joined = None
    tried = []

    def __init__(self, interface):
        pass

    def isconnected(self):
        return Station.joined is not None and self.outcomes.get(Station.joined) == port.network.STAT_GOT_IP

    def active(self, on):
        if self.active_error:
            raise self.active_error

    def config(self, **options):
        pass

    def connect(self, ssid, password):
        Station.tried.append((ssid, password))
        outcome = self.outcomes.get(ssid)
        if isinstance(outcome, Exception):
            raise outcome
        Station.joined = ssid

    def disconnect(self):
        Station.joined = None

    def status(self):
        return self.outcomes[Station.joined]


def _join(outcomes, networks, country="", active_error=None):
    Station.outcomes, Station.joined, Station.tried = outcomes, None, []
    Station.active_error = active_error
    before = port.network.WLAN
    port.network.WLAN = Station
    try:
        asyncio.run(port.join(networks, country))
    finally:
        port.network.WLAN = before
    return Station.joined


_UP = port.network.STAT_GOT_IP


def test_the_first_that_takes_us():
    outcomes = {"a": port.network.STAT_NO_AP_FOUND, "b": port.network.STAT_WRONG_PASSWORD, "c": _UP, "d": _UP}
    assert _join(outcomes, [("a", None), ("b", "x"), ("c", "y"), ("d", None)], "DE") == "c"
    assert Station.tried == [("a", None), ("b", "x"), ("c", "y")]


def test_reasons_of_all_are_told_without_passwords():
    outcomes = {"a": port.network.STAT_NO_AP_FOUND, "b": port.network.STAT_WRONG_PASSWORD}
    failure = raises(Failure, _join, outcomes, [("a", "marker-1"), ("b", "marker-2")])
    assert failure.kind == AGAIN and "a: not in reach, b: wrong password" in str(failure)
    assert "marker" not in str(failure)


def test_no_network_is_known():
    assert raises(Failure, _join, {}, []).kind == GIVE_UP


def test_a_driver_that_refuses_one_network_is_asked_for_the_next():
    for error in (
        OSError("Wifi Internal State Error"),
        OSError(errno.EPERM),
        OSError(errno.EINVAL),
        ValueError("x"),
    ):
        assert _join({"a": error, "b": _UP}, [("a", "short"), ("b", None)]) == "b"
        failure = raises(Failure, _join, {"a": error}, [("a", "marker-1")])
        assert failure.kind == AGAIN and "a: " in str(failure) and "marker" not in str(failure)


def test_a_driver_that_does_not_start_is_a_failure():
    for error in (OSError("Wifi Out of Memory"), OSError(errno.ENOMEM)):
        failure = raises(Failure, _join, {"a": _UP}, [("a", None)], "", error)
        assert failure.kind == AGAIN and "Wi-Fi" in str(failure)
