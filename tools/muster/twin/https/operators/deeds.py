"""What an operator does to a device: each is asked for once more, in words, before it is done."""

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from device.core import fields, topics
from muster.registry.certificates import ACTIVE, REVOKED, Certificate
from muster.registry.failures import RegistryError
from muster.twin.https.operators import states
from muster.twin.https.operators.devices import HOME
from muster.twin.https.operators.guard import Guard
from muster.twin.https.people.leaving import Leaving
from muster.twin.https.people.pages import see
from muster.twin.https.people.sessions import Session
from muster.twin.https.server import RefusedError
from muster.twin.log import log
from muster.twin.traffic import Traffic

if TYPE_CHECKING:
    from muster.twin.server import Twin

_DEVICE = f"{HOME}/device"
_REVOKE = f"{HOME}/revoke"
_COMMAND = f"{HOME}/command"
_COMMANDS = (fields.REBOOT, fields.RELEASE)
_log = log()


class Deeds:
    """Revokes certificates and sends commands."""

    def __init__(self, twin: "Twin", guard: Guard, traffic: Traffic, leaving: Leaving) -> None:
        self._twin = twin
        self._registry = twin.registry
        self._guard = guard
        self._traffic = traffic
        self._leaving = leaving

    def routes(self) -> list[web.RouteDef]:
        """The addresses of these pages."""
        guard = self._guard
        return [
            guard.show(_REVOKE, self.ask_revoke),
            guard.change(_REVOKE, self.revoke),
            guard.show(_COMMAND, self.ask_command),
            guard.change(_COMMAND, self.command),
        ]

    # Revoking

    async def ask_revoke(self, request: web.Request, session: Session) -> web.StreamResponse:
        """GET /operator/revoke?certificate=ID."""
        certificate, thing = self._certificate(request.query.get("certificate", ""))
        others = [
            one
            for one in self._registry.certificates.newest_of_thing(thing, states.CERTIFICATES)
            if one.state(self._twin.settings.clock()) == ACTIVE
            and one.certificate_id != certificate.certificate_id
        ]
        return self._guard.page(
            request,
            session,
            "confirm.html",
            here=HOME,
            problem="",
            title="Revoke a certificate",
            question=f"Revoke certificate {certificate.certificate_id[:12]} of {thing}?",
            sentences=[_after_revoking(thing, len(others)), "A certificate cannot be made active again."],
            action=_REVOKE,
            hidden={"certificate": certificate.certificate_id},
            button="Revoke it",
            device=thing,
        )

    async def revoke(self, _: web.Request, session: Session, form: Mapping[str, str]) -> web.StreamResponse:
        """POST /operator/revoke."""
        certificate, thing = self._certificate(form.get("certificate", ""))
        certificate_id = certificate.certificate_id
        await self._registry.patiently(
            lambda: self._registry.certificates.set_status(certificate_id, REVOKED)
        )
        with contextlib.suppress(RegistryError):  # else it is seen in the next tenth of a second
            self._twin.engine.drop_inactive()
        _log.info("operator %s: certificate %s of %s revoked", session.account, certificate_id[:12], thing)
        session.notice = f"Certificate {certificate_id[:12]} is revoked."
        return see(_DEVICE, name=thing)

    def _certificate(self, certificate_id: str) -> tuple[Certificate, str]:
        """A certificate that can be revoked here, and its thing: those for claiming are another matter."""
        known = self._registry.certificates.get(certificate_id)
        things = self._registry.things.of_certificate(certificate_id) if known is not None else []
        if known is None or not things:
            raise RefusedError(404, "No device has this certificate.")
        if known.status == REVOKED:
            raise RefusedError(409, "This certificate is revoked already.")
        return known, things[0].name

    # Commands

    async def ask_command(self, request: web.Request, session: Session) -> web.StreamResponse:
        """GET /operator/command?device=NAME&name=reboot."""
        name = request.query.get("name", "")
        known = self._known(request.query.get("device", ""), name)
        return self._command_page(request, session, known, name)

    def _command_page(
        self, request: web.Request, session: Session, known: states.Known, name: str
    ) -> web.Response:
        """Asks, or says why the device cannot get this command now."""
        is_release = name == fields.RELEASE
        verb = "Release" if is_release else "Restart"
        problem = self._obstacle(known, name)
        return self._guard.page(
            request,
            session,
            "confirm.html",
            status=409 if problem else 200,
            here=HOME,
            title=f"{verb} a device",
            question=f"{verb} {known.shown}?",
            problem=problem,
            sentences=_after_release(known) if is_release else _after_reboot(known),
            action=_COMMAND,
            hidden={"device": known.name, "name": name, "owner": known.owner or ""},
            button=f"{verb} it",
            device=known.name,
        )

    async def command(
        self, request: web.Request, session: Session, form: Mapping[str, str]
    ) -> web.StreamResponse:
        """POST /operator/command."""
        name = form.get("name", "")
        known = self._known(form.get("device", ""), name)
        if self._obstacle(known, name):
            return self._command_page(request, session, known, name)
        if form.get("owner", "") != (known.owner or ""):
            raise RefusedError(409, f"{known.shown} has another owner meanwhile; nothing was done.")
        if name == fields.RELEASE and known.claim is not None and known.owner is not None:
            if not await self._leaving.release(known.claim.claim_id, known.owner):
                raise RefusedError(409, f"{known.shown} was released meanwhile.")
            session.notice = f"{known.shown} is released. Whoever has its claim ID can claim it."
        else:
            self._twin.engine.command(known.name, name)
            session.notice = f"The command {name} was sent to {known.shown}."
        _log.info("operator %s: %s sent to %s", session.account, name, known.name)
        return see(_DEVICE, name=known.name)

    def _known(self, device: str, command: str) -> states.Known:
        """The device; raises RefusedError when there is no such device or command."""
        if command not in _COMMANDS:
            raise RefusedError(404, "There is no such command.")
        known = states.look(self._twin, self._traffic, device)
        if known is None:
            raise RefusedError(404, "There is no such device. It may have been deleted meanwhile.")
        return known

    def _obstacle(self, known: states.Known, name: str) -> str:
        """Why the device would not get this command; nothing when it would."""
        if name == fields.RELEASE and known.owner is not None:
            return ""  # also while it is away
        if known.connection is None:
            return (
                f"{known.shown} is not connected, so it would not get the command; boards ignore commands"
                " that are older than 10 seconds. Wait until it is connected, then try again."
            )
        topic = topics.command(self._twin.settings.topic_prefix, known.name, name)
        if known.connection.session.granted(topic) is None:
            return (
                f"{known.shown} does not listen for commands: its service “commands” is switched off, or"
                " has not started yet."
            )
        return ""


def _after_revoking(thing: str, others: int) -> str:
    if others:
        rest = "another active certificate" if others == 1 else f"{others} other active certificates"
        return f"A connection with this certificate is closed at once. {thing} still has {rest}."
    return (
        f"It is the only active one: {thing} is cut off at once, and cannot connect again until it gets"
        " another identity. A board with claim credentials gets one by itself; others must be claimed or"
        " flashed again."
    )


def _after_reboot(known: states.Known) -> list[str]:
    return [f"{known.shown} stores what still waits for the cloud, restarts, and is back after some seconds."]


def _after_release(known: states.Known) -> list[str]:
    if known.owner is None:
        return [
            f"{known.shown} puts its identity aside and restarts. It is not connected again until it gets"
            " another identity, by its claim credentials or by a person who claims it.",
            "Its certificates stay active until you revoke them.",
        ]
    told = "It is not connected, so it cannot be told: its certificates are revoked at once."
    if known.connection is not None:
        told = (
            "It is told to forget its identity; its certificates are revoked as soon as it has, or after"
            " ten seconds."
        )
    return [
        f"{known.shown} belongs to {known.owner}, who loses it. {told}",
        "Whoever has its claim ID can claim it then.",
    ]
