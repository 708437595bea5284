"""The rule of `muster.enrolment.admission` at work: reads what the rule needs, and does what it decides.

The rule guards every provisioning template as soon as the registry has had a group (`open_admission` turns
that off), and the renewal template always. A certificate counts as working from the first packet that follows
its CONNACK: the client then knows that it is connected, so the certificates that it replaces can be revoked
without leaving a board with neither.
"""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from muster.enrolment import admission, secrets
from muster.errors import MusterError
from muster.registry import Registry
from muster.registry.certificates import ACTIVE, REVOKED, Certificate
from muster.registry.fleet import CREATED, PROVISIONED, RETIRED, Device

_log = logging.getLogger("muster.twin")


class DeniedError(Exception):
    """A registration is denied; the text says why, for the log and not for the device."""


class Rules(Protocol):
    """What can be set: the template for renewals, whether anybody is admitted, Unix seconds."""

    @property
    def renewal_template(self) -> str: ...
    @property
    def open_admission(self) -> bool: ...
    @property
    def clock(self) -> Callable[[], float]: ...


class Verdict(NamedTuple):
    """A registration that is allowed. `name`: whose it must be, None: the rule was not asked.

    `renews` is the id of the certificate that the new one is to replace, if it is a renewal.
    """

    overrides: Mapping[str, str]
    name: str | None = None
    renews: str | None = None


class Registrar:
    """Admission by the registry of one home folder; belongs to the thread that the registry belongs to."""

    def __init__(self, registry: Registry, home: Path, rules: Rules) -> None:
        self._registry = registry
        self._home = home
        self._rules = rules
        self._vault: secrets.Vault | None = None
        self._unlocked = (b"", "")  # a group's secret as stored, and in plain

    @property
    def is_guarded(self) -> bool:
        """Whether only the registry's devices may register."""
        return not self._rules.open_admission and self._registry.groups.were_made()

    def judge(self, event: Mapping[str, Any], template: str) -> Verdict:
        """The verdict on the hook's event for RegisterThing through `template`.

        Raises DeniedError after writing the reason to the log.
        """
        if template == self._rules.renewal_template:
            decision = self._judge_renewal(event)
            renews = event[admission.CLAIM_CERTIFICATE_ID]
        elif self.is_guarded:
            decision = self._judge_claim(event)
            renews = None
        else:
            return Verdict({})
        if not decision.allow:
            self._deny(decision.reason)
        return Verdict(decision.overrides, admission.name_wanted(event), renews)

    def accept(self, verdict: Verdict, certificate_id: str, thing: str | None) -> None:
        """Keep the registry in order after a registration, in its transaction. Raises DeniedError.

        Of a thing's certificates at most one has never connected: an older one is revoked.
        """
        name, registry = verdict.name, self._registry
        if name is None:
            return
        if thing != name:
            self._deny(f"the template names the thing {thing!r}, not {name!r}: it must name it by its serial")
        replaced = registry.certificates.revoke_of_thing(name, keep=certificate_id, only_unused=True)
        if verdict.renews is not None:
            registry.certificates.set_renews(certificate_id, verdict.renews)
        if registry.devices.get(name) is not None:
            event = "registered" if verdict.renews is None else "renewal registered"
            registry.devices.note(name, event, _detail(certificate_id, replaced), self._rules.clock())

    def connected(self, certificate_id: str) -> None:
        """A client is connected with this certificate, and knows it."""
        certificates = self._registry.certificates
        known = certificates.get(certificate_id)
        if known is None or known.is_claim or known.connected_s is not None:
            return
        with self._registry.transaction():
            current = certificates.get(certificate_id)  # another process may have revoked it meanwhile
            if current is None or current.status != ACTIVE:
                return
            certificates.set_connected(certificate_id, self._rules.clock())
            for thing in self._registry.things.of_certificate(certificate_id):
                self._settle(thing.name, current)

    def _settle(self, name: str, certificate: Certificate) -> None:
        """The new certificate of a thing works: the others have had their time."""
        certificates, devices = self._registry.certificates, self._registry.devices
        device = devices.get(name)
        revoked: list[str] = []
        if device is not None and self.is_guarded:
            revoked = certificates.revoke_of_thing(name, keep=certificate.certificate_id)
        elif certificate.renews is not None and certificates.set_status(certificate.renews, REVOKED):
            revoked = [certificate.renews]
        if device is None:
            return
        if device.state == CREATED:
            devices.set_state(name, PROVISIONED)
        if certificate.renews is not None:
            event = "renewed"
        else:
            event = "provisioned" if device.state == CREATED else "certificate connected"
        devices.note(name, event, _detail(certificate.certificate_id, revoked), self._rules.clock())

    def _judge_claim(self, event: Mapping[str, Any]) -> admission.Decision:
        device = self._device(event)
        try:
            key = None if device is None else self._enrolment_key(device)
        except MusterError as error:
            return admission.Decision(False, str(error), {})
        enrolled = _enrolled(device)
        if enrolled is not None and enrolled.is_provisioned:
            enrolled = enrolled._replace(has_expired=self._has_expired(enrolled.name))
        return admission.decide(event, enrolled, key)

    def _judge_renewal(self, event: Mapping[str, Any]) -> admission.Decision:
        standing = None
        used = self._registry.certificates.get(event[admission.CLAIM_CERTIFICATE_ID])
        if used is not None:
            is_active = used.status == ACTIVE and self._rules.clock() < used.not_after_s
            things = self._registry.things.of_certificate(used.certificate_id)
            standing = admission.Standing(is_active, tuple(thing.name for thing in things))
        return admission.decide_renewal(event, _enrolled(self._device(event)), standing)

    def _has_expired(self, name: str) -> bool:
        """Whether the newest certificate that a device has connected with is ACTIVE and past its end.

        What never connected says nothing: it may be of a registration whose answer was lost.
        """
        now_s = self._rules.clock()
        used = [one for one in self._registry.certificates.of_thing(name) if one.connected_s is not None]
        is_working = any(one.status != REVOKED and now_s < one.not_after_s for one in used)
        return bool(used) and used[-1].status == ACTIVE and not is_working

    def _device(self, event: Mapping[str, Any]) -> Device | None:
        name = admission.name_wanted(event)
        return None if name is None else self._registry.devices.get(name)

    def _enrolment_key(self, device: Device) -> bytes | None:
        group = self._registry.groups.get(device.group)
        if group is None:
            return None
        if self._vault is None:
            self._vault = secrets.Vault(self._home)
        if self._unlocked[0] != group.secret:  # most registrations are of the group of the one before
            self._unlocked = (group.secret, self._vault.unlock(group.secret))
        return secrets.enrolment_key(self._unlocked[1], device.name)

    def _deny(self, reason: str) -> None:
        _log.warning("registration denied: %s", reason)
        raise DeniedError(reason)


def _enrolled(device: Device | None) -> admission.Enrolled | None:
    if device is None:
        return None
    return admission.Enrolled(
        device.name, device.state == PROVISIONED, device.state == RETIRED, device.parameters
    )


def _detail(certificate_id: str, revoked: list[str]) -> str:
    text = f"certificate {certificate_id[:12]}"
    return text if not revoked else f"{text}, revoked {', '.join(one[:12] for one in revoked)}"
