"""Builds the ports of this board."""

import sys

from device import _build
from device.core.ports import Ports
from device.port import board, clock, network, store


def _connect(host, port, client_id, files):
    # Imported when first needed: MQTT and TLS take memory that an offline board can save.
    if "device.port.mqtt" not in sys.modules:
        from device.port import packets

        # ESP32 firmware contains its own umqtt and prefers it to ours: print which one runs.
        board.say("mqtt", "umqtt.simple from " + packets.origin())
    from device.port import mqtt

    return mqtt.connect(host, port, client_id, files)


def _exchange(address, method, headers, body, path, limit_bytes, files):
    from device.port import http  # as above

    return http.exchange(address, method, headers, body, path, limit_bytes, files)


def compose():
    """The Ports of this board."""
    board.open_log()
    board.collect_often()
    return Ports(board, clock, store, network, _connect, _exchange, _build)
