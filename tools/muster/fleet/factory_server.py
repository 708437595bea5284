"""The factory's server: boards on a production line ask it for their claim IDs, over HTTPS.

Who may ask: addresses of the networks it is told, with the token if there is one. Every connection has limits
of time and size, and there are limits for one address and for all: a line has a few boards at a time.
"""

import asyncio
import contextlib
import hmac
import io
import ipaddress
import json
import socket
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from device.core import claim_ids, fields
from muster.errors import MusterError
from muster.fleet.handing_out import Desk, RefusedError
from muster.registry import Registry
from muster.twin.settings import Home

PATH = "/claim"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_HEAD_BYTES = 4096
_BODY_BYTES = 1024
_HANDSHAKE_S = 15.0  # a Pico W takes some seconds for its part
_REQUEST_S = 15.0
_CONNECTIONS = 32
_OF_ONE_ADDRESS = 4  # connections at a time
_BURST = 10  # requests of one address, and then one in ...
_REFILL_S = 3.0
_PAUSE_S = 0.2
_ADDRESSES = 4096  # remembered


@dataclass(frozen=True)
class Settings:
    """One server."""

    bind: str
    port: int  # 0: a free one
    networks: tuple[Network, ...]  # who may ask; (): those that are not routed on the internet
    token: str = ""
    product: str = ""


