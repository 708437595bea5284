"""Joining Wi-Fi with drivers that fail; run under MicroPython by test_network.py."""

import asyncio
import errno

from check import raises
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.core.secret import Secret
from device.port import network as port
from device.port import wifi

_UP = port.network.STAT_GOT_IP
_NOT_THERE = port.network.STAT_NO_AP_FOUND
_WRONG = port.network.STAT_WRONG_PASSWORD


class Station:
    """A Wi-Fi station: `outcomes` by name is a status, or an exception that `connect` raises.

    `looks` is how often somebody has to look until an outcome shows; `done` is what was asked of the driver.
    """

    def __init__(self, outcomes, active_error=None, starts=True, looks=0):
        self.outcomes = outcomes
        self.active_error = active_error
        self.starts = starts
        self.looks = looks
        self.joined = None
        self.is_active = False
        self.done = []

    def __call__(self, interface):
        return self

    def isconnected(self):
        return self.status() == _UP

    def active(self, on=None):
        if on is None:
            return self.is_active
        self.done.append("on" if on else "off")
        if self.active_error:
            raise self.active_error
        self.is_active = on and self.starts
        if not on:
            self.joined = None
        return None

    def config(self, **options):
        self.done.append(options)

    def connect(self, ssid, password):
        self.done.append((ssid, password))
        outcome = self.outcomes.get(ssid)
        if isinstance(outcome, Exception):
            raise outcome
        self.joined = ssid
        self._left = self.looks

    def disconnect(self):
        if self.joined is None:
            raise OSError("Wifi Not Connected")
        self.done.append("leave")
        self.joined = None

    def status(self):
        if self.joined is None:
            return port.network.STAT_IDLE
        self._left -= 1
        return self.outcomes[self.joined] if self._left < 0 else port.network.STAT_CONNECTING


class _On:
    """While this lasts, the board's station is this one; `country` is what was set."""

    def __init__(self, station):
        self.station = station

    def __enter__(self):
        self._real = port.network.WLAN, port.network.country, wifi._LOOK_MS
        port.network.WLAN = self.station
        port.network.country = lambda code: self.station.done.append(code)
        wifi._LOOK_MS = 0
        return self.station

    def __exit__(self, *_):
        port.network.WLAN, port.network.country, wifi._LOOK_MS = self._real


def _join(station, networks, country=""):
    with _On(station):
        asyncio.run(port.join(networks, country))
    return station.joined


def test_the_first_that_takes_us():
    station = Station({"a": _NOT_THERE, "b": _WRONG, "c": _UP, "d": _UP}, looks=3)
    assert _join(station, [("a", None), ("b", Secret("x")), ("c", Secret("y")), ("d", None)], "DE") == "c"
    assert station.done == ["DE", "on", ("a", None), "leave", ("b", "x"), "leave", ("c", "y")]


def test_reasons_of_all_are_told_without_passwords():
    station = Station({"a": _NOT_THERE, "b": _WRONG, "c": port.network.STAT_CONNECT_FAIL})
    networks = [("a", Secret("marker-1")), ("b", Secret("marker-2")), ("c", None)]
    failure = raises(Failure, _join, station, networks)
    assert failure.kind == AGAIN and "a: not in range, b: wrong password, c: refused" in str(failure)
    assert "marker" not in str(failure)


def test_no_network_is_known():
    assert raises(Failure, _join, Station({}), []).kind == GIVE_UP
    with _On(Station({})):
        assert raises(Failure, port.begin, [], "").kind == GIVE_UP


def test_joining_goes_on_with_what_was_begun():
    with _On(Station({"a": _UP, "b": _UP}, looks=4)) as station:
        port.begin([("a", Secret("x")), ("b", None)], "DE")
        assert not port.connected() and station.done == ["DE", "on", ("a", "x")]
        asyncio.run(port.join([("a", Secret("x")), ("b", None)], "DE"))
        assert port.connected() and station.done == ["DE", "on", ("a", "x")], "nothing was begun anew"
        port.begin([("b", None)], "DE")
        asyncio.run(port.join([("b", None)], "DE"))
        assert station.joined == "a", "who is connected stays so"


def test_what_was_begun_fails_and_the_next_is_tried():
    with _On(Station({"a": _WRONG, "b": _UP}, looks=4)) as station:
        networks = [("a", Secret("x")), ("b", None)]
        port.begin(networks, "")
        asyncio.run(port.join(networks, ""))
        assert station.done == ["on", ("a", "x"), "leave", ("b", None)]


def test_what_was_begun_has_failed_before_anybody_joins():
    with _On(Station({"a": _WRONG, "b": _UP})) as station:
        networks = [("a", Secret("x")), ("b", None)]
        port.begin(networks, "")
        asyncio.run(port.join(networks, ""))
        assert station.joined == "b"


def test_a_driver_that_refuses_one_network_is_asked_for_the_next():
    for error in (
        OSError("Wifi Internal State Error"),
        OSError(errno.EPERM),
        OSError(errno.EINVAL),
        ValueError("x"),
    ):
        for begun in (False, True):
            with _On(Station({"a": error, "b": _UP})) as station:
                networks = [("a", Secret("short")), ("b", None)]
                if begun:
                    port.begin(networks, "")
                asyncio.run(port.join(networks, ""))
                assert station.joined == "b"
        failure = raises(Failure, _join, Station({"a": error}), [("a", Secret("marker-1"))])
        assert failure.kind == AGAIN and "a: " in str(failure) and "marker" not in str(failure)


def test_a_driver_that_does_not_start_is_a_failure():
    for error in (OSError("Wifi Out of Memory"), OSError(errno.ENOMEM)):
        failure = raises(Failure, _join, Station({"a": _UP}, error), [("a", None)])
        assert failure.kind == AGAIN and f"Wi-Fi did not start ({error})" in str(failure)


def test_a_radio_that_stays_off_without_a_word_is_a_failure():
    for call in (lambda: port.begin([("a", None)], ""), lambda: asyncio.run(port.join([("a", None)], ""))):
        with _On(Station({"a": _UP}, starts=False)) as station:
            failure = raises(Failure, call)
            assert failure.kind == AGAIN and "Wi-Fi did not start" in str(failure)
            assert station.done == ["on", "off"] and "power supply" in failure.advice


def test_nobody_answers():
    real = wifi._JOIN_MS
    wifi._JOIN_MS = 30
    try:
        failure = raises(Failure, _join, Station({"a": _UP}, looks=1 << 30), [("a", None)])
    finally:
        wifi._JOIN_MS = real
    assert failure.kind == AGAIN and "a: no answer" in str(failure)


def test_leaving_and_restarting():
    with _On(Station({"a": _UP})) as station:
        port.leave()  # of what was never joined
        asyncio.run(port.join([("a", None)], ""))
        port.leave()
        assert not port.connected() and station.is_active
        asyncio.run(port.join([("a", None)], ""))
        port.restart()
        assert not port.connected() and not station.is_active
        asyncio.run(port.join([("a", None)], ""))
        assert port.connected() and station.is_active
        station.active_error = OSError("Wifi Not Started")
        port.restart()


def test_options_of_the_board_are_set_before_it_joins():
    real = wifi._build
    wifi._build = type("Build", (), {"JOIN_OPTIONS": {"pm": 7}})
    try:
        station = Station({"a": _UP})
        _join(station, [("a", None)])
    finally:
        wifi._build = real
    assert station.done == ["on", {"pm": 7}, ("a", None)]
