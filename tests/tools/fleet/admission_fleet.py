"""A twin with a fleet in its registry, and boards as raw clients: what the tests of admission share."""

import contextlib
import time
from pathlib import Path

from device.claim import provision
from device.core import fields, topics
from muster.enrolment import secrets
from muster.fleet import devices, groups
from muster.twin.server import running_twin
from tools.twin.helpers import REGISTER, claim, new_csr, quick
from tools.twin.raw import Raw

GROUP = "lights"
RENEW = topics.register(topics.DEFAULT_RENEWAL_TEMPLATE)
RENEWAL_ANSWERS = [
    topics.accepted(topics.CREATE_FROM_CSR),
    topics.rejected(topics.CREATE_FROM_CSR),
    topics.accepted(RENEW),
    topics.rejected(RENEW),
]
DENIED = (403, "AccessDenied")


class Fleet:
    """A running twin whose registry has, once filled, one group with the devices lamp-1 and lamp-2."""

    def __init__(self, twin, folder: Path) -> None:
        self.twin, self.folder = twin, folder
        self.registry = twin.registry
        self.vault = secrets.Vault(twin.home.root)

    def fill(self) -> None:
        """Add the group and its devices."""
        self.secret = groups.add(self.registry, self.vault, GROUP, 0)
        for name in ("lamp-1", "lamp-2"):
            devices.add(self.registry, GROUP, name, 0)

    def key(self, name: str) -> bytes:
        """The enrolment key that the image of this device would get now."""
        stored = self.registry.groups.get(GROUP).secret
        return secrets.enrolment_key(self.vault.unlock(stored), name)

    def state(self, name: str) -> str:
        return self.registry.devices.get(name).state

    def statuses(self, name: str) -> list[str]:
        """The states of the thing's certificates, oldest first."""
        return [row.status for row in self.registry.certificates.of_thing(name)]

    def events(self, name: str) -> list[str]:
        return [event.event for event in self.registry.devices.history(name)]


@contextlib.contextmanager
def running(folder: Path, is_filled: bool = True, **changes):
    with running_twin(folder / "home", quick(**changes)) as twin:
        fleet = Fleet(twin, folder)
        if is_filled:
            fleet.fill()
        yield fleet


@contextlib.contextmanager
def expired(folder: Path):
    """A fleet whose lamp-1 was provisioned, and whose certificate has ended since: (fleet, board, its id)."""
    now = [time.time() - 3540]  # TLS looks at the real clock: each certificate must be good there in its time
    with running(folder, certificate_ttl_h=1, clock=lambda: now[0]) as fleet:
        board = Board(fleet, "lamp-1")
        certificate_id = board.provision()
        now[0] += 3601
        yield fleet, board, certificate_id


def create(raw, key_file: Path) -> dict:
    """A certificate for a fresh key, which is written to `key_file`."""
    accepted, created = raw.request(topics.CREATE_FROM_CSR, {fields.SIGNING_REQUEST: new_csr(key_file)})
    assert accepted, created
    return created


def document(created: dict, serial: str, proof: str | None = None, **more: str) -> dict:
    """The RegisterThing request."""
    parameters = {fields.PARAMETER_SERIAL: serial, **more}
    if proof is not None:
        parameters[fields.PARAMETER_PROOF] = proof
    return {fields.OWNERSHIP_TOKEN: created[fields.OWNERSHIP_TOKEN], fields.PARAMETERS: parameters}


def refused(raw, request: dict, topic: str = REGISTER) -> tuple[int, str]:
    accepted, answer = raw.request(topic, request)
    assert not accepted, answer
    return answer[fields.STATUS_CODE], answer[fields.ERROR_CODE]


class Board:
    """A board that registered: its newest certificate, and how it connects."""

    def __init__(self, fleet: Fleet, name: str, key: bytes | None = None) -> None:
        self.fleet, self.name = fleet, name
        self.key = fleet.key(name) if key is None else key

    def _files(self, certificate_id: str) -> tuple[Path, Path]:
        return self.fleet.folder / (certificate_id + ".crt"), self.fleet.folder / (certificate_id + ".key")

    def keep(self, created: dict, key_file: Path) -> str:
        """Save what a create call answered; the certificate id."""
        certificate_id = created[fields.CERTIFICATE_ID]
        certificate, key = self._files(certificate_id)
        certificate.write_text(created[fields.CERTIFICATE_PEM])
        key_file.rename(key)
        return certificate_id

    def register(self) -> tuple[bool, str | dict]:
        """(True, certificate id), or (False, refusal): with the claim certificate and the proof."""
        with claim(self.fleet.twin, self.name) as raw:
            key_file = self.fleet.folder / "new.key"
            created = create(raw, key_file)
            proof = provision.proof(self.key, created[fields.CERTIFICATE_ID])
            accepted, answer = raw.request(REGISTER, document(created, self.name, proof))
            return (True, self.keep(created, key_file)) if accepted else (False, answer)

    def open(self, certificate_id: str) -> Raw:
        return Raw(self.fleet.twin, *self._files(certificate_id))

    def connect(self, certificate_id: str) -> Raw:
        """Connected, and the twin knows that the client knows."""
        raw = self.open(certificate_id).connect(self.name)
        assert raw.is_alive()
        return raw

    def provision(self) -> str:
        """Register and connect once; the certificate id."""
        accepted, certificate_id = self.register()
        assert accepted, certificate_id
        self.connect(certificate_id).disconnect()
        return certificate_id

    def renew(self, raw, name: str | None = None) -> tuple[bool, str | dict]:
        """As `register`, over a connection with the board's own certificate."""
        assert raw.subscribe(*RENEWAL_ANSWERS) == b"\1" * len(RENEWAL_ANSWERS)
        key_file = self.fleet.folder / "renewed.key"
        created = create(raw, key_file)
        accepted, answer = raw.request(RENEW, document(created, name or self.name))
        return (True, self.keep(created, key_file)) if accepted else (False, answer)


def eventually(condition, limit_s: float = 10) -> bool:
    """Whether `condition()` becomes true; for what the twin does after it has answered."""
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
