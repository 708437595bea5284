"""Certificates issued on the registry's side: without a connection, whether or not a twin runs.

The key of the CA is in the home folder. A running twin sees what is written here within a tenth of a
second, and closes the connection of whoever uses a certificate that was revoked.
"""

import dataclasses
import os
import time
from pathlib import Path

from device.core import fields, paths
from muster.cloud import Issued
from muster.enrolment.secrets import check_private
from muster.errors import MusterError
from muster.fleet import identity_files
from muster.fleet.devices import existing
from muster.fleet.identity_files import Place
from muster.registry import Registry
from muster.registry.certificates import ACTIVE, PENDING_ACTIVATION
from muster.registry.fleet import CREATED, RETIRED, Device
from muster.twin import defaults, pki, registration, template
from muster.twin import home as home_folder
from muster.twin.settings import Home, Settings


class Issuer:
    """The CA of one home folder and the registry that its certificates are entered into."""

    def __init__(self, registry: Registry, home: Path) -> None:
        """Open the CA, or make it as a twin's first run does; outside of any transaction.

        Raises MusterError when others may read its key.
        """
        files = Home(home)
        if not (files.ca_pem.exists() and files.ca_key.exists()):
            _make(files)
        check_private(files.ca_key)
        self._authority = pki.Authority(files, "rsa")  # the kind only counts for one that is made
        self._ca_pem = files.ca_pem.read_bytes()
        self._registry = registry
        defaults.fill(registry, Settings())  # an older home lacks the renewal template

    def issue(
        self, device: Device, template_name: str, csr: str | None, ttl_h: float | None, place: Place | None
    ) -> Issued:
        """Issue a certificate, register it as RegisterThing through the template does, revoke the older ones.

        To be called inside a transaction: the caller rolls back on MusterError, also when a file cannot be
        written, so that no certificate is active whose key nobody has.
        """
        key = pki.new_key("ec") if csr is None else None
        try:
            public = pki.public_key_of_csr(csr) if key is None else key.public_key()  # type: ignore[arg-type]
        except pki.BadRequestError as error:
            raise MusterError(f"the signing request of {device.name} cannot be used: {error}") from error
        now_s = time.time()
        not_after_s = pki.not_after_s(now_s, ttl_h)
        certificate_id, pem = self._authority.issue(public, now_s, not_after_s)
        certificates = self._registry.certificates
        certificates.add(certificate_id, pem, PENDING_ACTIVATION, now_s, not_after_s)
        configuration = self._register(device, template_name, certificate_id, now_s)
        issued = Issued(
            device.name,
            certificate_id,
            pem,
            None if key is None else pki.key_pem(key),
            not_after_s,
            configuration,
            tuple(certificates.revoke_of_thing(device.name, keep=certificate_id)),
        )
        return issued if place is None else self._written(issued, place)

    def _register(
        self, device: Device, template_name: str, certificate_id: str, now_s: float
    ) -> dict[str, str]:
        stored = self._registry.templates.get(template_name)
        if stored is None:
            raise MusterError(f"there is no template {template_name}: store one with `muster twin template`")
        parameters = {**device.parameters, fields.PARAMETER_SERIAL: device.name}
        try:
            plan = template.plan(stored.body, parameters, certificate_id)
            registration.carry_out(self._registry, plan, certificate_id, now_s)
        except (template.TemplateError, registration.RejectedError) as error:
            raise MusterError(
                f"{device.name} cannot be registered with template {template_name} ({error}): correct the "
                "template with `muster twin template`, or the parameters of the device"
            ) from error
        if plan.thing is None or plan.thing.name != device.name:
            raise MusterError(
                f"template {template_name} does not name the thing by its serial: a fleet's template must"
            )
        return plan.configuration or {}

    def _written(self, issued: Issued, place: Place) -> Issued:
        certificate = issued.certificate_pem.encode()
        if issued.private_key_pem is None:  # the board has the key: it makes the seal itself
            files = {paths.ROOT_CA: self._ca_pem, paths.CERTIFICATE: certificate}
        else:
            files = identity_files.sealed(
                place,
                issued.device,
                issued.certificate_id,
                certificate,
                issued.private_key_pem.encode(),
                self._ca_pem,
                issued.configuration,
            )
        return dataclasses.replace(issued, files=tuple(identity_files.write(place, issued.device, files)))


def _make(files: Home) -> None:
    files.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = home_folder.locked(files)
    try:
        home_folder.prepare(files.root, Settings())
    finally:
        os.close(lock)


def refresh(
    registry: Registry,
    home: Path,
    device: str,
    *,
    csr: str | None = None,
    ttl_h: float | None = None,
    place: Place | None = None,
) -> Issued:
    """Give a provisioned device a new certificate; its old ones are revoked at once.

    The key is made here (P-256), or stays with whoever made `csr` (PEM). `ttl_h`: life in hours, None: until
    2049-12-31. The board is cut off until it has the new files; a board that renews itself never is.
    Raises MusterError: no such device, retired, never provisioned, all its certificates revoked already, a
    bad signing request, or neither `csr` nor a `place` for the new key.
    """
    if csr is None and place is None:
        raise MusterError(f"name a folder for the new key of {device}, or give a signing request")
    issuer = Issuer(registry, home)
    with registry.transaction():
        known = existing(registry, device)
        _check_refreshable(registry, known)
        issued = issuer.issue(known, Settings().renewal_template, csr, ttl_h, place)
        detail = f"certificate {issued.certificate_id[:12]} on the host, {len(issued.revoked)} revoked"
        registry.devices.note(device, "certificate refreshed", detail, time.time())
    return issued


def _check_refreshable(registry: Registry, device: Device) -> None:
    if device.state == RETIRED:
        raise MusterError(
            f"{device.name} is retired: reinstate it first (`muster reinstate device {device.name}`)"
        )
    if device.state == CREATED:
        raise MusterError(
            f"{device.name} has no certificate to refresh: boot its board, "
            f"or run `muster provision {device.name}`"
        )
    if not any(one.status == ACTIVE for one in registry.certificates.of_thing(device.name)):
        raise MusterError(
            f"every certificate of {device.name} is revoked: run `muster deprovision {device.name}`, then "
            "provision it again"
        )
