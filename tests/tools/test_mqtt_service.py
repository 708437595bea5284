"""The service `mqtt` where there is no memory for a connection, again and again: the board restarts."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from device.core import fields, paths
from device.core.failures import AGAIN, Failure, Lost, NoMemory
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


def test_others_are_hurried_once_the_link_is_back():
    """Their own delays may have grown to minutes."""
    hurried = []

    async def connect():
        if not tries:
            tries.append(True)
            raise Failure(AGAIN, "the server is away")

    async def keep():
        raise Failure(AGAIN, "lost")

    async def close():
        pass

    tries = []
    session = SimpleNamespace(connect=connect, keep=keep, close=close, short=0)
    supervisor = SimpleNamespace(hurry=lambda kind: hurried.append(kind))
    service = Mqtt(
        "mqtt", SimpleNamespace(session=session, supervisor=supervisor, identity=object(), services={})
    )
    for expected in ([], [Lost], [Lost, Lost]):
        with pytest.raises(Failure):
            asyncio.run(service.run())
        assert hurried == expected


@pytest.mark.parametrize("error", [SHORT, MemoryError()])
def test_the_third_time_in_a_row_restarts_the_board(monkeypatch, error):
    assert not restarts(monkeypatch, error, 1) and not restarts(monkeypatch, error, 2)
    assert restarts(monkeypatch, error, 3)


def test_when_that_has_not_helped_it_waits(monkeypatch):
    assert not restarts(monkeypatch, SHORT, 4, 299_999, [OURS])
    assert restarts(monkeypatch, SHORT, 9, 300_000, [OURS])


def test_other_failures_restart_nothing(monkeypatch):
    assert not restarts(monkeypatch, Failure(AGAIN, "the server is away"), 3)
