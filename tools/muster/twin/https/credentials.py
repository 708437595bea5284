"""The credentials provider: a device that shows its certificate gets keys for AWS, as from AWS IoT.

They open nothing but the other services of this twin, which ask `secret_of` for them; they are never stored.
Source: AWS IoT Developer Guide, "Authorizing direct calls to AWS services using AWS IoT Core credential
provider". The texts of its errors are not documented; those here were seen by its users.
"""

import base64
import datetime
import re
import secrets
import uuid
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from device.core import fields
from muster.twin import policy
from muster.twin.log import log
from muster.twin.settings import Settings

if TYPE_CHECKING:
    from muster.twin.server import Twin

MOST_KEPT = 20_000  # sets of keys; the oldest is forgotten first
_ALIAS = re.compile(r"[\w=,@-]{1,128}", re.ASCII)
_TOKEN_BYTES = 720  # AWS's tokens have some hundred characters to more than a thousand
_log = log()


class Issued(NamedTuple):
    """One set of keys; `thing_name` is None if the device did not name itself."""

    access_key_id: str
    secret: str
    token: str
    expires_s: float
    certificate_id: str
    thing_name: str | None

    def __repr__(self) -> str:
        return f"Issued({self.access_key_id})"


class Credentials:
    """The keys that were handed out and have not ended."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._issued: OrderedDict[str, Issued] = OrderedDict()

    def issue(self, certificate_id: str, thing_name: str | None) -> Issued:
        """New keys for the owner of a certificate."""
        now_s = self._settings.clock()
        while self._issued and self._is_over(now_s):
            self._issued.popitem(last=False)
        issued = Issued(
            "ASIA" + base64.b32encode(secrets.token_bytes(10)).decode(),
            base64.b64encode(secrets.token_bytes(30)).decode(),
            base64.b64encode(secrets.token_bytes(_TOKEN_BYTES)).decode(),
            int(now_s) + self._settings.credentials_life_s,
            certificate_id,
            thing_name,
        )
        self._issued[issued.access_key_id] = issued
        return issued

    def _is_over(self, now_s: float) -> bool:
        """Whether the oldest keys have ended, or are too many."""
        oldest = next(iter(self._issued.values()))
        return oldest.expires_s <= now_s or len(self._issued) >= MOST_KEPT

    def secret_of(self, access_key_id: str) -> Issued | None:
        """The keys with this id, if they were handed out here; they may have ended: see `expires_s`."""
        return self._issued.get(access_key_id)

    def all(self) -> list[Issued]:
        """The keys that have not been forgotten, the oldest first."""
        return list(self._issued.values())


def routes(twin: "Twin") -> list[web.RouteDef]:
    """The one request of the credentials provider."""
    provider = _Provider(twin)
    return [web.get("/role-aliases/{alias}/credentials", provider.answer)]


class _Provider:
    def __init__(self, twin: "Twin") -> None:
        self._twin = twin

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Keys, or why not."""
        alias = request.match_info["alias"]
        certificate_id = request.get("certificate_id")
        thing_name = request.headers.get(fields.THING_NAME_HEADER)
        why_not = self._why_not(certificate_id, alias, thing_name)
        if why_not or certificate_id is None:
            _log.info("credentials: %s: %s", thing_name or "somebody", why_not)
            return _refused(403, "Access Denied")
        if alias != self._twin.settings.role_alias:
            _log.info("credentials: %s: there is no role alias %r", thing_name, alias)
            return _refused(404, "Role alias does not exist")
        issued = self._twin.credentials.issue(certificate_id, thing_name)
        _log.info("credentials: %s: keys %s", thing_name or certificate_id[:12], issued.access_key_id)
        return web.json_response({fields.CREDENTIALS: _document(issued)})

    def _why_not(self, certificate_id: str | None, alias: str, thing_name: str | None) -> str:
        """Why a request is refused, for the log; "" if it is not."""
        if certificate_id is None:
            return "no certificate, or not an active one"
        if not _ALIAS.fullmatch(alias):
            return "not the name of a role alias"
        registry = self._twin.registry
        if thing_name is not None:
            names = [thing.name for thing in registry.things.of_certificate(certificate_id)]
            if thing_name not in names:
                return "the certificate is not attached to this thing"
        principal = self._twin.engine.principal(certificate_id, thing_name or "")
        if not principal.allows(policy.ASSUME_ROLE, policy.role_alias(alias)):
            return f"{policy.ASSUME_ROLE} on {alias}: {principal.why_not()}"
        return ""


def _document(issued: Issued) -> dict[str, str]:
    expires = datetime.datetime.fromtimestamp(issued.expires_s, datetime.timezone.utc)
    return {
        fields.ACCESS_KEY_ID: issued.access_key_id,
        fields.SECRET_ACCESS_KEY: issued.secret,
        fields.SESSION_TOKEN: issued.token,
        fields.EXPIRATION: expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _refused(status: int, message: str) -> web.StreamResponse:
    return web.json_response({fields.MESSAGE: message, fields.TRACE_ID: str(uuid.uuid4())}, status=status)
