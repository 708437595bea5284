"""The service `provision` where the memory is too short: boot.py gets another chance, but not for ever."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from device.core import fields, paths
from device.core.failures import AGAIN, Failure, NoMemory
from device.runtime import identity, leaving
from device.services import provision
from device.services.provision import Provision

OURS = {fields.UNIX: 0, fields.CAUSE: "program", fields.TEXT: f"provision: {provision._ANEW}"}
OTHER = {fields.UNIX: 0, fields.CAUSE: "watchdog", fields.TEXT: "app kept the loop busy for 5 s"}
MINUTE_MS = 60000


class _RestartedError(Exception):
    pass


def run(monkeypatch, error, after_ms, starts):
    """Let provisioning fail with `error`, `after_ms` after the start; whether the board restarts itself."""

    async def restart(state):
        raise _RestartedError

    async def obtain(self):
        raise error

    monkeypatch.setattr(identity, "know_self", lambda state: None)
    monkeypatch.setattr(Provision, "obtain", obtain)
    files = {paths.RESTARTS: json.dumps({fields.RESTARTS: starts}).encode()}
    store = SimpleNamespace(read=lambda path, limit=0: files.get(path), exists=lambda path: True)
    told = []
    monkeypatch.setattr(leaving, "restart", restart)
    board = SimpleNamespace(say=lambda source, text, level=0: told.append(text))
    ports = SimpleNamespace(store=store, board=board, clock=SimpleNamespace(ms=lambda: after_ms))
    state = SimpleNamespace(ports=ports, identity=None, services={}, supervisor=None)
    state.settings = SimpleNamespace(endpoint="x")
    with pytest.raises((type(error), _RestartedError)) as found:  # what it swallows is no answer
        asyncio.run(Provision("provision", state).run())
    restarts = found.type is _RestartedError
    assert restarts or found.value is error
    assert told == ([provision._ANEW] if restarts else [])
    return restarts


@pytest.mark.parametrize("error", [NoMemory(AGAIN, "not enough memory"), MemoryError()])
@pytest.mark.parametrize(
    ("starts", "first_ms"),
    [
        ([], 0),
        ([OTHER, OURS], 0),
        ([OURS, OTHER, OURS], 5 * MINUTE_MS),
        ([OURS, OURS], 20 * MINUTE_MS),
        ([OURS] * 8, 60 * MINUTE_MS),
        ([{fields.UNIX: 0}], 0),
    ],
)
def test_the_board_restarts_ever_more_rarely(monkeypatch, error, starts, first_ms):
    assert run(monkeypatch, error, first_ms, starts)
    if first_ms:
        assert not run(monkeypatch, error, first_ms - 1, starts)


def test_other_failures_restart_nothing(monkeypatch):
    assert not run(monkeypatch, Failure(AGAIN, "the server is away"), 60 * MINUTE_MS, [])
