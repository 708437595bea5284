"""An HTTP server in the broker's event loop, with limits; the twin has one for boards and one for people.

A part of the server for boards is a module with `routes(twin) -> list[aiohttp.web.RouteDef]`; it is named
in HttpSide. What its handlers find: `request["certificate_id"]`, the id of the client's certificate if it
is active (else None); the body, read already and within its limit (`await request.read()`; limits.allowing
changes it); and RefusedError to raise.
"""

import asyncio
import errno
import logging
import math
import ssl
import warnings
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING

from aiohttp import HttpVersion10, web
from aiohttp.typedefs import Middleware

from device.core import fields
from muster.errors import MusterError
from muster.registry.certificates import ACTIVE
from muster.registry.failures import BusyError, RegistryError
from muster.twin import pki, tls
from muster.twin.https.limits import BODY_BYTES, Buckets
from muster.twin.https.listening import Connection, HttpListener
from muster.twin.log import log

if TYPE_CHECKING:
    from muster.twin.https.people.site import Site
    from muster.twin.server import Twin

# Parts name what they find in a request by a string, so that they need nothing of this module.
warnings.filterwarnings("ignore", category=web.NotAppKeyWarning)

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_LOOPBACK = "127.0.0.1"
_CLOSE_S = 1.0  # for answers that are on their way when the twin stops
_log = log()
# aiohttp writes a traceback for each client that does not speak HTTP; what is worth telling is told here.
_nobody = logging.Logger("muster.twin.aiohttp")
_nobody.disabled = True

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Refuse = Callable[[int, str], web.StreamResponse]


class RefusedError(Exception):
    """A request is refused; the text is for whoever asks. `retry_s`: when it may come again.

    `is_guess`: it may have been one, so there are not many for one address.
    """

    def __init__(self, status: int, text: str, retry_s: float | None = None, is_guess: bool = False) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.retry_s = retry_s
        self.is_guess = is_guess


def _as_json(status: int, text: str) -> web.StreamResponse:
    return web.json_response({fields.ERROR: text}, status=status)


