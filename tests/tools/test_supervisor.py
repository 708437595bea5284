"""How the supervisor ends a service: never while a packet of its is on the way."""

import asyncio
import sys
import time
from types import ModuleType, SimpleNamespace

import pytest

from device.core.failures import AGAIN, GIVE_UP, Failure, Lost
from device.core.ports import Ports
from device.runtime.service import FAILING, RUNNING, Service
from device.runtime.state import State
from device.runtime.supervisor import Supervisor


class _Deaf(Service):
    """Sends a long packet, then waits for ever; `history` says what became of it."""

    history: list[str] = []

    async def run(self):
        connection = self.state.session.connection()
        try:
            async with connection.lock:
                self.history.append("sending")
                await connection.is_room.wait()
                self.history.append("sent")
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.history.append("ended")
            raise


class _Connection:
    """A connection on which a packet takes its time."""

    def __init__(self):
        self.lock = asyncio.Lock()
        self.is_room = asyncio.Event()

    async def between_packets(self, call):
        async with self.lock:
            call()


async def _wait(awaitable, limit_ms):
    try:
        await asyncio.wait_for(awaitable, limit_ms / 1000)
    except asyncio.TimeoutError:
        return False
    return True


_OVER = "the start is over"


async def _sleep_ms(ms):
    await asyncio.sleep(ms / 1000)


async def _alone(work):
    return await work


@pytest.fixture
def state(monkeypatch):
    """A board with the service `deaf` and a connection."""
    module = ModuleType("device.services.deaf")
    module.SERVICE = _Deaf
    monkeypatch.setitem(sys.modules, "device.services.deaf", module)
    monkeypatch.setattr(_Deaf, "history", [])
    told: list[str] = []
    board = SimpleNamespace(
        say=lambda step, text, level=0: told.append(f"{step} {text}"),
        interval=lambda what, default_ms: default_ms,
        random_bytes=bytes,
        traceback=repr,
        end_start=lambda: told.append(_OVER),
    )
    clock = SimpleNamespace(
        ms=lambda: int(time.monotonic() * 1000), wait=_wait, sleep_ms=_sleep_ms, alone=_alone
    )
    store = SimpleNamespace(read=lambda path: None)
    build = SimpleNamespace(SERVICES=(("deaf", (), False, False),))
    given = {"board": board, "clock": clock, "store": store, "build": build}
    made = State(Ports(**{name: given.get(name) for name in Ports._fields}))
    made.told = told
    return made


async def _until(is_true):
    while not is_true():  # noqa: ASYNC110
        await asyncio.sleep(0)


