"""The status light and the hold button, with a clock and pins of their own: an hour takes no time."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from device.runtime.service import DONE, FAILING, RUNNING
from device.runtime.state import State
from device.services.panel import Panel

LIGHT, BUTTON = "LED", 22


class End(Exception):
    """The time of a test is over."""


class Pin:
    """Called as machine.Pin is. `low`: (from, to) in ms of the moments when it is held."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.low: list[tuple[int, int]] = []
        self.mode = "in"
        self.levels: list[bool] = []

    def __call__(self, level: bool | None = None) -> int:
        if level is not None:
            self.levels.append(level)
        return not any(begin <= self.world.now_ms < end for begin, end in self.low)

    def __repr__(self) -> str:
        return f"Pin({self.mode})"


class World:
    """A board on whose network and session nothing happens but what a test says."""

    def __init__(self, chosen: dict[str, Any] | None = None) -> None:
        self.now_ms = 5000
        self.end_ms = 5000
        self.pins: dict[Any, Pin] = {}
        self.is_connected = self.is_online = True
        self.asked_ms: list[int] = []
        self.on_sleep: Callable[[], None] = lambda: None
        board = SimpleNamespace(pin=self._pin, interval=lambda _, ms: ms, say=lambda *_: None)
        clock = SimpleNamespace(ms=lambda: self.now_ms, sleep_ms=self._sleep)
        network = SimpleNamespace(connected=lambda: self.is_connected)
        build = SimpleNamespace(LIGHT_PIN=LIGHT, ESCAPE_PIN=BUTTON)
        ports = SimpleNamespace(board=board, clock=clock, network=network, build=build)
        self.state = State(ports)
        self.state.supervisor = self.state.identity = object()
        self.state.session.is_online = lambda: self.is_online
        self.state.services["mqtt"] = SimpleNamespace(failure=None, condition=RUNNING)
        self.state.networking.ask_set_up = lambda: self.asked_ms.append(self.now_ms)
        if chosen is not None:
            self.state.settings = SimpleNamespace(panel=chosen)

    def _pin(self, name: Any, is_output: bool = False) -> Pin | None:
        return None if name is None else self.pins.setdefault(name, Pin(self))

    async def _sleep(self, ms: int) -> None:
        assert 0 < ms <= 1000
        self.now_ms += ms
        self.on_sleep()
        if self.now_ms >= self.end_ms:
            raise End

    def live(self, for_ms: int) -> list[bool]:
        """Let time pass; every level that the light was given."""
        self.end_ms = self.now_ms + for_ms
        panel = Panel("panel", self.state)
        with pytest.raises(End):
            asyncio.run(panel.run())
        assert panel.ready.is_set()
        if LIGHT not in self.pins:
            return []
        *levels, last = self.pins[LIGHT].levels
        assert not last, "it goes out with the service"
        return levels


def blinks(levels: list[bool]) -> int:
    """How often the light went on."""
    return sum(not before and now for before, now in zip([False, *levels], levels, strict=False))


def test_all_well_shines() -> None:
    assert set(World().live(60000)) == {True}


@pytest.mark.parametrize(("step", "count"), [("network", 1), ("provision", 2), ("mqtt", 3), ("status", 4)])
def test_each_step_is_counted(step: str, count: int) -> None:
    world = World()
    world.is_connected = step != "network"
    world.is_online = step not in ("network", "mqtt")
    if step in ("provision", "status"):
        world.state.services[step] = SimpleNamespace(failure=None, condition=RUNNING)
    assert world.state.step() == step
    assert blinks(world.live(count * 500 + 1500)) == count


def test_boot_py_provisions_before_there_is_a_supervisor() -> None:
    world = World()
    world.state.identity = world.state.supervisor = None
    world.state.services.clear()
    assert blinks(world.live(2500)) == 2
    world.state.supervisor = object()  # a board that is not to be provisioned
    assert world.state.step() == "up"


def test_a_board_without_mqtt_is_well_when_it_is_on_the_network() -> None:
    world = World()
    world.is_online = False
    world.state.services.clear()
    assert set(world.live(9000)) == {True}


def test_a_service_that_fails_is_seen_on_a_board_that_is_connected() -> None:
    world = World()
    world.state.services["status"] = SimpleNamespace(failure=None, condition=DONE)
    world.state.services["app"] = SimpleNamespace(failure=ValueError("bug"), condition=FAILING)
    assert blinks(world.live(4000)) == 5


def test_a_code_begins_with_its_first_blink() -> None:
    world = World()
    world.on_sleep = lambda: setattr(world, "is_online", world.now_ms < 10300)
    levels = world.live(9000)
    first = levels.index(False)
    assert levels[first - 1 : first + 5] == [True, False] * 3, "three blinks at once, none of them cut"


def test_a_button_that_is_held_for_ten_seconds_asks_once() -> None:
    world = World()
    world._pin(BUTTON).low = [(20000, 60000)]  # type: ignore[union-attr]
    levels = world.live(80000)
    assert len(world.asked_ms) == 1
    assert 29000 <= world.asked_ms[0] <= 31000
    assert blinks(levels) > 40, "it flickers meanwhile"


def test_a_button_that_is_held_again_asks_again() -> None:
    world = World()
    world._pin(BUTTON).low = [(20000, 35000), (40000, 55000), (60000, 68000), (69500, 77000)]  # type: ignore[union-attr]
    world.live(90000)
    assert len(world.asked_ms) == 2, "the last two were too short"


def test_a_pin_that_is_low_from_the_start_is_no_button() -> None:
    world = World()
    world._pin(BUTTON).low = [(0, 100000)]  # type: ignore[union-attr]
    assert set(world.live(60000)) == {True}
    assert world.asked_ms == []


def test_a_pin_that_an_application_uses_for_itself_is_no_button() -> None:
    world = World()
    button = world._pin(BUTTON)
    assert button
    button.low = [(20000, 100000)]
    world.on_sleep = lambda: setattr(button, "mode", "out" if world.now_ms >= 19000 else "in")
    assert set(world.live(60000)) == {True}
    assert world.asked_ms == []


def test_pins_are_chosen_in_ento_conf() -> None:
    world = World({"light": 2, "button": 0})
    world.live(2000)
    assert set(world.pins) == {2, 0}
    world = World({"button": None})
    world.live(2000)
    assert set(world.pins) == {LIGHT}


def test_without_pins_it_is_done() -> None:
    world = World({"light": None, "button": None})
    panel = Panel("panel", world.state)
    asyncio.run(panel.run())
    assert panel.ready.is_set() and not world.pins
