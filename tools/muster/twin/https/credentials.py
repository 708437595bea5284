"""The credentials provider: a device that shows its certificate gets keys for AWS, as from AWS IoT.

They open nothing but the other services of this twin, which ask `secret_of` for them; they are never stored.
Source: AWS IoT Developer Guide, "Authorizing direct calls to AWS services using AWS IoT Core credential
provider". The texts of its errors are not documented; those here were seen by its users.
"""

import datetime
import re
import uuid
from typing import TYPE_CHECKING

from aiohttp import web

from device.core import fields
from muster.twin import policy
from muster.twin.issued_keys import Issued
from muster.twin.log import log

if TYPE_CHECKING:
    from muster.twin.server import Twin

_ALIAS = re.compile(r"[\w=,@-]{1,128}", re.ASCII)
_log = log()


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
