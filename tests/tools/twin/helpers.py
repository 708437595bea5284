"""What the tests of the twin share: quick settings, a claiming connection, a provisioned device, policies."""

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from device.core import fields, topics
from muster.twin import pki
from muster.twin.settings import DEFAULT_TEMPLATE, Limits, Settings
from tools.twin.raw import Raw

OWN = "cameraDevice/cam1/"  # the topics of the device that the fixture `camera` is

REGISTER = topics.register(DEFAULT_TEMPLATE)
ANSWERS = [
    topics.accepted(topics.CREATE_KEYS),
    topics.rejected(topics.CREATE_KEYS),
    topics.accepted(topics.CREATE_FROM_CSR),
    topics.rejected(topics.CREATE_FROM_CSR),
    topics.accepted(REGISTER),
    topics.rejected(REGISTER),
]


def quick(**changes) -> Settings:
    """Settings of a twin that starts fast."""
    values = {"authority_key": "ec", "claim_key": "ec", "key_pool": 2, "watch_s": 0.02, **changes}
    return Settings(**values)


def limits(**changes) -> Limits:
    return dataclasses.replace(Limits(), **changes)


def wait_until(holds: Callable[[], object]) -> None:
    """Wait for what happens in another thread or process."""
    while not holds():
        time.sleep(0.01)


def claim(twin, client_id: str = "cam1", **more) -> Raw:
    """A connection with the claim certificate, subscribed to every answer."""
    raw = Raw(twin, twin.claim_certificate_path, twin.claim_key_path, **more).connect(client_id)
    assert raw.subscribe(*ANSWERS) == b"\1" * len(ANSWERS)
    return raw


def closes(raw: Raw, data: bytes) -> bool:
    """Whether the twin closes the connection on this packet."""
    raw.send(data)
    return raw.is_closed()


def new_csr(path: Path) -> str:
    """A P-256 key written to `path`, and its signing request."""
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_text(pki.key_pem(key))
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return request.sign(key, hashes.SHA256()).public_bytes(pki.serialization.Encoding.PEM).decode()


class Device:
    """A provisioned device: its files and ids."""

    def __init__(self, twin, folder: Path, serial: str) -> None:
        self.twin, self.serial = twin, serial
        self.certificate, self.key = folder / f"{serial}.crt", folder / f"{serial}.key"
        with claim(twin, serial) as raw:
            accepted, created = raw.request(
                topics.CREATE_FROM_CSR, {fields.SIGNING_REQUEST: new_csr(self.key)}
            )
            assert accepted, created
            self.certificate_id = created[fields.CERTIFICATE_ID]
            self.certificate.write_text(created[fields.CERTIFICATE_PEM])
            accepted, self.registered = raw.request(REGISTER, registration(created, serial))
            assert accepted, self.registered

    def open(self, **more) -> Raw:
        return Raw(self.twin, self.certificate, self.key, **more)

    def connect(self, client_id: str | None = None, **more) -> Raw:
        return self.open().connect(client_id or self.serial, **more)


def registration(created: dict, serial: str) -> dict:
    """The RegisterThing document for an answer of a create call."""
    return {
        fields.OWNERSHIP_TOKEN: created[fields.OWNERSHIP_TOKEN],
        fields.PARAMETERS: {fields.PARAMETER_SERIAL: serial},
    }


def allow(twin, certificate_id: str, *statements: tuple[str, str], name: str = "extra") -> None:
    """Attach a policy of (action, resource) pairs, e.g. ("iot:Publish", "topic/a/*")."""
    twin.registry.policies.put(
        name,
        json.dumps(
            {
                "Statement": [
                    {"Effect": "Allow", "Action": action, "Resource": "arn:aws:iot:*:*:" + resource}
                    for action, resource in statements
                ]
            }
        ),
    )
    twin.registry.policies.attach(name, certificate_id)
