"""A client of device.port.http that does what it is told; run under MicroPython by test_http.py.

    micropython http_client.py orders.json

Its flash is a LittleFS in memory, with the root CAs that it is given. Prints one JSON document per request:
what came, or {"failure": text, "kind", "lost"}, each with what is on the flash afterwards, or {"bug": ...}.
"""

import asyncio
import gc
import hashlib
import json
import sys

import network
from small_flash import Board

from device.core import http as rules
from device.core import paths, pem
from device.core.failures import Failure, Lost, WrongDates
from device.port import causes, clock, http, names, store, tls  # before the host's files are out of reach

assert causes and names and pem and tls


kept = []  # TLS contexts that are not freed
_trusting, _free = tls.trusting, tls.free


def _made(roots):
    kept.append(_trusting(roots))
    return kept[-1]


def _freed(context):
    if context is not None:
        kept.remove(context)
    _free(context)


tls.trusting, tls.free = _made, _freed


def _say(**what):
    print(json.dumps(what))


def _left(path):
    """What is on the flash of a download."""
    data = store.read(path, 1 << 20) if path else None
    left = [name for name in __import__("os").listdir("/data") if name.endswith(paths.NEW)]
    return {"file": None if data is None else hashlib.sha256(data).digest().hex(), "left": left}


def _files(identity):
    """What gives certificate and key of an order, [path, path] on the host, as a service does."""
    if identity is None:
        return lambda: {}
    return lambda: {paths.CERTIFICATE: shown[identity[0]], paths.PRIVATE_KEY: shown[identity[1]]}


async def _request(order):
    path = order.get("path")
    body = order.get("body")
    limit_ms = order.get("limit_ms", 20000)
    found = []

    async def work():
        found.append(
            await http.exchange(
                rules.url(order["url"]),
                order.get("method", "GET"),
                order.get("headers", {}),
                None if body is None else body.encode() * order.get("times", 1),
                path,
                order.get("limit_bytes", 4096),
                _files(order.get("identity")),
            )
        )

    try:
        if not await clock.wait(work(), limit_ms):
            _say(late=True, **_left(path))
            return
        status, headers, got = found.pop()
    except Failure as failure:
        kinds = {"lost": isinstance(failure, Lost), "dates": isinstance(failure, WrongDates)}
        _say(failure=str(failure), kind=failure.kind, **kinds, **_left(path))
    except Exception as error:
        sys.print_exception(error, sys.stderr)
        _say(bug=repr(error))
    else:
        size = got if isinstance(got, int) else len(got)
        text = "" if isinstance(got, int) else got[:200].decode()
        _say(status=status, headers=headers, size=size, body=text, **_left(path))


async def _main(orders):
    gc.collect()
    for order in orders:
        await _request(order)
        assert not kept, "certificates and key are freed"


with open(sys.argv[1]) as file:
    told = json.load(file)
shown = {}  # content of the files that are named in orders: later the host's are out of reach
for order in told["requests"]:
    for path in order.get("identity", ()):
        with open(path, "rb") as file:
            shown[path] = file.read()
roots = []
for root in told["roots"]:
    with open(root, "rb") as file:
        roots.append(file.read())
network.WLAN().active(True)
network.WLAN().connect("workshop")
flash = Board(told.get("blocks", 128))
flash.boot()
for number, root in enumerate(roots):
    store.write(f"{paths.ROOTS}/{number}.pem", root)
store.write("/data/old", b"old")
asyncio.run(_main(told["requests"]))
