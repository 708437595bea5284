"""How the supervisor ends a service: never while a packet of its is on the way."""

import asyncio
import sys
import time
from types import ModuleType, SimpleNamespace

import pytest

from device.core.failures import AGAIN, Failure
from device.core.ports import Ports
from device.runtime.service import Service
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
    )
    clock = SimpleNamespace(ms=lambda: int(time.monotonic() * 1000), wait=_wait)
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
        await _until(lambda: state.told)

    asyncio.run(asyncio.wait_for(run(), 60))
    assert "deaf bug 0. Trying again" in state.told[0], state.told
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
