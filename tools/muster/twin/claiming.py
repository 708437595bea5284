"""How a board comes to its owner: it registers, a person claims it, it gets a temporary claim certificate.

Without HTTP: `https/builder.py` and the page for people call this. A board is known by its claim ID and by
its registration key, a random number that it made itself. Temporary certificates may do what the claim
certificate may, and live for minutes. They end when the next one is given out, when the certificate that the
board got with one has connected for the first time (not before: the answer to RegisterThing may be lost), and
when the board is released.
"""

import hashlib
import hmac
import logging
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec

from device.core import fields
from muster.enrolment.registrar import DeniedError
from muster.registry import Registry
from muster.registry.certificates import ACTIVE
from muster.registry.claims import Claim
from muster.twin import defaults, pki
from muster.twin.settings import Settings

_log = logging.getLogger("muster.twin")


class WrongKeyError(Exception):
    """The claim ID is registered with another key."""


class UnknownBoardError(Exception):
    """There is no such board: it has not registered yet, or has to register again."""


class TakenError(Exception):
    """The board has an owner already; `is_own`: the very person who asks."""

    def __init__(self, is_own: bool) -> None:
        super().__init__()
        self.is_own = is_own


class Handed(NamedTuple):
    """A temporary claim certificate with its key, both PEM."""

    certificate: str
    private_key: str


def key_digest(key: str) -> str:
    """What is stored of a registration key."""
    return hashlib.sha256(key.encode()).hexdigest()


class Claiming:
    """Belongs to the thread that the registry belongs to. Each method is one transaction."""

    def __init__(self, registry: Registry, authority: pki.Authority, settings: Settings) -> None:
        self._registry = registry
        self._authority = authority
        self._settings = settings

    # What boards do

    def register(self, claim_id: str, product: str, key: str) -> None:
        """A board says that it exists; the same key may come again. Raises WrongKeyError."""
        if not self._registry.claims.register(claim_id, product, key_digest(key), self._now_s()):
            raise WrongKeyError

    def poll(self, claim_id: str, key: str) -> Handed | None:
        """A board asks whether somebody has claimed it; None: not yet.

        Raises UnknownBoardError, WrongKeyError.
        """
        claims = self._registry.claims
        with self._registry.transaction():
            known = self._of_key(claim_id, key)
            claims.set_polled(claim_id, self._now_s())
            if known.owner is not None:
                return self._hand_out(claim_id)
            self._cut_off(known)
        return None

    def release(self, claim_id: str, key: str) -> None:
        """A board is given up at its own page, or obeys a release. Raises UnknownBoardError, WrongKeyError.

        Again changes nothing, whoever has claimed the board meanwhile: one that has got no identity from its
        present owner cannot mean that owner.
        """
        with self._registry.transaction():
            known = self._of_key(claim_id, key)
            if known.thing is not None:
                self._end(known, is_open=False)
                self._cut_off(known)

    def _of_key(self, claim_id: str, key: str) -> Claim:
        known = self._registry.claims.get(claim_id)
        if known is None:
            raise UnknownBoardError
        if not hmac.compare_digest(known.key_sha256, key_digest(key)):
            raise WrongKeyError
        return known

    def _hand_out(self, claim_id: str) -> Handed:
        key = ec.generate_private_key(ec.SECP256R1())  # RSA takes a Pico W six seconds at each handshake
        now_s = self._now_s()
        end_s = now_s + self._settings.claim_life_s
        certificate_id, pem = self._authority.issue(key.public_key(), now_s, end_s)
        registry = self._registry
        registry.claims.end_certificates(claim_id, now_s)
        registry.certificates.add(certificate_id, pem, ACTIVE, now_s, end_s, is_claim=True)
        registry.policies.attach(defaults.CLAIM_POLICY, certificate_id)
        registry.claims.add_certificate(claim_id, certificate_id)
        _log.info("claim ID %s: temporary claim certificate %s given out", claim_id, certificate_id[:12])
        return Handed(pem, pki.key_pem(key))

    # What people do

    def claim(self, claim_id: str, owner: str) -> None:
        """`owner` takes the board; of two people one gets it. Raises UnknownBoardError, TakenError."""
        with self._registry.transaction():
            known = self._registry.claims.get(claim_id)
            if known is None:
                raise UnknownBoardError
            if not self._registry.claims.set_owner(claim_id, owner, self._now_s()):
                raise TakenError(known.owner == owner)
            self._cut_off(known)  # of the owner before
        _log.info("claim ID %s: claimed by %s", claim_id, owner)

    def give_up(self, claim_id: str, owner: str) -> Claim | None:
        """`owner` releases the board, as it was then; None when it is not theirs.

        A board that has lost its registration key may register with another one then. Its certificates are
        revoked by `cut_off`, so that it can be told before.
        """
        with self._registry.transaction():
            known = self._registry.claims.get(claim_id)
            if known is None or known.owner != owner:
                return None
            self._end(known, is_open=True)
        return known

    def cut_off(self, claim_id: str | None = None) -> None:
        """Revoke the certificates of a board that nobody owns any more; of all of them with None."""
        with self._registry.transaction():
            for known in self._registry.claims.leaving():
                if claim_id in (None, known.claim_id):
                    self._cut_off(known)

    def _end(self, known: Claim, is_open: bool) -> None:
        now_s = self._now_s()
        self._registry.claims.end_certificates(known.claim_id, now_s)
        self._registry.claims.release(known.claim_id, now_s, is_open)
        _log.info("claim ID %s: released by %s", known.claim_id, known.owner)

    def _cut_off(self, known: Claim) -> None:
        if known.thing is not None:
            self._registry.certificates.revoke_of_thing(known.thing)
            self._registry.claims.set_thing(known.claim_id, None)

    # What the twin tells

    def registered(self, caller_id: str, thing: str | None) -> None:
        """RegisterThing was called with this certificate, inside its transaction.

        Raises DeniedError when a claimed board asks for the thing of another one.
        """
        known = self._registry.claims.of_certificate(caller_id)
        if known is None or thing is None:
            return
        other = self._registry.claims.of_thing(thing)
        if other is not None and other.claim_id != known.claim_id:
            _log.warning(
                "registration denied: the thing %s is the board %s, not %s",
                thing,
                other.claim_id,
                known.claim_id,
            )
            raise DeniedError("the thing is another board's")
        self._registry.claims.set_thing(known.claim_id, thing)

    def connected(self, certificate_id: str) -> None:
        """A device's own certificate has connected: its temporary ones have had their time."""
        for attached in self._registry.things.of_certificate(certificate_id):
            known = self._registry.claims.of_thing(attached.name)
            if known is not None:
                self._registry.claims.end_certificates(known.claim_id, self._now_s())

    def _now_s(self) -> float:
        return self._settings.clock()


def answer(handed: Handed, ca_pem: str, endpoint: str, port: int, template: str) -> dict[str, Any]:
    """The document for a board that was claimed."""
    return {
        fields.CLAIMED: True,
        fields.CERTIFICATE_PEM: handed.certificate,
        fields.PRIVATE_KEY: handed.private_key,
        fields.ROOT_CA_PEM: ca_pem,
        fields.ENDPOINT: endpoint,
        fields.PORT: port,
        fields.TEMPLATE: template,
    }
