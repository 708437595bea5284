"""Puts the ports of this board together."""

import sys

from device import _build
from device.core.ports import Ports
from device.port import board, clock, network, store


def _connect(host, port, client_id, files):
    # Imported when first needed: MQTT and TLS take memory, and an offline board has no use for them.
    if "device.port.mqtt" not in sys.modules:
        from device.port import packets

        # ESP32 firmware carries its own umqtt and prefers it to ours: say which one runs.
        board.say("mqtt", "umqtt.simple from " + packets.origin())
    from device.port import mqtt

    return mqtt.connect(host, port, client_id, files)


def compose():
    """The Ports of this board."""
    board.collect_often()
    return Ports(board, clock, store, network, _connect, _build)
