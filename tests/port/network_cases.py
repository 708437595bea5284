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


class AccessPoint:
    """An access point that is on when it is asked for the `after`-th time, or fails."""

    def __init__(self, after=0, error=None):
        self.after = after
        self.error = error
        self.is_active = False
        self.done = []

    def __call__(self, interface):
        return self

    def active(self, on=None):
        if on is None:
            self.after -= 1
            return self.is_active and self.after < 0
        self.done.append("on" if on else "off")
        if on and self.error:
            raise self.error
        self.is_active = on
        return None

    def config(self, **options):
        self.done.append(options)

    def ifconfig(self):
        return "192.168.4.1", "255.255.255.0", "192.168.4.1", "192.168.4.1"

    def status(self, what):
        return [(b"\x02\0\0\0\0\x01",)]


def test_the_access_point_is_set_before_it_is_on():
    for password in (None, "secret-word"):
        with _On(AccessPoint(after=3)) as one:
            assert (
                asyncio.run(port.open_access_point("muster-1", password and Secret(password), "DE"))
                == "192.168.4.1"
            )
            code, off, options, on = one.done[:4]
            assert (code, off, on) == ("DE", "off", "on") and options["ssid"] == "muster-1"
            assert options.get("key") == password and bool(options["security"]) == bool(password)
            assert port.stations() == 1
            port.close_access_point()
            assert port.stations() is None and not one.is_active


def test_an_access_point_that_does_not_start_is_a_failure():
    from device.port import access_point

    real = access_point._START_MS
    access_point._START_MS = 100
    try:
        for one in (AccessPoint(error=OSError("Wifi")), AccessPoint(after=1 << 20)):
            with _On(one):
                opening = port.open_access_point("muster-1", Secret("marker-1"), "")
                failure = raises(Failure, asyncio.run, opening)
                assert failure.kind == AGAIN and "did not start" in str(failure)
                assert "marker" not in str(failure) and one.done[-1] == "off"
    finally:
        access_point._START_MS = real


class Air(Station):
    """A station that hears these networks, (name, dBm, security), or fails."""

    def __init__(self, heard):
        super().__init__({})
        self.heard = heard

    def scan(self):
        if not self.is_active:
            raise OSError("STA must be active")
        if isinstance(self.heard, Exception):
            raise self.heard
        return [(name, b"\x02\0\0\0\0\x01", 6, rssi, security, 0) for name, rssi, security in self.heard]


def test_networks_on_the_air_are_told_once_the_strongest_first():
    heard = [(b"a", -80, 3), (b"", -30, 0), (b"b", -60, 0), (b"a", -50, 3), (b"\xff", -20, 0)]
    with _On(Air(heard)):
        assert port.scan() == [("a", -50, False), ("b", -60, True)]
    strange = [(name, -40, 0) for name in (b"\x1b[2J", b"a\r\nb", b"\0", b"\xc2\x9bA", b"\xed\xa0\x80")]
    with _On(Air(heard + strange)):
        assert port.scan() == [("a", -50, False), ("b", -60, True)], "no stranger steers a terminal"
    with _On(Air([(b"n%d" % number, -number, 3) for number in range(99)])):
        assert len(port.scan()) == 20


def test_a_radio_that_does_not_listen_is_a_failure():
    with _On(Air(OSError(errno.EIO))):
        assert "cannot look for networks" in str(raises(Failure, port.scan))
