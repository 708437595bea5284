"""Who may register: the one rule for RegisterThing. Pure, so that it is the same on the twin and in a Lambda.

The caller looks up what the rule needs (by `name_wanted`) and hands it over; the rule does no I/O and
imports nothing but the standard library and the names of the parameters.

A board that has no identity yet comes with the shared claim certificate (`decide`). It is admitted when
- its name (parameter serialID) is in the registry, spelled exactly so, and is its client id as well;
- its proof is right: HMAC-SHA256(enrolment key, certificate id), so a proof is good for one certificate;
- it is not retired, and not provisioned already, unless its certificate has expired;
- it asks for no parameter that the registry does not have for it. The registry's values always win.

A device is *provisioned* once its certificate has connected for the first time: not before, because the
answer to RegisterThing may be lost and a board may lose its power at any moment. Until then the same
board may register again with another certificate, which replaces (revokes) the one that never connected:
there is never more than one that has not connected. From then on the name is taken: somebody with a stolen
claim certificate AND a stolen enrolment key cannot take over a working device unless a person runs
`deprovision`. Before the first connection such a thief could be first; the real board is then refused,
and the log says so.

A board whose own certificate has expired cannot renew it: it comes with the claim certificate again, and is
admitted under the same conditions, proof included. The registry knows the end of a certificate, and whether
a person has revoked it: then the name stays taken.

After the group's secret was refreshed, a board whose image was built before is refused until its image is
built again, because enrolment keys are derived from the secret. Provisioned boards stay provisioned and can
renew: a renewal needs the certificate in use and not the enrolment key.

A board that renews itself comes with its own certificate (`decide_renewal`): that one must be active and
attached to the very thing that the board names. No proof is needed.

Source: AWS IoT Developer Guide, "Pre-provisioning hooks" (the event and its fields).
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, NamedTuple

from device.core import fields

# The fields of the hook's event and answer that no board ever sees.
CLAIM_CERTIFICATE_ID = "claimCertificateId"  # of the certificate that the connection uses
TEMPLATE_ARN = "templateArn"
CLIENT_ID = "clientId"
ALLOW = "allowProvisioning"
OVERRIDES = "parameterOverrides"

_SHOWN = 40  # characters of what a stranger sent that a reason repeats


class Enrolled(NamedTuple):
    """What the registry knows of one device: all that the rule asks for.

    `parameters` are those of the registry for the template, without the serial. `has_expired`: the newest
    certificate that it has connected with is past its end, and nobody has revoked it.
    """

    name: str
    is_provisioned: bool
    is_retired: bool
    parameters: Mapping[str, str]
    has_expired: bool = False


class Standing(NamedTuple):
    """The certificate that a connection uses: whether it is ACTIVE and within its dates; its things."""

    is_active: bool
    things: tuple[str, ...]


class Decision(NamedTuple):
    """Whether a registration is allowed. `reason` is for the log and holds no secret.

    `overrides` win over the parameters that the board sent.
    """

    allow: bool
    reason: str
    overrides: Mapping[str, str]


def name_wanted(event: Mapping[str, Any]) -> str | None:
    """The name that a registration asks for, or None: what to look up before asking for a decision."""
    parameters = event.get(fields.PARAMETERS)
    name = parameters.get(fields.PARAMETER_SERIAL) if isinstance(parameters, Mapping) else None
    return name if isinstance(name, str) and name else None


def decide(event: Mapping[str, Any], device: Enrolled | None, enrolment_key: bytes | None) -> Decision:
    """May this board register with the claim certificate?

    `event` is that of a pre-provisioning hook; `device` what the registry has under `name_wanted(event)`,
    or None; `enrolment_key` the one that the group's secret gives for it NOW.
    """
    name = name_wanted(event)
    fault = _name_fault(event, name)
    if fault or name is None:
        return _no(fault)
    if device is None or device.name != name or enrolment_key is None:
        return _no(f"{_shown(name)} is not in the registry: add the device first")
    if not _has_right_proof(event, enrolment_key):
        return _no(
            f"the enrolment proof of {name} is missing or wrong: its image was built for another device, or "
            "before its group's secret was refreshed or the device was moved; build its image again"
        )
    if device.is_retired:
        return _no(f"{name} is retired")
    if device.is_provisioned and not device.has_expired:
        return _no(f"{name} is already provisioned: deprovision it first")
    unexpected = _unexpected(event, device)
    if unexpected is not None:
        return _no(f"{name} sent the parameter {_shown(unexpected)}, which the registry does not have for it")
    return _yes(name, device)


def decide_renewal(event: Mapping[str, Any], device: Enrolled | None, standing: Standing | None) -> Decision:
    """May this device get a new certificate for the thing that it is?

    `standing` is that of the certificate event["claimCertificateId"], or None when it is not registered.
    `device` is None for a thing that was provisioned without a registry entry: its certificate speaks for it.
    """
    name = name_wanted(event)
    fault = _name_fault(event, name)
    if fault or name is None:
        return _no(fault)
    if standing is None or not standing.is_active:
        return _no(f"the certificate that {_shown(name)} uses is not active")
    if name not in standing.things:
        return _no(f"the certificate in use is not that of the thing {_shown(name)}")
    if device is None:
        return Decision(True, "", {fields.PARAMETER_SERIAL: name})
    if device.name != name:
        return _no(f"{_shown(name)} is not in the registry")
    if device.is_retired:
        return _no(f"{name} is retired")
    unexpected = _unexpected(event, device)
    if unexpected is not None:
        return _no(f"{name} sent the parameter {_shown(unexpected)}, which the registry does not have for it")
    return _yes(name, device)


def _yes(name: str, device: Enrolled) -> Decision:
    return Decision(True, "", {**device.parameters, fields.PARAMETER_SERIAL: name})


def _no(reason: str) -> Decision:
    return Decision(False, reason, {})


def _name_fault(event: Mapping[str, Any], name: str | None) -> str:
    """Why the event cannot be about one board; empty when it can."""
    if name is None:
        return f"the parameter {fields.PARAMETER_SERIAL} is missing"
    if event.get(CLIENT_ID) != name:
        return f"the client id {_shown(event.get(CLIENT_ID))} is not the name asked for, {_shown(name)}"
    return ""


def _has_right_proof(event: Mapping[str, Any], enrolment_key: bytes) -> bool:
    proof, certificate_id = (
        event[fields.PARAMETERS].get(fields.PARAMETER_PROOF),
        event.get(fields.CERTIFICATE_ID),
    )
    if not isinstance(proof, str) or not isinstance(certificate_id, str) or not certificate_id:
        return False
    expected = hmac.new(enrolment_key, certificate_id.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), proof.encode(errors="replace"))


def _unexpected(event: Mapping[str, Any], device: Enrolled) -> str | None:
    """The first parameter that nobody knows for this device, or None."""
    expected = {fields.PARAMETER_SERIAL, fields.PARAMETER_PROOF, *device.parameters}
    return next((name for name in event[fields.PARAMETERS] if name not in expected), None)


def _shown(value: object) -> str:
    """What a stranger sent, short and harmless in a log."""
    text = ascii(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