class HttpServer:
    """One listener. `refuse` makes the answer to a request that is refused."""

    def __init__(
        self,
        twin: "Twin",
        name: str,
        routes: Iterable[web.RouteDef],
        context: ssl.SSLContext | None,
        refuse: Refuse = _as_json,
        check: Callable[[web.Request], None] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`check` raises RefusedError for what is not to be answered; `headers` are those of all answers."""
        self._twin = twin
        self._name = name
        self._limits = twin.settings.http_limits
        self._context = context
        self._refuse = refuse
        self._check = check
        self._rate = Buckets(self._limits.requests, self._limits.requests_per_s, twin.settings.clock)
        self._wrong = Buckets(self._limits.wrong, self._limits.wrong_per_s, twin.settings.clock)
        self._app = web.Application(middlewares=[_checked(self)], client_max_size=BODY_BYTES)
        self._app.add_routes(routes)
        self._headers = {**_HEADERS, **(headers or {})}
        self._app.on_response_prepare.append(self._finish)
        self._runner: web.AppRunner | None = None
        self._listener: HttpListener | None = None

    @property
    def port(self) -> int:
        """The port of a started server."""
        assert self._listener is not None, "the server has not been started"
        return self._listener.port

    async def start(self, address: str, port: int, option: str) -> None:
        """Listen. Raises MusterError, which names the option that sets the port, when that cannot be."""
        limits = self._limits
        self._runner = web.AppRunner(
            self._app,
            access_log=None,
            logger=_nobody,
            max_line_size=limits.line_bytes,
            max_field_size=limits.header_bytes,
            max_headers=limits.headers,
            shutdown_timeout=_CLOSE_S,
        )
        await self._runner.setup()
        server = self._runner.server
        assert server is not None
        try:
            self._listener = HttpListener(address, port, server, limits, self._context)
        except OSError as error:
            await self._runner.cleanup()
            why = "another program uses it" if error.errno == errno.EADDRINUSE else error.strerror
            raise MusterError(
                f"the twin cannot listen on port {port} of {address} ({why}): choose another with {option},"
                " or 0 for a free one"
            ) from error

    async def stop(self) -> None:
        """Close every connection; safe to call twice, and before `start`."""
        if self._listener is not None:
            self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._listener = self._runner = None

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The answer to one request; whatever is wrong becomes a sentence for whoever asks."""
        address = request.remote or ""
        try:
            if request.version < HttpVersion10:
                raise RefusedError(505, "this is no HTTP that anybody speaks any more")
            self._admit(address)
            if self._check is not None:
                self._check(request)
            return await self._handled(request, handler)
        except Exception as error:
            refused = self._explained(request, error)
        if refused.is_guess:
            self._wrong.count(address)
        _log.info("%s: %s %s: %s", self._name, request.method, request.path, refused)
        response = self._refuse(refused.status, refused.text)
        if refused.retry_s is not None:
            response.headers["Retry-After"] = str(math.ceil(refused.retry_s))
        return response

    def _explained(self, request: web.Request, error: Exception) -> RefusedError:
        """What is told of an error, which is logged when it is ours."""
        if isinstance(error, RefusedError):
            return error
        if isinstance(error, web.HTTPException):  # no such path, wrong method, body too large
            return RefusedError(error.status, f"{error.status}: {error.reason}")
        if isinstance(error, BusyError):
            return RefusedError(503, str(error), retry_s=1)
        if isinstance(error, asyncio.TimeoutError | TimeoutError):
            return RefusedError(503, "the twin took too long: try again", retry_s=1)
        mistake = None if isinstance(error, RegistryError) else error
        _log.warning(
            "%s: %s %s failed: %s", self._name, request.method, request.path, error, exc_info=mistake
        )
        return RefusedError(500, "the twin failed; its log says why")

    def _admit(self, address: str) -> None:
        for buckets in (self._rate, self._wrong):
            wait_s = buckets.wait_s(address)
            if wait_s:
                raise RefusedError(429, "too many requests: wait a moment", retry_s=wait_s)
        self._rate.count(address)

    async def _handled(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        wanted = request.match_info.handler
        request = request.clone(client_max_size=getattr(wanted, "body_bytes", BODY_BYTES))
        try:
            await request.read()
        except (web.RequestPayloadError, ValueError) as error:  # compressed nonsense, broken chunks
            raise RefusedError(400, "the body cannot be read") from error
        connection = _connection(request)
        if connection is not None:
            connection.busy()
        request["certificate_id"] = self._certificate_id(request)
        limit_s = getattr(wanted, "answer_s", None) or self._limits.answer_s
        return await asyncio.wait_for(_run(handler, request), limit_s)

    def _certificate_id(self, request: web.Request) -> str | None:
        """The id of the client's certificate, which TLS has verified, if it is known and active."""
        transport = request.transport
        tls_object = transport.get_extra_info("ssl_object") if transport is not None else None
        der = tls_object.getpeercert(binary_form=True) if tls_object is not None else None
        if der is None:
            return None
        certificate_id = pki.certificate_id(der)
        known = self._twin.registry.certificates.get(certificate_id)
        if known is None or known.state(self._twin.settings.clock()) != ACTIVE:
            return None
        return certificate_id

    async def _finish(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers["Server"] = "muster"  # nobody has to know what it is made of
        for name, value in self._headers.items():
            response.headers.setdefault(name, value)


async def _run(handler: Handler, request: web.Request) -> web.StreamResponse:
    return await handler(request)


def _checked(server: HttpServer) -> Middleware:
    @web.middleware
    async def checked(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await server.answer(request, handler)
        finally:
            connection = _connection(request)
            if connection is not None:
                connection.idle()

    return checked


def _connection(request: web.Request) -> Connection | None:
    """The connection of a request; None when the client is gone."""
    transport = request.transport
    protocol = transport.get_protocol() if transport is not None else None
    return protocol if isinstance(protocol, Connection) else None


def parts() -> list[ModuleType]:
    """The modules that answer boards; they import this one."""
    from muster.twin.https import builder, credentials, logs

    return [builder, credentials, logs]


class HttpSide:
    """Both servers of a twin: that for boards, and that for people. Each is off without a port."""

    def __init__(self, twin: "Twin") -> None:
        self._twin = twin
        self.devices: HttpServer | None = None
        self.page: HttpServer | None = None
        self._site: Site | None = None

    @property
    def devices_port(self) -> int | None:
        """The port for boards; None: off."""
        return None if self.devices is None else self.devices.port

    @property
    def page_port(self) -> int | None:
        """The port for people; None: off."""
        return None if self.page is None else self.page.port

    async def start(self) -> None:
        """Start what the settings want. Raises MusterError; nothing listens then."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        twin, settings = self._twin, self._twin.settings
        if settings.https_port is not None:
            context = tls.server_context(twin.home, settings.require_sni, needs_certificate=False)
            routes = [route for part in parts() for route in part.routes(twin)]
            self.devices = HttpServer(twin, "HTTPS", routes, context)
            await self.devices.start(settings.bind_address, settings.https_port, "--https-port")
        if settings.page_port is not None:
            await self._start_page(settings.page_bind or _LOOPBACK, settings.page_port)

    async def _start_page(self, address: str, port: int) -> None:
        from muster.twin.https.people.pages import HEADERS, refuse  # only where people come
        from muster.twin.https.people.site import Site

        self._site = site = Site(self._twin)
        await site.start()
        self.page = HttpServer(self._twin, "page", site.routes(), None, refuse, site.check, HEADERS)
        await self.page.start(address, port, "--page-port")
        if address not in (_LOOPBACK, "::1", "localhost"):
            _log.warning(
                "the page for people listens on %s, over plain HTTP: whoever listens in that network reads"
                " the passwords; without --page-bind it is for this computer only",
                address,
            )

    async def stop(self) -> None:
        """Close every connection of both."""
        for server in (self.devices, self.page):
            if server is not None:
                await server.stop()
        if self._site is not None:
            await self._site.stop()
        self._site = self.devices = self.page = None
