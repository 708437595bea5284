"""The page of fault switches: what `muster twin fault` does, with its checks and its words."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from muster.errors import MusterError
from muster.twin import faults
from muster.twin.https.operators import words
from muster.twin.https.operators.devices import HOME
from muster.twin.https.operators.guard import Guard
from muster.twin.https.people.pages import see
from muster.twin.https.people.sessions import Session
from muster.twin.https.server import RefusedError
from muster.twin.log import log

if TYPE_CHECKING:
    from muster.twin.server import Twin

FAULTS = f"{HOME}/faults"
_SHOWN = 100
_CHARACTERS = 128  # of a code and a pattern
_COUNT_DIGITS = 9
_FIELDS = ("step", "kind", "code", "number", "client", "count")
_log = log()


class Switch(NamedTuple):
    """What somebody has typed, checked."""

    step: str
    kind: str
    code: str | None
    number: float | None
    client: str
    times: int | None


class FaultPages:
    """Lists, sets and removes switches."""

    def __init__(self, twin: "Twin", guard: Guard) -> None:
        self._twin = twin
        self._registry = twin.registry
        self._guard = guard

    def routes(self) -> list[web.RouteDef]:
        """The addresses of these pages."""
        guard = self._guard
        return [
            guard.show(FAULTS, self.faults),
            guard.change(f"{FAULTS}/set", self.set),
            guard.change(f"{FAULTS}/clear", self.clear),
        ]

    async def faults(self, request: web.Request, session: Session) -> web.StreamResponse:
        """GET /operator/faults."""
        return self._page(request, session, {"client": "*"})

    def _page(
        self, request: web.Request, session: Session, typed: Mapping[str, str], problem: str = ""
    ) -> web.Response:
        switches = self._registry.faults.all()
        return self._guard.page(
            request,
            session,
            "faults.html",
            status=400 if problem else 200,
            here=FAULTS,
            problem=problem,
            typed={name: typed.get(name, "") for name in _FIELDS},
            switches=switches[:_SHOWN],
            more=len(switches[_SHOWN:]),
            stages=faults.STAGES,
            kinds=faults.KINDS,
            words=words,
        )

    async def set(
        self, request: web.Request, session: Session, form: Mapping[str, str]
    ) -> web.StreamResponse:
        """POST /operator/faults/set."""
        try:
            switch = _switch(form)
        except MusterError as error:
            return self._page(request, session, form, str(error))
        number = await self._registry.patiently(lambda: self._registry.faults.add(*switch))
        self._twin.engine.faults.forget()
        _log.info("operator %s: fault %d set: %s at %s", session.account, number, switch.kind, switch.step)
        session.notice = f"Fault {number} is set."
        return see(FAULTS)

    async def clear(self, _: web.Request, session: Session, form: Mapping[str, str]) -> web.StreamResponse:
        """POST /operator/faults/clear: one, or all without a number."""
        text = form.get("number", "")
        number = _whole(text) if text else None
        if text and number is None:
            raise RefusedError(400, "This is no number of a fault.")
        removed = await self._registry.patiently(lambda: self._registry.faults.clear(number))
        self._twin.engine.faults.forget()
        if removed:
            _log.info("operator %s: %s removed", session.account, words.counted(removed, "fault"))
        session.notice = f"{words.counted(removed, 'fault')} removed."
        return see(FAULTS)


def _switch(form: Mapping[str, str]) -> Switch:
    """What the form asks for; raises MusterError."""
    typed = {name: form.get(name, "").strip() for name in _FIELDS}
    for name in ("code", "client"):
        if len(typed[name]) > _CHARACTERS or not typed[name].isprintable():
            raise MusterError(f"--{name} must have at most {_CHARACTERS} characters")
    number = _number(typed["number"])
    faults.check_details(typed["step"], typed["kind"], typed["code"] or None, number)
    count = _whole(typed["count"])
    if typed["count"] and not count:
        raise MusterError("--count must be a whole number from 1 on")
    client = typed["client"] or "*"
    return Switch(typed["step"], typed["kind"], typed["code"] or None, number, client, count)


def _number(text: str) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise MusterError("--number must be a whole number")
    return number


def _whole(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= _COUNT_DIGITS
    return int(text) if is_number else None
