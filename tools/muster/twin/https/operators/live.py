"""The pages of messages and of log lines, which a script refreshes.

A browser asks again and again, and is never waited for: an answer is made of what is in memory, of a bounded
size, and how often it is made is limited for an account and for all of them together.
"""

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from aiohttp import web

from muster.twin import filters
from muster.twin.https.limits import Buckets
from muster.twin.https.operators import words
from muster.twin.https.operators.devices import HOME
from muster.twin.https.operators.guard import Guard
from muster.twin.https.people.pages import page
from muster.twin.https.people.sessions import Session
from muster.twin.https.server import RefusedError
from muster.twin.log_lines import Line
from muster.twin.traffic import Seen, Traffic

if TYPE_CHECKING:
    from muster.twin.server import Twin

MESSAGES = f"{HOME}/messages"
LOGS = f"{HOME}/logs"
_SHOWN = 50
_QUERY = 256  # characters of what is searched for
_ALL = ""


class Source(Protocol):
    """Where log lines come from: the twin's own, or those that boards have exported."""

    @property
    def count(self) -> int:
        """How many lines there have been; another number means that there is news."""

    def newest(self, limit: int, words: str = "", only_problems: bool = False) -> list[Line]:
        """The newest lines that hold `words`, newest first."""


class NamedSource(NamedTuple):
    """A source, its name in addresses, and its name for people."""

    name: str
    title: str
    source: Source


class Turns:
    """How often lists are made for scripts."""

    def __init__(self, twin: "Twin") -> None:
        self._each = Buckets(6, 2, twin.settings.clock)
        self._all = Buckets(40, 20, twin.settings.clock)

    def take(self, account: str) -> float:
        """0: now; else how long to wait."""
        wait_s = max(self._each.wait_s(account), self._all.wait_s(_ALL))
        if not wait_s:
            self._each.count(account)
            self._all.count(_ALL)
        return wait_s


class LivePages:
    """Shows what passes through the broker, and what is logged."""

    def __init__(self, twin: "Twin", guard: Guard, traffic: Traffic, sources: list[NamedSource]) -> None:
        self._limits = twin.settings.limits
        self._guard = guard
        self._traffic = traffic
        self._sources = sources
        self._turns = Turns(twin)

    def routes(self) -> list[web.RouteDef]:
        """The addresses of these pages."""
        guard = self._guard
        return [
            guard.show(MESSAGES, self.messages),
            guard.refresh(f"{MESSAGES}/list", self.more_messages),
            guard.show(f"{HOME}/message", self.message),
            guard.show(LOGS, self.logs),
            guard.refresh(f"{LOGS}/list", self.more_logs),
        ]

    # Messages

    async def messages(self, request: web.Request, session: Session) -> web.StreamResponse:
        """GET /operator/messages?filter=FILTER&client=ID."""
        topic_filter, client = _asked(request, "filter"), _asked(request, "client")
        problem = self._problem(topic_filter)
        values = self._of_messages(topic_filter, client) if not problem else {"messages": [], "last": 0}
        return self._guard.page(
            request,
            session,
            "messages.html",
            status=400 if problem else 200,
            here=MESSAGES,
            filter=topic_filter,
            client=client,
            problem=problem,
            **values,
        )

    async def more_messages(self, request: web.Request, session: Session) -> web.StreamResponse:
        """GET /operator/messages/list?...&after=NUMBER: the list, if there is news."""
        if str(self._traffic.count) == request.query.get("after"):
            return web.Response(status=204)
        topic_filter = _asked(request, "filter")
        problem = self._problem(topic_filter)
        if problem:
            raise RefusedError(400, problem)
        return self._fragment(
            session, "messages_list.html", self._of_messages(topic_filter, _asked(request, "client"))
        )

    def _problem(self, topic_filter: str) -> str:
        problem = filters.filter_problem(topic_filter, self._limits) if topic_filter else None
        return f"This is no topic filter: {problem}." if problem else ""

    def _of_messages(self, topic_filter: str, client: str) -> dict[str, Any]:
        messages = self._traffic.newest(_SHOWN, topic_filter, client)
        return {"messages": messages, "last": self._traffic.count, "words": words}

    async def message(self, request: web.Request, session: Session) -> web.StreamResponse:
        """GET /operator/message?number=NUMBER: one, with all of its payload that is kept."""
        seen = self._seen(request.query.get("number", ""))
        return self._guard.page(request, session, "message.html", here=MESSAGES, seen=seen, words=words)

    def _seen(self, number: str) -> Seen:
        is_number = number.isascii() and number.isdigit() and len(number) < 19
        seen = self._traffic.get(int(number)) if is_number else None
        if seen is None:
            raise RefusedError(404, "This message is forgotten: only the last ones are kept.")
        return seen

    # Log lines

    async def logs(self, request: web.Request, session: Session) -> web.StreamResponse:
        """GET /operator/logs?from=SOURCE&find=WORDS&only=problems."""
        return self._guard.page(
            request, session, "logs.html", here=LOGS, sources=self._sources, **self._of_logs(request)
        )

    async def more_logs(self, request: web.Request, session: Session) -> web.StreamResponse:
        """GET /operator/logs/list?...&after=NUMBER: the list, if there is news."""
        if str(self._source(request).source.count) == request.query.get("after"):
            return web.Response(status=204)
        return self._fragment(session, "logs_list.html", self._of_logs(request))

    def _source(self, request: web.Request) -> NamedSource:
        wanted = request.query.get("from")
        return next((one for one in self._sources if one.name == wanted), self._sources[0])

    def _of_logs(self, request: web.Request) -> dict[str, Any]:
        chosen, find = self._source(request), _asked(request, "find")
        only = request.query.get("only") == "problems"
        lines = chosen.source.newest(_SHOWN, find, only)
        return {
            "lines": lines,
            "last": chosen.source.count,
            "chosen": chosen.name,
            "find": find,
            "only": only,
            "words": words,
        }

    def _fragment(self, session: Session, template: str, values: dict[str, Any]) -> web.Response:
        wait_s = self._turns.take(session.account)
        if wait_s:  # not logged: it would be the news that is asked for next
            return web.Response(status=429, headers={"Retry-After": str(int(wait_s) + 1)})
        return page(f"operator/{template}", **values)


def _asked(request: web.Request, name: str) -> str:
    return request.query.get(name, "").strip()[:_QUERY]
