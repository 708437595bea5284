"""What RegisterThing does to the registry once it is allowed, and how an operation is refused.

Also used by the host's own commands, which register without a connection.
"""

from device.core import fields
from muster.registry import Registry
from muster.registry.certificates import ACTIVE, PENDING_ACTIVATION
from muster.registry.things import Thing
from muster.twin import pki, template


class RejectedError(Exception):
    """The operation is refused; `document` is the body of the .../rejected message."""

    def __init__(self, status_code: int, error_code: str, message: str) -> None:
        super().__init__(message)
        self.document = {
            fields.STATUS_CODE: status_code,
            fields.ERROR_CODE: error_code,
            fields.ERROR_MESSAGE: message,
        }


def denied() -> RejectedError:
    """The refusal of a pre-provisioning hook: AWS does not tell the device why."""
    return RejectedError(403, "AccessDenied", "Pre-provisioning hook denied the request.")


def invalid(message: str) -> RejectedError:
    """The request cannot be understood or carried out."""
    return RejectedError(400, "InvalidRequest", message)


def invalid_token(message: str) -> RejectedError:
    """The ownership token is none, used up or too old."""
    return RejectedError(400, "InvalidCertificateOwnershipToken", message)


def carry_out(registry: Registry, plan: template.Plan, certificate_id: str, now_s: float) -> None:
    """Make the plan's resources and attach them to the certificate; inside a transaction of the caller.

    Raises RejectedError, after which the caller rolls back.
    """
    certificates, policies = registry.certificates, registry.policies
    current = certificates.get(certificate_id)
    if current is None:
        raise invalid_token("The certificate of this token no longer exists.")
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
        _put_thing(registry, plan.thing, now_s)
        registry.things.attach(plan.thing.name, certificate_id, plan.is_exclusive)
    certificates.set_status(certificate_id, plan.certificate_status)


def _put_thing(registry: Registry, wanted: template.ThingPlan, now_s: float) -> None:
    old = registry.things.get(wanted.name)
    if old is None:
        new = Thing(wanted.name, wanted.type, wanted.attributes, wanted.groups, now_s)
    else:
        new = _overridden(old, wanted)
    registry.things.put(new)


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