class _Rate:
    """How often each address may ask; those that were quiet for longest are forgotten."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # address -> (requests, when)

    def wait_s(self, address: str) -> float:
        """0 when this address may ask now, which counts; else how long it has to wait."""
        now_s = self._clock()
        left, seen_s = self._left.pop(address, (float(_BURST), now_s))
        left = min(float(_BURST), left + (now_s - seen_s) / _REFILL_S)
        waits_s = 0.0 if left >= 1 else (1 - left) * _REFILL_S
        self._left[address] = (left if waits_s else left - 1, now_s)
        while len(self._left) > _ADDRESSES:
            self._left.popitem(last=False)
        return waits_s


class _Request(BaseHTTPRequestHandler):
    """Python's own parser of a request's head, without its socket."""

    def __init__(self, head: bytes) -> None:
        self.rfile = io.BytesIO(head)
        self.raw_requestline = self.rfile.readline()
        self.fault = not self.parse_request()

    def send_error(self, *_: object) -> None:
        """The caller answers."""

    def handle_expect_100(self) -> bool:
        """The body follows anyway."""
        return True


class FactoryServer:
    """Listens from `start` to `stop`. `said(line)` is told what happened, without secrets."""

    def __init__(
        self,
        home: Home,
        registry: Registry,
        desk: Desk,
        settings: Settings,
        said: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._desk = desk
        self._settings = settings
        self._said = said
        self._rate = _Rate(clock)
        self._open: dict[str, int] = {}
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._tls.load_cert_chain(home.factory_pem, home.factory_key)
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: socket.socket  # from `start` on
        self.port = settings.port

    async def start(self) -> None:
        """Listen. Raises MusterError when that is not possible."""
        bind = self._settings.bind
        try:
            self._listener = socket.create_server(
                (bind, self._settings.port), family=socket.AF_INET6 if ":" in bind else socket.AF_INET
            )
        except OSError as error:
            where = f"{bind}:{self._settings.port}"
            raise MusterError(
                f"cannot listen on {where} ({error.strerror}): choose another --port"
            ) from error
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._begin(self._accept())

    async def stop(self) -> None:
        """Close everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listener.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        """Take connections; who may not ask, or asks too much, gets not even a handshake."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                plain, peer = await loop.sock_accept(self._listener)
            except OSError:  # too many files are open, or the client has gone already
                await asyncio.sleep(_PAUSE_S)
                continue
            address = str(peer[0])
            taken, all_taken = self._open.get(address, 0), sum(self._open.values())
            if not self._may_ask(address) or taken >= _OF_ONE_ADDRESS or all_taken >= _CONNECTIONS:
                plain.close()
                continue
            self._open[address] = taken + 1
            self._begin(self._talk(address, plain))

    async def _talk(self, address: str, plain: socket.socket) -> None:
        transport: asyncio.BaseTransport | None = None
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_HEAD_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            with contextlib.suppress(OSError, EOFError, asyncio.TimeoutError, asyncio.LimitOverrunError):
                transport, _ = await loop.connect_accepted_socket(
                    lambda: protocol, plain, ssl=self._tls, ssl_handshake_timeout=_HANDSHAKE_S
                )
                writer = asyncio.StreamWriter(transport, protocol, reader, loop)
                await asyncio.wait_for(self._exchange(address, reader, writer), _REQUEST_S)
                writer.close()
                await asyncio.wait_for(writer.wait_closed(), _REQUEST_S)
        finally:
            if transport is None:
                plain.close()
            else:
                transport.abort()  # type: ignore[attr-defined]
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    def _may_ask(self, address: str) -> bool:
        found = ipaddress.ip_address(address.partition("%")[0])
        found = getattr(found, "ipv4_mapped", None) or found
        if self._settings.networks:
            return any(found in network for network in self._settings.networks)
        return found.is_private or found.is_loopback or found.is_link_local

    async def _exchange(
        self, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        status, document, headers = await self._answer(address, head, reader)
        body = json.dumps(document).encode()
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "Connection: close",
            *headers,
        ]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    async def _answer(
        self, address: str, head: bytes, reader: asyncio.StreamReader
    ) -> tuple[int, dict[str, Any], list[str]]:
        """(status, document, more headers)."""
        if waits_s := self._rate.wait_s(address):
            return 429, {fields.ERROR: "too many requests"}, [f"Retry-After: {int(waits_s) + 1}"]
        request = _Request(head)
        length = "" if request.fault else request.headers.get("Content-Length", "")
        if request.fault or request.path != PATH:
            return 404, {fields.ERROR: f"POST {PATH} is all there is"}, []
        if request.command != "POST":
            return 405, {fields.ERROR: "POST only"}, ["Allow: POST"]
        if not self._has_token(request.headers.get("Authorization", "")):
            self._said(f"{address}: refused, wrong token")
            return 401, {fields.ERROR: "wrong token"}, ["WWW-Authenticate: Bearer"]
        if request.headers.get("Transfer-Encoding") or not (length.isascii() and length.isdigit()):
            return 411, {fields.ERROR: "Content-Length is missing"}, []
        if int(length) > _BODY_BYTES:
            return 413, {fields.ERROR: f"more than {_BODY_BYTES} bytes"}, []
        return await self._claim(address, await reader.readexactly(int(length)))

    def _has_token(self, given: str) -> bool:
        wanted = self._settings.token
        return not wanted or hmac.compare_digest(given.encode(), f"Bearer {wanted}".encode())

    async def _claim(self, address: str, body: bytes) -> tuple[int, dict[str, Any], list[str]]:
        try:
            value = json.loads(body)
            hardware, serial = value.get(fields.HARDWARE), value.get(fields.SERIAL, "")
        except (ValueError, AttributeError, RecursionError):
            hardware = serial = None
        if not isinstance(hardware, str) or not isinstance(serial, str):
            return 400, {fields.ERROR: f'"{fields.HARDWARE}" and "{fields.SERIAL}" must be texts'}, []
        try:
            given = await self._registry.patiently(lambda: self._desk.give(hardware, serial, time.time()))
        except RefusedError as refused:
            self._said(f"{address}: {hardware[:40]!r} refused, {refused}")
            return refused.status, {fields.ERROR: str(refused)}, []
        except MusterError as error:
            self._said(str(error))
            return 503, {fields.ERROR: "the registry cannot be used"}, []
        code = given.device.claim_id
        again = "" if given.is_new else ", again"
        self._said(f"{address}: {hardware} is {given.device.name}, claim ID {claim_ids.shown(code)}{again}")
        return 200, {fields.CLAIM: code, fields.PRODUCT: self._settings.product}, []
