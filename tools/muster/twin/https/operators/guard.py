"""Lets operators in, and nobody else: others are told that there is no such page."""

from aiohttp import web

from muster.twin.https.people import pages
from muster.twin.https.people.sessions import Session
from muster.twin.https.people.visitors import Change, Show, Visitors
from muster.twin.https.server import RefusedError


class Guard:
    """Makes the routes of operators."""

    def __init__(self, visitors: Visitors) -> None:
        self._visitors = visitors

    def show(self, path: str, handler: Show) -> web.RouteDef:
        """GET of a page."""
        return self._visitors.show(path, handler, _check)

    def refresh(self, path: str, handler: Show) -> web.RouteDef:
        """GET of a part of a page, by its script: it does not keep the session alive."""
        return self._visitors.refresh(path, handler, _check)

    def change(self, path: str, handler: Change) -> web.RouteDef:
        """POST of a form of ours."""
        return self._visitors.change(path, handler, _check)

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
