"""The requests of a browser. Pages work without JavaScript; script.js scans labels and refreshes the list.

Against pages of strangers: the browser must call us by an address or by a name of ours (no rebinding), a form
must come from our origin and carry a token that only our pages know, and the cookie is SameSite=Strict.
"""

import asyncio
import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from muster.twin import claiming
from muster.twin.https import codes, passwords
from muster.twin.https.operators.desk import Desk
from muster.twin.https.people import boards
from muster.twin.https.people.guesses import Guesses
from muster.twin.https.people.leaving import Leaving
from muster.twin.https.people.pages import file, form, page, see
from muster.twin.https.people.sessions import Session
from muster.twin.https.people.visitors import Visitors
from muster.twin.https.server import RefusedError

if TYPE_CHECKING:
    from muster.twin.server import Twin

_HASHES = 2  # at once: each takes 32 MB
_WRONG = "The name or the password is wrong."


class Site:
    """The page for people of one twin."""

    def __init__(self, twin: "Twin") -> None:
        self._twin = twin
        self._registry = twin.registry
        clock = twin.settings.clock
        self._visitors = Visitors(twin)
        self._at_sign_in = Guesses(clock)
        self._at_claim = Guesses(clock)
        self._leaving = Leaving(twin)
        self._desk = Desk(twin, self._visitors, self._leaving)
        self._hashing = asyncio.Semaphore(_HASHES)

    def routes(self) -> list[web.RouteDef]:
        """What a browser may ask for."""
        visitors = self._visitors
        return [
            visitors.show("/", self.home),
            visitors.refresh("/boards", self.fragment),
            web.get("/sign-in", self.sign_in_form),
            web.post("/sign-in", self.sign_in),
            visitors.change("/sign-out", self.sign_out),
            visitors.change("/claim", self.claim),
            visitors.show("/release", self.release_form),
            visitors.change("/release", self.release),
            web.get("/style.css", file("style.css", "text/css")),
            web.get("/script.js", file("script.js", "text/javascript")),
            web.get("/live.js", file("live.js", "text/javascript")),
            *self._desk.routes(),
        ]

    async def start(self) -> None:
        """The twin starts."""
        await self._leaving.stop()  # what a twin that was killed has left
        self._desk.start()

    async def stop(self) -> None:
        """The twin stops."""
        self._desk.stop()
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
        if self._visitors.session(request) is not None:
            return see("/")
        return self._sign_in_page(request, 200)

    def _sign_in_page(
        self, request: web.Request, status: int, problem: str = "", name: str = ""
    ) -> web.Response:
        cookie, token = self._visitors.new_form(request)
        response = page("sign_in.html", status, problem=problem, name=name, token=token)
        self._visitors.keep_form(response, cookie)
        return response

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """POST /sign-in."""
        sent = await form(request)
        if not self._visitors.is_own_form(request, sent.get("token", "")):
            return self._sign_in_page(request, 403, "The page was too old: please sign in again.")
        name, password, where = sent.get("name", "").strip(), sent.get("password", ""), request.remote or ""
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
        response = see("/")
        self._visitors.sign_in(response, account)
        return response

    async def _is_right(self, password: str, stored: str) -> bool:
        if len(password.encode(errors="replace")) > passwords.MAX_BYTES:
            return False
        async with self._hashing:
            return await asyncio.to_thread(passwords.matches, password, stored)

    async def sign_out(self, request: web.Request, _: Session, __: Mapping[str, str]) -> web.StreamResponse:
        """POST /sign-out."""
        response = see("/sign-in")
        self._visitors.sign_out(request, response)
        return response

    # Boards

    async def home(self, request: web.Request, session: Session) -> web.StreamResponse:
        """GET /: my boards."""
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
        return page(
            "boards.html",
            status,
            session=session,
            here="/",
            boards=boards.of_owner(self._twin, session.account),
            problem=problem,
            typed=typed,
            notice=notice,
            token=self._visitors.token(request),
        )

    async def fragment(self, _: web.Request, session: Session) -> web.StreamResponse:
        """GET /boards: the list alone, for script.js."""
        return page("list.html", boards=boards.of_owner(self._twin, session.account))

    async def claim(
        self, request: web.Request, session: Session, sent: Mapping[str, str]
    ) -> web.StreamResponse:
        """POST /claim."""
        typed, where = sent.get("claim", "").strip(), request.remote or ""
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
        return see("/")

    async def release_form(self, request: web.Request, session: Session) -> web.StreamResponse:
        """GET /release?board=CODE: asks."""
        board = self._own(session, request.query.get("board", ""))
        return page("release.html", board=board, token=self._visitors.token(request), session=session)

    async def release(self, _: web.Request, session: Session, sent: Mapping[str, str]) -> web.StreamResponse:
        """POST /release."""
        code = sent.get("board", "")
        if not await self._leaving.release(code, session.account):
            raise RefusedError(404, "This board is not yours, or was released already.")
        session.notice = f"{codes.grouped(code)} is released. Whoever has its claim ID can claim it."
        return see("/")

    def _own(self, session: Session, code: str) -> boards.Board:
        for board in boards.of_owner(self._twin, session.account):
            if board.claim_id == code:
                return board
        raise RefusedError(404, "This board is not yours, or was released already.")


def _host_name(host: str) -> str:
    """The name in a Host header, without the port."""
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    return name.strip("[]").rstrip(".").lower()


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
