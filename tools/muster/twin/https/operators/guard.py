"""Lets operators in, and nobody else: others are told that there is no such page."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from muster.twin.https.people import pages
from muster.twin.https.people.sessions import Session
from muster.twin.https.people.visitors import Visitors
from muster.twin.https.server import RefusedError

Show = Callable[[web.Request, Session], Awaitable[web.StreamResponse]]
Change = Callable[[web.Request, Session, Mapping[str, str]], Awaitable[web.StreamResponse]]


class Guard:
    """Makes the routes of operators."""

    def __init__(self, visitors: Visitors) -> None:
        self._visitors = visitors

    def show(self, path: str, handler: Show) -> web.RouteDef:
        """GET of a page."""

        async def answer(request: web.Request) -> web.StreamResponse:
            session = self._visitors.session(request)
            if session is None:
                return pages.see("/sign-in")
            _check(session)
            return await handler(request, session)

        return web.get(path, answer)

    def refresh(self, path: str, handler: Show) -> web.RouteDef:
        """GET of a part of a page, by its script: it does not keep the session alive."""

        async def answer(request: web.Request) -> web.StreamResponse:
            session = self._visitors.session(request, is_person=False)
            if session is None:
                raise RefusedError(401, "You are signed out: sign in again.")
            _check(session)
            return await handler(request, session)

        return web.get(path, answer)

    def change(self, path: str, handler: Change) -> web.RouteDef:
        """POST of a form of ours."""

        async def answer(request: web.Request) -> web.StreamResponse:
            session, form = await self._visitors.form(request)
            _check(session)
            return await handler(request, session, form)

        return web.post(path, answer)

    def page(
        self,
        request: web.Request,
        session: Session,
        template: str,
        /,
        status: int = 200,
        here: str = "",
        **values: object,
    ) -> web.Response:
        """A page; it says once what was done before."""
        notice, session.notice = session.notice, ""
        token = self._visitors.token(request)
        return pages.page(
            f"operator/{template}",
            status,
            session=session,
            token=token,
            here=here,
            notice=notice,
            **values,
        )


def _check(session: Session) -> None:
    if not session.is_operator:
        raise RefusedError(404, "There is nothing here.")
