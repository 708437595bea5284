"""Provisioning from the host, for boards that cannot do it themselves, and withdrawing it.

The private key is made here and is in files on the host until it is on the board: a board that makes its own
key is safer.
"""

import time
from pathlib import Path

from muster.cloud import Issued, Withdrawn
from muster.errors import MusterError
from muster.fleet.devices import existing
from muster.fleet.identity_files import Place
from muster.fleet.renewal import Issuer
from muster.registry import Registry
from muster.registry.fleet import CREATED, PROVISIONED, RETIRED
from muster.twin.settings import Settings


def provision(
    registry: Registry,
    home: Path,
    device: str,
    place: Place,
    *,
    ttl_h: float | None = None,
) -> Issued:
    """Give a device its identity: certificate, P-256 key, thing and policy as the template says.

    The files (the seed's three and identity.json, mode 0600) are written to the device's folder below
    `place.folder`; put into /etc/entomologist/cert of the board they are its identity. `ttl_h`: life in
    hours, None: until 2049-12-31. A certificate of a board that never connected is revoked.
    Raises MusterError: no such device, retired, provisioned already, the files cannot be written.
    """
    issuer = Issuer(registry, home)
    with registry.transaction():
        known = existing(registry, device)
        if known.state == RETIRED:
            raise MusterError(f"{device} is retired: reinstate it first (`muster reinstate device {device}`)")
        if known.state == PROVISIONED:
            raise MusterError(
                f"{device} is already provisioned: run `muster refresh certificate {device}` for a new "
                f"certificate, or `muster deprovision {device}` first"
            )
        issued = issuer.issue(known, Settings().template, None, ttl_h, place)
        registry.devices.set_state(device, PROVISIONED)
        detail = f"certificate {issued.certificate_id[:12]} on the host"
        registry.devices.note(device, "provisioned", detail, time.time())
    return issued


def deprovision(registry: Registry, device: str) -> Withdrawn:
    """Bring a device back to the state after `add device`; doing it again changes nothing.

    Its certificates are revoked, and a running twin closes its connections. It may then provision again with
    its enrolment key. Raises MusterError: no such device, or retired.
    """
    return _withdraw(registry, device, CREATED, "deprovisioned")


def retire(registry: Registry, device: str) -> Withdrawn:
    """Revoke the certificates of a device, and admit it no more until it is reinstated.

    Raises MusterError: no such device.
    """
    return _withdraw(registry, device, RETIRED, "retired")


def reinstate(registry: Registry, device: str) -> None:
    """Admit a retired device again; one that is not retired stays as it is.

    It keeps its group, its claim ID and with that its label. Its certificates stay revoked: it provisions
    anew with its enrolment key. Raises MusterError: no such device.
    """
    with registry.transaction():
        if existing(registry, device).state == RETIRED:
            registry.devices.set_state(device, CREATED)
            registry.devices.note(device, "reinstated", "it may provision again", time.time())


def _withdraw(registry: Registry, device: str, state: str, event: str) -> Withdrawn:
    with registry.transaction():
        known = existing(registry, device)
        if known.state == RETIRED and state != RETIRED:
            raise MusterError(f"{device} is retired; its certificates are revoked already")
        revoked = registry.certificates.revoke_of_thing(device)
        if revoked or known.state != state:
            registry.devices.set_state(device, state)
            noun = "certificate" if len(revoked) == 1 else "certificates"
            registry.devices.note(device, event, f"{len(revoked)} {noun} revoked", time.time())
    return Withdrawn(device, known.state, tuple(revoked))
