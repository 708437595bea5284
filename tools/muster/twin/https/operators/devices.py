"""The pages of all devices, and of one."""

import json
import string
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import web

from device.core import fields
from muster.printable import printable_lines
from muster.registry.certificates import REVOKED, Certificate
from muster.twin import shadow
from muster.twin.https import codes
from muster.twin.https.operators import states, words
from muster.twin.https.operators.guard import Guard
from muster.twin.https.people.sessions import Session
from muster.twin.https.server import RefusedError
from muster.twin.traffic import Traffic

if TYPE_CHECKING:
    from muster.twin.server import Twin

HOME = "/operator"
PAGE = 25  # devices
_QUERY = 128  # characters of what is searched for
_MESSAGES = 20
_EVENTS = 20
_SHADOWS = 10
_PAYLOAD = 200  # characters
_DIGITS = 6  # of a certificate's id, so that few begin with them
_CONNECTED = "connected"


class Shown(NamedTuple):
    """A certificate on the page of its device."""

    certificate_id: str
    state: str
    is_revoked: bool
    used: str
    renews: str


class DevicePages:
    """Looks devices up; changes nothing."""

    def __init__(self, twin: "Twin", guard: Guard, traffic: Traffic) -> None:
        self._twin = twin
        self._registry = twin.registry
        self._guard = guard
        self._traffic = traffic

    def routes(self) -> list[web.RouteDef]:
        """The addresses of these pages."""
        return [
            self._guard.show(HOME, self.devices),
            self._guard.show(f"{HOME}/device", self.device),
        ]

    async def devices(self, request: web.Request, session: Session) -> web.StreamResponse:
        """GET /operator?find=BEGINNING&show=connected&after=NAME: all devices, a page at a time."""
        wanted = request.query.get("find", "").strip()[:_QUERY]
        after = request.query.get("after", "")[:_QUERY]
        show = _CONNECTED if request.query.get("show") == _CONNECTED else ""
        exact = self._exact(wanted) if wanted and not after and not show else []
        names, rest = self._page(wanted, after, show)
        now_s = self._twin.settings.clock()
        found = [self._look(name) for name in dict.fromkeys([*exact, *names])]
        return self._guard.page(
            request,
            session,
            "devices.html",
            here=HOME,
            rows=[states.row(one, now_s) for one in found if one is not None],
            rest=rest,
            find=wanted,
            show=show,
            after=after,
            online=words.counted(len(self._twin.engine.connections), "client"),
        )

    def _page(self, wanted: str, after: str, show: str) -> tuple[list[str], str | None]:
        if show != _CONNECTED:
            return self._registry.overview.page(PAGE, after, wanted)
        online = [connection.client_id for connection in self._twin.engine.connections]
        names = sorted(name for name in online if name > after and name.startswith(wanted))
        return names[:PAGE], names[PAGE - 1] if len(names) > PAGE else None

    def _exact(self, wanted: str) -> list[str]:
        """The devices of which `wanted` is the claim ID, or the beginning of a certificate's id."""
        registry, found = self._registry, []
        try:
            code = codes.parse(wanted)
        except codes.CodeError:
            pass
        else:
            claim, device = registry.claims.get(code), registry.devices.of_claim_id(code)
            thing = claim.thing if claim is not None else None
            name = thing or (device.name if device is not None else code if claim is not None else None)
            found += [name] if name is not None else []
        digits = wanted.lower()
        if len(digits) >= _DIGITS and set(digits) <= set(string.hexdigits):
            found += registry.overview.of_certificate(digits, PAGE)
        return found

    def _look(self, name: str) -> states.Known | None:
        """None when the device has gone meanwhile."""
        return states.look(self._twin, self._traffic, name)

    async def device(self, request: web.Request, session: Session) -> web.StreamResponse:
        """GET /operator/device?name=NAME: all of one."""
        known = self._look(request.query.get("name", "")[:_QUERY])
        if known is None:
            raise RefusedError(404, "There is no such device. It may have been deleted meanwhile.")
        now_s = self._twin.settings.clock()
        return self._guard.page(
            request,
            session,
            "device.html",
            here=HOME,
            row=states.row(known, now_s),
            known=known,
            certificates=[_shown(one, now_s) for one in known.certificates],
            boot=words.payload(known.boot.payload, _PAYLOAD) if known.boot is not None else "",
            shadows=self._shadows(known.name),
            messages=self._traffic.newest(_MESSAGES, client_id=known.name),
            events=self._registry.devices.last_events(known.name, _EVENTS),
            words=words,
        )

    def _shadows(self, name: str) -> list[dict[str, Any]]:
        found = []
        for shadow_name in self._registry.shadows.names(name, _SHADOWS):
            stored = self._registry.shadows.get(name, shadow_name)
            if stored is None or stored.state is None:
                continue
            state = shadow.full(stored, int(self._twin.settings.clock()))[fields.STATE]
            text = json.dumps(state, indent=2, ensure_ascii=False, sort_keys=True)
            changed = words.moment(stored.changed_s)
            found.append(
                {
                    "name": shadow_name,
                    "version": stored.version,
                    "changed": changed,
                    "text": printable_lines(text),
                }
            )
        return found


def _shown(certificate: Certificate, now_s: float) -> Shown:
    first = certificate.connected_s
    return Shown(
        certificate.certificate_id,
        states.of_certificate(certificate, now_s),
        certificate.status == REVOKED,
        "never used" if first is None else f"first used {words.moment(first)}",
        certificate.renews or "",
    )
