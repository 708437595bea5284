"""Puts the ports together into the Context that services work with."""

import asyncio
import gc
import sys

from device import _build
from device.core.context import Context
from device.port import board, clock, console, network, store


def _connect(identity, client_id):
    # Imported when first needed: MQTT and TLS take memory, and an offline board has no use for them.
    if "device.port.mqtt" not in sys.modules:
        from device.port import packets

        # ESP32 firmware carries its own umqtt and prefers it to ours: say which one runs.
        console.say("mqtt", "umqtt.simple from " + packets.origin())
    from device.port import mqtt

    return mqtt.connect(identity, client_id)


# Collect often: a heap that is only swept when it is full is full of holes, and TLS wants 16 KB in one piece.
_COLLECT_EVERY_BYTES = 4096


def compose():
    """The Context of this board."""
    gc.threshold(_COLLECT_EVERY_BYTES)
    return Context(
        board, clock, store, network, _connect, console.say, asyncio.Event, asyncio.create_task, _build
    )
