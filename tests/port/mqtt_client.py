"""A client of device.port.mqtt that does what it is told; run under MicroPython by test_mqtt_*.py.

    micropython mqtt_client.py orders.json

Prints one JSON document per order: {"ok": ...}, {"failure": text, "kind", "refused", "lost"} or {"bug": ...}.
Messages are printed as they come: {"message": [topic, bytes, SHA-256]}.
"""

import asyncio
import hashlib
import json
import sys

import network

from device.core import paths
from device.core.failures import Failure, Lost, Refused
from device.port import mqtt


def _say(**what):
    print(json.dumps(what))


def _on_message(topic, payload):
    _say(message=[topic, len(payload), hashlib.sha256(payload).digest().hex()])


async def _attempt(awaitable):
    """Wait for it and print how it ended; its result, or None."""
    try:
        result = await awaitable
    except Failure as failure:
        kinds = {"refused": isinstance(failure, Refused), "lost": isinstance(failure, Lost)}
        _say(failure=str(failure), kind=failure.kind, **kinds)
    except Exception as error:
        sys.print_exception(error, sys.stderr)
        _say(bug=repr(error))
    else:
        _say(ok=True)
        return result
    return None


def _bad_handler(topic, payload):
    raise KeyError("a bug in a handler")


async def _order(connection, name, *rest):
    if name == "publish":
        await connection.publish(rest[0], rest[1].encode() * rest[2], rest[3])
    elif name == "subscribe":
        await connection.subscribe(rest[0])
    elif name == "next id":
        connection._packets.pid = rest[0] - 1
    elif name == "leave out":
        connection.on_large = lambda topic, size: _say(large=[topic, size])
    elif name == "until lost":
        await asyncio.wait_for_ms(connection.ended(), 20000)
        raise connection.lost
    elif name == "bad handler":
        connection.on_message = _bad_handler
    else:
        await getattr(connection, name)()


def _file(path):
    with open(path, "rb") as file:
        return file.read()


async def _main(orders):
    def files():
        return {
            paths.ROOT_CA: _file(orders["ca"]),
            paths.CERTIFICATE: _file(orders["certificate"]),
            paths.PRIVATE_KEY: _file(orders["key"]),
        }

    connection = await _attempt(mqtt.connect(orders["host"], orders["port"], orders["client_id"], files))
    if connection is None:
        return
    connection.on_message = _on_message
    for order in orders["do"]:
        if order[0] == "together":
            await asyncio.gather(*[_attempt(_order(connection, *each)) for each in order[1]])
        else:
            await _attempt(_order(connection, *order))


orders = json.loads(_file(sys.argv[1]))
network.WLAN().active(True)
network.WLAN().connect("workshop")
asyncio.run(_main(orders))
