"""Adding and forgetting networks on a real LittleFS; run under MicroPython by test_wifi_setup.py."""

import asyncio

from small_flash import Board, cut_everywhere

from check import raises
from device.core import known_networks, paths, wifi_file
from device.core.failures import Failure
from device.core.ports import Ports
from device.port import store
from device.runtime import wifi_setup
from device.runtime.state import State

assert known_networks and wifi_file  # later the flash is mounted where they come from, so they must stay
wifi_setup.unload_readers = lambda: None

_OLD = b'{"networks": [{"ssid": "old", "password": "old-password"}], "country": "DE"}'


class _Console:
    def __init__(self):
        self.lines = []

    def say(self, step, text):
        self.lines.append(text)


class _Clock:
    @staticmethod
    def ms():
        return 7

    @staticmethod
    async def sleep_ms(duration_ms):
        _Clock.slept_ms = duration_ms


class _Network:
    """On the network `name`, as `facts` has it."""

    def __init__(self, name=None):
        self.name = name
        self.left = 0

    def facts(self):
        return (self.name, "192.168.1.7", -60) if self.name else None

    def leave(self):
        self.left += 1


def _state(name=None):
    return State(Ports(_Console(), _Clock, store, _Network(name), None, None, None))


def _flash(content, blocks=32):
    board = Board(blocks)
    board.boot()
    store.write(paths.WIFI, b"{}")
    if content is None:
        store.remove(paths.WIFI)
    else:
        store.write(paths.WIFI, content)
    board.off()
    return board


def _known():
    return [name for name, _ in wifi_file.wifi(store.read(paths.WIFI))[0]]


def test_adding_and_forgetting_cut_anywhere_leaves_the_old_or_the_new_networks():
    def add():
        wifi_setup.add_network(_state(), "new", "new-password")

    def forget():
        wifi_setup.forget_network(_state(), "old")

    for content, change, before, after in (
        (_OLD, add, ["old"], ["new", "old"]),
        (None, add, [], ["new"]),
        (_OLD, forget, ["old"], []),
    ):
        seen = []

        def check(copy, done, before=before, after=after, seen=seen):
            copy.boot()
            found = _known()
            assert found == after if done else found in (before, after), found
            if found not in seen:
                seen.append(found)

        assert cut_everywhere(_flash(content), change, check) >= 4
        assert len(seen) == 2


def test_whoever_adds_a_network_sees_it_tried():
    _flash(_OLD).boot()
    state = _state()
    wifi_setup.add_network(state, "new", "marker-password")
    assert state.networking.changed.is_set()
    assert wifi_setup.facts(state) == {
        "ssid": "",
        "address": "",
        "rssi": 0,
        "known": ["new", "old"],
        "access_point": False,
    }
    assert not any("marker" in line or "new" in line for line in state.ports.board.lines)


def test_a_network_that_is_forgotten_is_left():
    for joined, left in (("old", 1), ("other", 0), (None, 0)):
        _flash(_OLD).boot()
        state = _state(joined)

        async def forget(state=state):
            wifi_setup.forget_network(state, "old")
            assert not state.ports.network.left, "the answer is still on its way"
            for _ in range(5):
                await asyncio.sleep_ms(0)

        asyncio.run(forget())
        assert state.ports.network.left == left and state.networking.changed.is_set() and not _known()
    raises(Failure, wifi_setup.forget_network, _state(), "never known")


def test_a_file_that_nothing_can_be_made_of_is_replaced():
    for content in (b'{"networks": [{"ss', b"x" * 20000):
        _flash(content, 64).boot()
        wifi_setup.add_network(_state(), "new", "")
        assert _known() == ["new"]


def test_a_refused_network_changes_nothing():
    _flash(_OLD).boot()
    state = _state()
    raises(Failure, wifi_setup.add_network, state, "x" * 33, "")
    assert store.read(paths.WIFI) == _OLD and not state.networking.changed.is_set()


def test_the_address_of_the_access_point_is_a_fact_while_it_is_open():
    state = _state()
    state.networking.opened("muster-1", "192.168.4.1")
    assert wifi_setup.facts(state)["access_point"] and wifi_setup.facts(state)["address"] == "192.168.4.1"
    state.networking.closed()
    assert not wifi_setup.facts(state)["access_point"] and not wifi_setup.facts(state)["address"]