def test_a_service_that_is_sending_is_ended_when_the_packet_is_out(state):
    async def run():
        connection = state.session._connection = _Connection()
        state.supervisor = Supervisor(state)
        state.supervisor.start()
        await _until(lambda: _Deaf.history == ["sending"])
        for number in range(3):  # a message after the other; the first is the one that is told
            state.supervisor.fail("deaf", Failure(AGAIN, f"bug {number}"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert _Deaf.history == ["sending"] and len(state.supervisor._ending) == 1
        connection.is_room.set()
        await _until(lambda: len(_Deaf.history) > 2)
        assert _Deaf.history[:3] == ["sending", "sent", "ended"]
        await _until(lambda: len(state.told) > 1)

    asyncio.run(asyncio.wait_for(run(), 60))
    assert "deaf bug 0. Trying again" in state.told[1], state.told
    assert not state.supervisor._ending


def test_without_a_connection_a_service_is_ended_at_once(state):
    async def run():
        state.session._connection = _Connection()
        state.supervisor = Supervisor(state)
        state.supervisor.start()
        await _until(lambda: _Deaf.history == ["sending"])
        state.session._connection = None
        state.supervisor.fail("deaf", Failure(AGAIN, "bug"))
        await _until(lambda: len(_Deaf.history) > 1)

    asyncio.run(asyncio.wait_for(run(), 60))
    assert _Deaf.history == ["sending", "ended"]


class _OnTheWay(Service):
    """Fails or ends when it is told."""

    async def run(self):
        self.ready.set()
        await self.state.told_to_go.wait()
        if self.name == self.state.fails:
            raise Failure(AGAIN, "planted")
        if self.name == "mqtt":
            await asyncio.Event().wait()


class _Other(Service):
    """A service that the boot status does not need."""

    async def run(self):
        self.state.ports.board.say("other", "runs")


@pytest.fixture
def provisioned(state, monkeypatch):
    """The same board with an identity, on a network, and with more services."""
    for name, kind in (("mqtt", _OnTheWay), ("status", _OnTheWay), ("other", _Other)):
        module = ModuleType("device.services." + name)
        module.SERVICE = kind
        monkeypatch.setitem(sys.modules, "device.services." + name, module)
    state.ports.build.SERVICES = (
        ("other", (), False, False),
        ("mqtt", (), False, True),
        ("status", ("mqtt",), False, True),
    )
    state.identity = object()
    state.fails = None
    state.is_connected = True
    state.ports = state.ports._replace(network=SimpleNamespace(connected=lambda: state.is_connected))
    return state


async def _started(state):
    """Start everything; wait until all that can run at once does."""
    state.told_to_go = asyncio.Event()
    state.supervisor = Supervisor(state)
    state.supervisor.start()
    for _ in range(30):
        await asyncio.sleep(0)
    return dict((name, condition) for name, condition, _ in state.supervisor.facts())


def _ran(state):
    return "other runs" in state.told


@pytest.mark.parametrize("fails", [None, "mqtt", "status"])
def test_the_others_start_when_the_status_is_sent_or_something_failed(provisioned, fails):
    async def run():
        provisioned.fails = fails
        assert await _started(provisioned) == {"other": "waiting", "mqtt": "running", "status": "running"}
        assert "other" not in provisioned.services and _OVER not in provisioned.told
        provisioned.told_to_go.set()
        await _until(lambda: _ran(provisioned))
        assert _OVER in provisioned.told, "garbage is collected earlier from now on"

    asyncio.run(asyncio.wait_for(run(), 60))


@pytest.mark.parametrize("missing", ["network", "identity", "status"])
def test_the_others_start_at_once_when_no_status_will_be_sent_soon(provisioned, missing):
    if missing == "network":
        provisioned.is_connected = False
    elif missing == "identity":
        provisioned.identity = None
    else:
        provisioned.ports.build.SERVICES = provisioned.ports.build.SERVICES[:2]

    async def run():
        await _started(provisioned)
        assert _ran(provisioned) and _OVER in provisioned.told

    asyncio.run(asyncio.wait_for(run(), 60))


def test_the_others_do_not_wait_for_ever(provisioned):
    async def run():
        await _started(provisioned)
        assert not _ran(provisioned)
        now_ms = provisioned.ports.clock.ms()
        provisioned.ports.clock.ms = lambda: now_ms + 10000
        await _until(lambda: _ran(provisioned))

    asyncio.run(asyncio.wait_for(run(), 60))


@pytest.mark.parametrize(("kind", "woken"), [(Exception, ["lost", "refused", "paused"]), (Lost, ["lost"])])
def test_who_failed_so_is_hurried(kind, woken):
    """A refused filter ends the connection: whoever asks for it must not be hurried when that is back."""
    refusal = Failure(GIVE_UP, "refused")
    states = {
        "lost": (FAILING, Lost(AGAIN, "no answer"), False),
        "refused": (FAILING, refusal, False),
        "paused": (RUNNING, refusal, True),
        "well": (RUNNING, None, False),
    }

    async def run():
        services = {}
        for name, (condition, failure, pauses) in states.items():
            service = services[name] = Service(name, None)
            service.condition, service.failure, service.pauses = condition, failure, pauses
        supervisor = Supervisor.__new__(Supervisor)
        supervisor._state = SimpleNamespace(services=services)
        supervisor.hurry(kind)
        assert [name for name, service in services.items() if service.wake.is_set()] == woken

    asyncio.run(run())
