"""Runs on a virtual board, before main.py: times each turn of the event loop, and says who took the longest.

A turn is what one task does between two waits; while it lasts, every other task stands. All tasks are made by
asyncio.create_task, so their coroutines are wrapped there.
"""

import asyncio
import time
from asyncio import core

_create = core.create_task
_longest_us = 0
_state = None


class Timed:
    """A coroutine whose turns are timed."""

    def __init__(self, coroutine):
        self._coroutine = coroutine
        self.throw = coroutine.throw
        self.close = coroutine.close

    def send(self, value):
        begun_us = time.ticks_us()
        try:
            return self._coroutine.send(value)
        finally:
            note(time.ticks_diff(time.ticks_us(), begun_us))


def note(took_us):
    global _longest_us
    if took_us > _longest_us:
        _longest_us = took_us
        print("longest turn", took_us, "us:", owner())


def owner():
    state = _state()
    if state is None:
        return "start"
    if state.busy:
        return state.busy
    for name, service in state.services.items():
        if service.owns(core.cur_task):
            return name
    return "a task of no service"


def create(coroutine):
    return _create(Timed(coroutine))


def watch(state):
    """Time all tasks from now on; `state()` is the board's state, or None before there is one."""
    global _state
    _state = state
    core.create_task = asyncio.create_task = create
