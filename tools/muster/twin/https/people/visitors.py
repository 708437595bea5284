"""Who a request is of: its cookie, its session, and the token that makes its form one of ours."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from muster.registry.accounts import Account
from muster.twin.https.people import pages
from muster.twin.https.people.sessions import Session, Sessions, new_token
from muster.twin.https.server import RefusedError

if TYPE_CHECKING:
    from muster.twin.server import Twin

Show = Callable[[web.Request, Session], Awaitable[web.StreamResponse]]
Change = Callable[[web.Request, Session, Mapping[str, str]], Awaitable[web.StreamResponse]]
Check = Callable[[Session], None]

_STRANGE = "This form was not sent by this page: open the page and try again."


def _anybody(_: Session) -> None:
    """Refuses nobody who is signed in."""


class Visitors:
    """Those who are signed in at the page of one twin, and those who are about to."""

    def __init__(self, twin: "Twin") -> None:
        self._twin = twin
        self._sessions = Sessions(twin.settings.clock)

    # Routes of those who are signed in; `check(session)` may refuse some of them

    def show(self, path: str, handler: Show, check: Check = _anybody) -> web.RouteDef:
        """GET of a page."""

        async def answer(request: web.Request) -> web.StreamResponse:
            session = self.session(request)
            if session is None:
                return pages.see("/sign-in")
            check(session)
            return await handler(request, session)

        return web.get(path, answer)

    def refresh(self, path: str, handler: Show, check: Check = _anybody) -> web.RouteDef:
        """GET of a part of a page, by its script: it does not keep the session alive."""

        async def answer(request: web.Request) -> web.StreamResponse:
            session = self.session(request, is_person=False)
            if session is None:
                raise RefusedError(401, "You are signed out: sign in again.")
            check(session)
            return await handler(request, session)

        return web.get(path, answer)

    def change(self, path: str, handler: Change, check: Check = _anybody) -> web.RouteDef:
        """POST of a form of ours."""

        async def answer(request: web.Request) -> web.StreamResponse:
            session, form = await self._form(request)
            check(session)
            return await handler(request, session, form)

        return web.post(path, answer)

    def session(self, request: web.Request, is_person: bool = True) -> Session | None:
        """The session of a request; `is_person` False: the page asks by itself."""
        token = request.cookies.get(self._cookie, "")
        look_up = self._twin.registry.accounts.get
        return self._sessions.find(token, look_up, is_person) if token else None

    def token(self, request: web.Request) -> str:
        """What the forms of this browser carry."""
        return self._sessions.form_token(request.cookies.get(self._cookie, ""))

    async def _form(self, request: web.Request) -> tuple[Session, Mapping[str, str]]:
        """The session and the form of a change; raises RefusedError."""
        form = await pages.form(request)
        session = self.session(request)
        if session is None:
            raise RefusedError(401, "You are signed out, and nothing was changed: sign in again.")
        if not self._sessions.is_form_token(request.cookies.get(self._cookie, ""), form.get("token", "")):
            raise RefusedError(403, _STRANGE)
        return session, form

    def sign_in(self, response: web.StreamResponse, account: Account) -> None:
        """The answer that begins a session."""
        self._set_cookie(response, self._cookie, self._sessions.open(account))
        response.del_cookie(self._form_cookie, path="/")

    def sign_out(self, request: web.Request, response: web.StreamResponse) -> None:
        """The answer that ends it."""
        self._sessions.close(request.cookies.get(self._cookie, ""))
        response.del_cookie(self._cookie, path="/")

    # Signing in

    def new_form(self, request: web.Request) -> tuple[str, str]:
        """For a browser in which nobody is signed in: (its cookie, the token of the form)."""
        cookie = request.cookies.get(self._form_cookie) or new_token()
        return cookie, self._sessions.form_token(cookie)

    def keep_form(self, response: web.StreamResponse, cookie: str) -> None:
        """Give the browser that cookie."""
        self._set_cookie(response, self._form_cookie, cookie)

    def is_own_form(self, request: web.Request, token: str) -> bool:
        """Whether the form to sign in came from our page in this browser."""
        return self._sessions.is_form_token(request.cookies.get(self._form_cookie, ""), token)

    @property
    def _cookie(self) -> str:
        return f"muster-{self._twin.page_port}"  # cookies of all ports of a host are together

    @property
    def _form_cookie(self) -> str:
        return f"{self._cookie}-form"

    def _set_cookie(self, response: web.StreamResponse, name: str, value: str) -> None:
        response.set_cookie(name, value, path="/", httponly=True, samesite="Strict")
