"""The requests of a browser. Pages work without JavaScript; script.js scans labels and refreshes the list.

Against pages of strangers: the browser must call us by an address or by a name of ours (no rebinding), a form
must come from our origin and carry a token that only our pages know, and the cookie is SameSite=Strict.
"""

import asyncio
import ipaddress
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from aiohttp import web

from muster.twin import claiming
from muster.twin.https import codes, passwords
from muster.twin.https.people import boards
from muster.twin.https.people.guesses import Guesses
from muster.twin.https.people.leaving import Leaving
from muster.twin.https.people.sessions import Session, Sessions, new_token
from muster.twin.https.server import Handler, RefusedError

if TYPE_CHECKING:
    from muster.twin.server import Twin

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
    " img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}

_FOLDER = Path(__file__).with_name("pages")
_FIELDS = 8  # of a form
_HASHES = 2  # at once: each takes 32 MB
_WRONG = "The name or the password is wrong."
_TITLES = {401: "Sign in first", 404: "There is no such page", 429: "Too many tries"}
_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def refuse(status: int, text: str) -> web.StreamResponse:
    """The page that says why a request is refused."""
    title = _TITLES.get(status, "That did not work")
    return _page("refused.html", status, title=title, text=text, account=None, token="")


def _page(template: str, status: int = 200, /, **values: object) -> web.Response:
    text = _ENVIRONMENT.get_template(template).render(**values)
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


