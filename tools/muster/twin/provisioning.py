"""The three operations of fleet provisioning over MQTT, without MQTT: request document in, answer out.

Source: AWS IoT Developer Guide, "Device provisioning MQTT API". Of the error codes AWS publishes one spelling
(InvalidCertificateOwnershipToken); the others are the names of the HTTP API without "Exception".
"""

import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from device.core import keys
from muster.errors import MusterError
from muster.registry import Registry
from muster.registry.certificates import ACTIVE, PENDING_ACTIVATION
from muster.registry.things import StoredTemplate, Thing
from muster.twin import hook as hooks
from muster.twin import pki, template
from muster.twin.keypool import KeyPool
from muster.twin.settings import ACCOUNT, REGION, Settings

_log = logging.getLogger("muster.twin")

TOKEN_BYTES = 352  # 470 characters of base 64; peers reserve 512


class RejectedError(Exception):
    """The operation is refused; `document` is the body of the .../rejected message."""

    def __init__(self, status_code: int, error_code: str, message: str) -> None:
        super().__init__(message)
        self.document = {
            keys.STATUS_CODE: status_code,
            keys.ERROR_CODE: error_code,
            keys.ERROR_MESSAGE: message,
        }


@dataclass(frozen=True)
class Caller:
    """Who asks: the certificate of the connection and its MQTT client id."""

    certificate_id: str
    client_id: str


def _denied() -> RejectedError:
    return RejectedError(403, "AccessDenied", "Pre-provisioning hook denied the request.")


def _invalid(message: str) -> RejectedError:
    return RejectedError(400, "InvalidRequest", message)


def _invalid_token(message: str) -> RejectedError:
    return RejectedError(400, "InvalidCertificateOwnershipToken", message)


