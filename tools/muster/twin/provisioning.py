"""The three operations of fleet provisioning over MQTT, without MQTT: request document in, answer out.

Source: AWS IoT Developer Guide, "Device provisioning MQTT API". Of the error codes AWS publishes one spelling
(InvalidCertificateOwnershipToken); the others are the names of the HTTP API without "Exception".
"""

import json
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec

from device.core import fields
from muster.enrolment import admission
from muster.enrolment.registrar import DeniedError, Registrar
from muster.errors import MusterError
from muster.registry import Registry
from muster.registry.certificates import ACTIVE, PENDING_ACTIVATION
from muster.registry.failures import RegistryError
from muster.registry.things import StoredTemplate
from muster.twin import hook as hooks
from muster.twin import pki, template
from muster.twin.claiming import Claiming
from muster.twin.keypool import KeyPool
from muster.twin.registration import RejectedError, carry_out, denied, invalid, invalid_token
from muster.twin.settings import ACCOUNT, REGION, Settings

_log = logging.getLogger("muster.twin")

T = TypeVar("T")

TOKEN_BYTES = 352  # 470 characters of base 64; peers reserve 512


@dataclass(frozen=True)
class Caller:
    """Who asks: the certificate of the connection and its MQTT client id."""

    certificate_id: str
    client_id: str