class Site:
    """The page for people of one twin."""

    def __init__(self, twin: "Twin") -> None:
        self._twin = twin
        self._registry = twin.registry
        clock = twin.settings.clock
        self._sessions = Sessions(clock)
        self._at_sign_in = Guesses(clock)
        self._at_claim = Guesses(clock)
        self._leaving = Leaving(twin)
        self._hashing = asyncio.Semaphore(_HASHES)

    def routes(self) -> list[web.RouteDef]:
        """What a browser may ask for."""
        return [
            web.get("/", self.home),
            web.get("/boards", self.fragment),
            web.get("/sign-in", self.sign_in_form),
            web.post("/sign-in", self.sign_in),
            web.post("/sign-out", self.sign_out),
            web.post("/claim", self.claim),
            web.get("/release", self.release_form),
            web.post("/release", self.release),
            web.get("/style.css", _file("style.css", "text/css")),
            web.get("/script.js", _file("script.js", "text/javascript")),
        ]

    async def stop(self) -> None:
        """The twin stops."""
        await self._leaving.stop()

    def check(self, request: web.Request) -> None:
        """Raises RefusedError for a request that a page of a stranger may have made."""
        host = request.headers.get("Host", "")  # request.host would make one up
        if not self._is_own_name(_host_name(host)):
            raise RefusedError(421, "This is not the name of this page: open it by its address.")
        if request.method not in ("GET", "HEAD", "POST"):
            raise RefusedError(405, "Only GET and POST are answered.")
        if request.method == "POST" and request.headers.get("Origin") != f"http://{host}":
            raise RefusedError(403, "This form was not sent by this page: open the page and try again.")

    def _is_own_name(self, name: str) -> bool:
        """An address, or a name of ours: only a name can be made to lead here by somebody else."""
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in ("localhost", self._twin.settings.host.lower())
        return True

    # Signing in

    async def sign_in_form(self, request: web.Request) -> web.StreamResponse:
        """GET /sign-in."""
        if self._session(request) is not None:
            return _see("/")
        return self._sign_in_page(request, 200)

    def _sign_in_page(
        self, request: web.Request, status: int, problem: str = "", name: str = ""
    ) -> web.Response:
        cookie = request.cookies.get(self._form_cookie) or new_token()
        token = self._sessions.form_token(cookie)
        response = _page("sign_in.html", status, problem=problem, name=name, token=token, account=None)
        self._set_cookie(response, self._form_cookie, cookie)
        return response

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """POST /sign-in."""
        form = await _form(request)
        if not self._sessions.is_form_token(
            request.cookies.get(self._form_cookie, ""), form.get("token", "")
        ):
            return self._sign_in_page(request, 403, "The page was too old: please sign in again.")
        name, password, where = form.get("name", "").strip(), form.get("password", ""), request.remote or ""
        wait_s = self._at_sign_in.wait_s(name, where)
        if wait_s:
            response = self._sign_in_page(request, 429, _too_many(wait_s), name)
            response.headers["Retry-After"] = str(int(wait_s) + 1)
            return response
        # Counted before it is known: who sends many at once has no more tries than others.
        self._at_sign_in.wrong(name, where)
        account = self._registry.accounts.get(name)
        if not await self._is_right(password, account.password if account else passwords.NOBODY):
            return self._sign_in_page(request, 403, _WRONG, name)
        assert account is not None
        self._at_sign_in.right(name, where)
        response = _see("/")
        self._set_cookie(response, self._cookie, self._sessions.open(account))
        response.del_cookie(self._form_cookie, path="/")
        return response

    async def _is_right(self, password: str, stored: str) -> bool:
        if len(password.encode(errors="replace")) > passwords.MAX_BYTES:
            return False
        async with self._hashing:
            return await asyncio.to_thread(passwords.matches, password, stored)

    async def sign_out(self, request: web.Request) -> web.StreamResponse:
        """POST /sign-out."""
        await self._signed_in_form(request)
        self._sessions.close(request.cookies.get(self._cookie, ""))
        response = _see("/sign-in")
        response.del_cookie(self._cookie, path="/")
        return response

    # Boards

    async def home(self, request: web.Request) -> web.StreamResponse:
        """GET /: my boards."""
        session = self._session(request)
        if session is None:
            return _see("/sign-in")
        notice, session.notice = session.notice, ""
        return self._boards_page(request, session, 200, notice=notice)

    def _boards_page(
        self,
        request: web.Request,
        session: Session,
        status: int,
        problem: str = "",
        typed: str = "",
        notice: str = "",
    ) -> web.Response:
        return _page(
            "boards.html",
            status,
            account=session.account,
            boards=boards.of_owner(self._twin, session.account),
            problem=problem,
            typed=typed,
            notice=notice,
            token=self._form_token(request),
        )

    async def fragment(self, request: web.Request) -> web.StreamResponse:
        """GET /boards: the list alone, for script.js. It does not keep a session alive."""
        session = self._session(request, is_person=False)
        if session is None:
            raise RefusedError(401, "You are signed out: sign in again.")
        return _page("list.html", boards=boards.of_owner(self._twin, session.account))

    async def claim(self, request: web.Request) -> web.StreamResponse:
        """POST /claim."""
        session, form = await self._signed_in_form(request)
        typed, where = form.get("claim", "").strip(), request.remote or ""
        wait_s = self._at_claim.wait_s(session.account, where)
        if wait_s:
            return self._boards_page(request, session, 429, _too_many(wait_s), typed)
        try:
            code = codes.parse(typed)
            await self._registry.patiently(lambda: self._twin.claiming.claim(code, session.account))
        except codes.CodeError as error:
            return self._boards_page(request, session, 400, str(error), typed)
        except claiming.UnknownBoardError:
            self._at_claim.wrong(session.account, where)
            problem = (
                f"No board has registered itself as {codes.grouped(code)} yet. Compare it with the label;"
                " switch the board on, give it its network, and try again after a minute."
            )
            return self._boards_page(request, session, 404, problem, typed)
        except claiming.TakenError as error:
            self._at_claim.wrong(session.account, where)
            return self._boards_page(request, session, 409, _taken(code, error), typed)
        self._at_claim.right(session.account, where)
        session.notice = f"{codes.grouped(code)} is yours now. It gets its identity when it asks next."
        return _see("/")

    async def release_form(self, request: web.Request) -> web.StreamResponse:
        """GET /release?board=CODE: asks."""
        session = self._session(request)
        if session is None:
            return _see("/sign-in")
        board = self._own(session, request.query.get("board", ""))
        return _page("release.html", board=board, token=self._form_token(request), account=session.account)

    async def release(self, request: web.Request) -> web.StreamResponse:
        """POST /release."""
        session, form = await self._signed_in_form(request)
        code = form.get("board", "")
        if not await self._leaving.release(code, session.account):
            raise RefusedError(404, "This board is not yours, or was released already.")
        session.notice = f"{codes.grouped(code)} is released. Whoever has its claim ID can claim it."
        return _see("/")

    def _own(self, session: Session, code: str) -> boards.Board:
        for board in boards.of_owner(self._twin, session.account):
            if board.claim_id == code:
                return board
        raise RefusedError(404, "This board is not yours, or was released already.")

    # Cookies and forms

    @property
    def _cookie(self) -> str:
        return f"muster-{self._twin.page_port}"  # cookies of all ports of a host are together

    @property
    def _form_cookie(self) -> str:
        return f"{self._cookie}-form"

    def _set_cookie(self, response: web.StreamResponse, name: str, value: str) -> None:
        response.set_cookie(name, value, path="/", httponly=True, samesite="Strict")

    def _session(self, request: web.Request, is_person: bool = True) -> Session | None:
        token = request.cookies.get(self._cookie, "")
        return self._sessions.find(token, self._registry.accounts.get, is_person) if token else None

    def _form_token(self, request: web.Request) -> str:
        return self._sessions.form_token(request.cookies.get(self._cookie, ""))

    async def _signed_in_form(self, request: web.Request) -> tuple[Session, Mapping[str, str]]:
        """The session and the form of a change; raises RefusedError."""
        form = await _form(request)
        session = self._session(request)
        if session is None:
            raise RefusedError(401, "You are signed out, and nothing was changed: sign in again.")
        if not self._sessions.is_form_token(request.cookies.get(self._cookie, ""), form.get("token", "")):
            raise RefusedError(403, "This form was not sent by this page: open the page and try again.")
        return session, form


def _see(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path})


def _host_name(host: str) -> str:
    """The name in a Host header, without the port."""
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    return name.strip("[]").rstrip(".").lower()


async def _form(request: web.Request) -> Mapping[str, str]:
    """The fields of a form; raises RefusedError."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise RefusedError(415, "This is not a form.")
    try:
        text = (await request.read()).decode()
        pairs = urllib.parse.parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS, errors="strict")
    except ValueError as error:
        raise RefusedError(400, "This form cannot be read.") from error
    return dict(pairs)


def _too_many(wait_s: float) -> str:
    seconds = int(wait_s) + 1
    return f"That were many wrong tries. Wait {seconds} second{'s' if seconds > 1 else ''}, then try again."


def _taken(code: str, error: claiming.TakenError) -> str:
    if error.is_own:
        return f"{codes.grouped(code)} is yours already: it is in the list."
    return (
        f"{codes.grouped(code)} was claimed by somebody else. Only its owner can release it: ask whoever had"
        " the board before you."
    )


def _file(name: str, kind: str) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        headers = {"Cache-Control": "no-cache"}
        return web.Response(text=(_FOLDER / name).read_text(), content_type=kind, headers=headers)

    return answer