class Provisioning:
    """The provisioning service of one twin."""

    def __init__(
        self, registry: Registry, authority: pki.Authority, pool: KeyPool, settings: Settings
    ) -> None:
        """Raises MusterError when the hook of the settings cannot be loaded."""
        self._registry = registry
        self._authority = authority
        self._pool = pool
        self._settings = settings
        self._hook = hooks.load(settings.hook)

    async def create_keys(self, payload: bytes) -> dict[str, Any]:
        """CreateKeysAndCertificate: a key made here, its certificate and the ownership token."""
        if payload:
            _document(payload)
        key = await self._pool.take()
        answer = self._issue(key.public_key())
        return {
            keys.CERTIFICATE_ID: answer[keys.CERTIFICATE_ID],
            keys.CERTIFICATE_PEM: answer[keys.CERTIFICATE_PEM],
            keys.PRIVATE_KEY: pki.key_pem(key),
            keys.OWNERSHIP_TOKEN: answer[keys.OWNERSHIP_TOKEN],
        }

    async def create_from_csr(self, payload: bytes) -> dict[str, Any]:
        """CreateCertificateFromCsr: the same request twice makes two certificates."""
        request = _document(payload).get(keys.SIGNING_REQUEST)
        if not isinstance(request, str) or not request:
            raise _invalid("Certificate signing request cannot be empty.")
        try:
            return self._issue(pki.public_key_of_csr(request))
        except pki.BadRequestError as error:
            raise _invalid(f"Invalid certificate signing request: {error}.") from error

    def issue_to_stranger(self) -> dict[str, Any]:
        """A certificate and token of somebody else, for the fault of that name."""
        return self._issue(ec.generate_private_key(ec.SECP256R1()).public_key())

    async def register(self, name: str, payload: bytes, caller: Caller) -> dict[str, Any]:
        """RegisterThing through the template `name`."""
        request = _document(payload)
        parameters = request.get(keys.PARAMETERS) or {}
        if not isinstance(parameters, dict) or not all(isinstance(item, str) for item in parameters.values()):
            raise _invalid("parameters must be a map of strings.")
        token = request.get(keys.OWNERSHIP_TOKEN)
        certificate_id = self._owner(token)
        stored = self._registry.templates.get(name)
        if stored is None:
            raise RejectedError(404, "ResourceNotFound", f"Provisioning template {name} does not exist.")
        if not stored.is_enabled:
            raise RejectedError(400, "InvalidRequest", f"Provisioning template {name} is not enabled.")
        overrides = await self._ask_hook(stored, certificate_id, parameters, caller)
        try:
            plan = template.plan(stored.body, {**parameters, **overrides}, certificate_id)
        except template.TemplateError as error:
            raise _invalid(f"Template {name}: {error}.") from error
        with self._registry.transaction():
            self._owner(token)  # the hook took its time: the token may be used or expired by now
            self._carry_out(plan, certificate_id)
            self._registry.certificates.use_token(str(token), self._settings.clock())
        answer: dict[str, Any] = {}
        if plan.configuration is not None:
            answer[keys.DEVICE_CONFIGURATION] = plan.configuration
        if plan.thing is not None:
            answer[keys.THING_NAME] = plan.thing.name
        return answer

    def _issue(self, key: pki.PublicKey) -> dict[str, Any]:
        now_s = self._settings.clock()
        end_s = pki.not_after_s(now_s, self._settings.certificate_ttl_h)
        certificate_id, pem = self._authority.issue(key, now_s, end_s)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with self._registry.transaction():
            self._registry.certificates.delete_unclaimed(now_s)
            self._registry.certificates.add(certificate_id, pem, PENDING_ACTIVATION, now_s, end_s)
            self._registry.certificates.add_token(token, certificate_id, now_s + self._settings.token_life_s)
        return {
            keys.OWNERSHIP_TOKEN: token,
            keys.CERTIFICATE_ID: certificate_id,
            keys.CERTIFICATE_PEM: pem,
        }

    def _owner(self, token: object) -> str:
        """The id of the certificate that the token stands for; raises RejectedError."""
        if not isinstance(token, str) or not token:
            raise _invalid_token("Certificate ownership token cannot be empty.")
        known = self._registry.certificates.token(token)
        now_s = self._settings.clock()
        if known is None or known.expires_s <= now_s:
            self._registry.certificates.delete_unclaimed(now_s)
            raise _invalid_token("Certificate ownership token is invalid or expired.")
        if known.used_s is not None and not self._settings.reuse_tokens:
            raise _invalid_token("Certificate ownership token has already been used.")
        return known.certificate_id

    async def _ask_hook(
        self, stored: StoredTemplate, certificate_id: str, parameters: Mapping[str, str], caller: Caller
    ) -> dict[str, str]:
        try:
            hook = hooks.load(stored.hook) if stored.hook else self._hook
        except MusterError as error:
            _log.warning("template %s: %s", stored.name, error)
            raise _denied() from error
        if hook is None:
            return {}
        certificate = self._registry.certificates.get(certificate_id)
        assert certificate is not None
        event = {
            hooks.CLAIM_CERTIFICATE_ID: caller.certificate_id,
            keys.CERTIFICATE_ID: certificate_id,
            keys.CERTIFICATE_PEM: certificate.pem,
            hooks.TEMPLATE_ARN: f"arn:aws:iot:{REGION}:{ACCOUNT}:provisioningtemplate/{stored.name}",
            hooks.CLIENT_ID: caller.client_id,
            keys.PARAMETERS: dict(parameters),
        }
        overrides = await hooks.ask(hook, event, self._settings.hook_limit_s)
        if overrides is None:
            raise _denied()
        return overrides

    def _carry_out(self, plan: template.Plan, certificate_id: str) -> None:
        certificates, policies = self._registry.certificates, self._registry.policies
        current = certificates.get(certificate_id)
        if current is None:
            raise _invalid_token("The certificate of this token no longer exists.")
        if current.status not in (PENDING_ACTIVATION, ACTIVE):
            raise RejectedError(400, "CertificateStateInvalid", "The certificate is not active or pending.")
        for name in plan.policy_names:
            if policies.get(name) is None:
                raise RejectedError(404, "ResourceNotFound", f"Policy {name} does not exist.")
            policies.attach(name, certificate_id)
        for document in plan.policy_documents:
            name = pki.certificate_id(document.encode())  # AWS too names such a policy by a digest
            policies.put(name, document)
            policies.attach(name, certificate_id)
        if plan.thing is not None:
            self._put_thing(plan.thing)
            self._registry.things.attach(plan.thing.name, certificate_id, plan.is_exclusive)
        certificates.set_status(certificate_id, plan.certificate_status)

    def _put_thing(self, wanted: template.ThingPlan) -> None:
        things = self._registry.things
        old = things.get(wanted.name)
        if old is None:
            new = Thing(wanted.name, wanted.type, wanted.attributes, wanted.groups, self._settings.clock())
        else:
            new = _overridden(old, wanted)
        things.put(new)


def _overridden(old: Thing, wanted: template.ThingPlan) -> Thing:
    """The existing thing after OverrideSettings; raises RejectedError for FAIL."""

    def setting(name: str) -> str:
        return wanted.overrides.get(name, "DO_NOTHING")

    if "FAIL" in wanted.overrides.values():
        raise RejectedError(409, "ResourceConflict", f"Thing {wanted.name} exists already.")
    attributes, groups = old.attributes, old.groups
    if setting("AttributePayload") == "REPLACE":
        attributes = wanted.attributes
    elif setting("AttributePayload") == "MERGE":
        attributes = {**old.attributes, **wanted.attributes}
    if setting("ThingGroups") == "REPLACE":
        groups = wanted.groups
    elif setting("ThingGroups") == "MERGE":
        groups = list(dict.fromkeys([*old.groups, *wanted.groups]))
    type_name = wanted.type if setting("ThingTypeName") == "REPLACE" else old.type
    return Thing(old.name, type_name, attributes, groups, old.created_s)


def _document(payload: bytes) -> dict[str, Any]:
    try:
        document = json.loads(payload)
    except ValueError as error:
        raise _invalid("Payload is not valid JSON.") from error
    if not isinstance(document, dict):
        raise _invalid("Payload must be a JSON object.")
    return document