class Provisioning:
    """The provisioning service of one twin."""

    def __init__(
        self,
        registry: Registry,
        authority: pki.Authority,
        pool: KeyPool,
        settings: Settings,
        registrar: Registrar,
        claiming: Claiming,
    ) -> None:
        """Raises MusterError when the hook of the settings cannot be loaded."""
        self._registry = registry
        self._registrar = registrar
        self._claiming = claiming
        self._authority = authority
        self._pool = pool
        self._settings = settings
        self._hook = hooks.load(settings.hook)

    async def create_keys(self, payload: bytes) -> dict[str, Any]:
        """CreateKeysAndCertificate: a key made here, its certificate and the ownership token."""
        if payload:
            _document(payload)
        key = await self._pool.take()
        answer = await self._patiently(lambda: self._issue(key.public_key()))
        return {
            fields.CERTIFICATE_ID: answer[fields.CERTIFICATE_ID],
            fields.CERTIFICATE_PEM: answer[fields.CERTIFICATE_PEM],
            fields.PRIVATE_KEY: pki.key_pem(key),
            fields.OWNERSHIP_TOKEN: answer[fields.OWNERSHIP_TOKEN],
        }

    async def create_from_csr(self, payload: bytes) -> dict[str, Any]:
        """CreateCertificateFromCsr: the same request twice makes two certificates."""
        request = _document(payload).get(fields.SIGNING_REQUEST)
        if not isinstance(request, str) or not request:
            raise invalid("Certificate signing request cannot be empty.")
        try:
            key = pki.public_key_of_csr(request)
        except pki.BadRequestError as error:
            raise invalid(f"Invalid certificate signing request: {error}.") from error
        return await self._patiently(lambda: self._issue(key))

    def issue_to_stranger(self) -> dict[str, Any]:
        """A certificate and token of somebody else, for the fault of that name."""
        return self._issue(ec.generate_private_key(ec.SECP256R1()).public_key())

    async def register(self, name: str, payload: bytes, caller: Caller) -> dict[str, Any]:
        """RegisterThing through the template `name`."""
        request = _document(payload)
        parameters = request.get(fields.PARAMETERS)
        if parameters is None:
            parameters = {}
        if not isinstance(parameters, dict) or not all(isinstance(item, str) for item in parameters.values()):
            raise invalid("parameters must be a map of strings.")
        token = request.get(fields.OWNERSHIP_TOKEN)
        try:
            certificate_id = self._owner(token)
        except RejectedError:
            certificates, now_s = self._registry.certificates, self._settings.clock()
            await self._patiently(lambda: certificates.delete_unclaimed(now_s))
            raise
        stored = self._registry.templates.get(name)
        if stored is None:
            raise RejectedError(404, "ResourceNotFound", f"Provisioning template {name} does not exist.")
        if not stored.is_enabled:
            raise RejectedError(400, "InvalidRequest", f"Provisioning template {name} is not enabled.")
        event = self._event(stored, certificate_id, parameters, caller)
        overrides = await self._ask_hook(stored, event)
        try:
            plan = await self._patiently(lambda: self._register(stored, event, str(token), overrides))
        except DeniedError as error:
            raise denied() from error
        answer: dict[str, Any] = {}
        if plan.configuration is not None:
            answer[fields.DEVICE_CONFIGURATION] = plan.configuration
        if plan.thing is not None:
            answer[fields.THING_NAME] = plan.thing.name
        return answer

    def _register(
        self, stored: StoredTemplate, event: Mapping[str, Any], token: str, overrides: Mapping[str, str]
    ) -> template.Plan:
        """Carry out a registration that the operator's hook allows; raises RejectedError, DeniedError."""
        certificate_id = event[fields.CERTIFICATE_ID]
        with self._registry.transaction():
            # The hook took its time: the token may be used by now, or the caller's certificate revoked.
            self._owner(token)
            self._check_caller(event[admission.CLAIM_CERTIFICATE_ID])
            # After the operator's hook, which cannot overrule it.
            verdict = self._registrar.judge(event, stored.name)
            try:
                final = {**event[fields.PARAMETERS], **overrides, **verdict.overrides}
                plan = template.plan(stored.body, final, certificate_id)
            except template.TemplateError as error:
                raise invalid(f"Template {stored.name}: {error}.") from error
            now_s = self._settings.clock()
            carry_out(self._registry, plan, certificate_id, now_s)
            thing = plan.thing.name if plan.thing else None
            self._registrar.accept(verdict, certificate_id, thing)
            self._claiming.registered(event[admission.CLAIM_CERTIFICATE_ID], thing)
            self._registry.certificates.use_token(token, now_s)
        return plan

    def _check_caller(self, certificate_id: str) -> None:
        """Raises RejectedError when the certificate that the caller connected with is no longer good."""
        used = self._registry.certificates.get(certificate_id)
        if used is None or used.state(self._settings.clock()) != ACTIVE:
            raise RejectedError(403, "AccessDenied", "The certificate of the connection is not active.")

    async def _patiently(self, function: Callable[[], T]) -> T:
        """`function()`, which writes, once no other process writes; raises RejectedError when it cannot."""
        try:
            return await self._registry.patiently(function)
        except RegistryError as error:
            _log.warning("a request failed: %s", error)
            raise RejectedError(500, "InternalFailure", "The twin failed; its log says why.") from error

    def _issue(self, key: pki.PublicKey) -> dict[str, Any]:
        now_s = self._settings.clock()
        end_s = pki.not_after_s(now_s, self._settings.certificate_ttl_h)
        certificate_id, pem = self._authority.issue(key, now_s, end_s)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with self._registry.transaction():
            self._registry.certificates.add(certificate_id, pem, PENDING_ACTIVATION, now_s, end_s)
            self._registry.certificates.add_token(token, certificate_id, now_s + self._settings.token_life_s)
        return {
            fields.OWNERSHIP_TOKEN: token,
            fields.CERTIFICATE_ID: certificate_id,
            fields.CERTIFICATE_PEM: pem,
        }

    def _owner(self, token: object) -> str:
        """The id of the certificate that the token stands for; raises RejectedError."""
        if not isinstance(token, str) or not token:
            raise invalid_token("Certificate ownership token cannot be empty.")
        known = self._registry.certificates.token(token)
        now_s = self._settings.clock()
        if known is None or known.expires_s <= now_s:
            raise invalid_token("Certificate ownership token is invalid or expired.")
        if known.used_s is not None and not self._settings.reuse_tokens:
            raise invalid_token("Certificate ownership token has already been used.")
        return known.certificate_id

    def _event(
        self, stored: StoredTemplate, certificate_id: str, parameters: Mapping[str, str], caller: Caller
    ) -> dict[str, Any]:
        """What a pre-provisioning hook is given."""
        certificate = self._registry.certificates.get(certificate_id)
        assert certificate is not None
        return {
            admission.CLAIM_CERTIFICATE_ID: caller.certificate_id,
            fields.CERTIFICATE_ID: certificate_id,
            fields.CERTIFICATE_PEM: certificate.pem,
            admission.TEMPLATE_ARN: f"arn:aws:iot:{REGION}:{ACCOUNT}:provisioningtemplate/{stored.name}",
            admission.CLIENT_ID: caller.client_id,
            fields.PARAMETERS: dict(parameters),
        }

    async def _ask_hook(self, stored: StoredTemplate, event: dict[str, Any]) -> dict[str, str]:
        """What the operator's hook, if there is one, wants changed."""
        try:
            hook = hooks.load(stored.hook) if stored.hook else self._hook
        except MusterError as error:
            _log.warning("template %s: %s", stored.name, error)
            raise denied() from error
        if hook is None:
            return {}
        overrides = await hooks.ask(hook, event, self._settings.hook_limit_s)
        if overrides is None:
            raise denied()
        return overrides


def _document(payload: bytes) -> dict[str, Any]:
    """The JSON object of a request; raises RejectedError."""
    try:
        document = json.loads(payload.decode())
        # A lone surrogate, written as an escape, is a string that nothing can store.
        if b"\\u" in payload:
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise invalid("Payload is not valid JSON.") from error
    if not isinstance(document, dict):
        raise invalid("Payload must be a JSON object.")
    return document
