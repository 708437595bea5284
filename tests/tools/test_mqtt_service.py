"""The service `mqtt` where there is no memory for a connection, again and again: the board restarts."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from device.core import fields, paths
from device.core.failures import AGAIN, Failure, NoMemory
from device.runtime import leaving
from device.services import mqtt
from device.services.mqtt import Mqtt

OURS = {fields.UNIX: 0, fields.CAUSE: "program", fields.TEXT: f"mqtt: {mqtt._ANEW}"}
SHORT = NoMemory(AGAIN, "not enough memory")


class _RestartedError(Exception):
    pass


def restarts(monkeypatch, error, tries, after_ms=0, starts=()):
    """Let the connection fail with `error` for the `tries`th time in a row; whether the board restarts."""

    async def restart(state):
        raise _RestartedError

    async def connect():
        raise error

    async def close():
        closed.append(True)

    monkeypatch.setattr(leaving, "restart", restart)
    closed, told = [], []
    files = {paths.RESTARTS: json.dumps({fields.RESTARTS: list(starts)}).encode()}
    store = SimpleNamespace(read=lambda path, limit=0: files.get(path))
    board = SimpleNamespace(say=lambda source, text, level=0: told.append(text))
    ports = SimpleNamespace(store=store, board=board, clock=SimpleNamespace(ms=lambda: after_ms))
    session = SimpleNamespace(connect=connect, close=close, short=tries)
    state = SimpleNamespace(ports=ports, session=session, identity=object(), services={})
    with pytest.raises((_RestartedError, type(error))) as raised:
        asyncio.run(Mqtt("mqtt", state).run())
    assert closed == [True]
    has_restarted = raised.type is _RestartedError
    assert told == ([mqtt._ANEW] if has_restarted else [])
    return has_restarted


@pytest.mark.parametrize("error", [SHORT, MemoryError()])
def test_the_third_time_in_a_row_restarts_the_board(monkeypatch, error):
    assert not restarts(monkeypatch, error, 1) and not restarts(monkeypatch, error, 2)
    assert restarts(monkeypatch, error, 3)


def test_when_that_has_not_helped_it_waits(monkeypatch):
    assert not restarts(monkeypatch, SHORT, 4, 299_999, [OURS])
    assert restarts(monkeypatch, SHORT, 9, 300_000, [OURS])


def test_other_failures_restart_nothing(monkeypatch):
    assert not restarts(monkeypatch, Failure(AGAIN, "the server is away"), 3)
