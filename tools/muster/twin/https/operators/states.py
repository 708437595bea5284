"""What an operator is told of a device: what every table knows of it together, in words."""

from typing import TYPE_CHECKING, NamedTuple

from muster.registry.boots import Boot
from muster.registry.certificates import ACTIVE, EXPIRED, INACTIVE, REVOKED, Certificate
from muster.registry.claims import Claim
from muster.registry.fleet import RETIRED, Device
from muster.twin.connection import Connection
from muster.twin.https import codes
from muster.twin.https.operators import words
from muster.twin.https.people.boards import ago, boot_status
from muster.twin.traffic import Last, Traffic

if TYPE_CHECKING:
    from muster.twin.server import Twin

CERTIFICATES = 20  # shown; those that are active come first
_TOPIC = 80  # characters


class Known(NamedTuple):
    """One device. `name` is that of its thing or in the fleet, or the claim ID of a board without one.

    Or it is a client that has connected to become a thing.
    """

    name: str
    is_thing: bool
    device: Device | None
    claim: Claim | None
    certificates: list[Certificate]
    boot: Boot | None
    connection: Connection | None
    last: Last | None

    @property
    def shown(self) -> str:
        """The name for people."""
        is_board = self.claim is not None and self.claim.claim_id == self.name
        return codes.grouped(self.name) if is_board else self.name

    @property
    def owner(self) -> str | None:
        """The account that has claimed it."""
        return self.claim.owner if self.claim is not None else None

    def certificate(self, now_s: float) -> Certificate | None:
        """The one that counts: active, proved and new before others."""

        def rank(one: Certificate) -> tuple[bool, bool, float]:
            is_active = one.state(now_s) == ACTIVE
            return is_active, is_active and one.connected_s is not None, one.created_s

        return max(self.certificates, key=rank, default=None)


class Fact(NamedTuple):
    """A line of what is known."""

    name: str
    text: str


class Row(NamedTuple):
    """A device in the list. `mark` is one of done, working, waiting, failed: its colour and icon."""

    name: str
    shown: str
    state: str
    mark: str
    facts: list[Fact]


def look(twin: "Twin", traffic: Traffic, name: str) -> Known | None:
    """What is known of `name`; None: nothing."""
    registry = twin.registry
    device, is_thing = registry.devices.get(name), registry.things.get(name) is not None
    claim = registry.claims.of_thing(name)
    if claim is None and device is not None:
        claim = registry.claims.get(device.claim_id)
    connection = twin.engine.connection(name)
    if claim is None and not is_thing and device is None:
        claim = registry.claims.get(name)
        if claim is None and connection is None:
            return None
    return Known(
        name,
        is_thing,
        device,
        claim,
        registry.certificates.newest_of_thing(name, CERTIFICATES) if is_thing else [],
        registry.boots.get(name),
        connection,
        traffic.last_of(name),
    )


def row(known: Known, now_s: float) -> Row:
    """The device in a list."""
    certificate = known.certificate(now_s)
    state, mark = _state(known, certificate, now_s)
    return Row(known.name, known.shown, state, mark, _facts(known, certificate, now_s))


def _state(known: Known, certificate: Certificate | None, now_s: float) -> tuple[str, str]:
    if known.connection is not None:
        return "Connected", "done"
    if known.device is not None and known.device.state == RETIRED:
        return "Retired", "waiting"
    if certificate is not None:
        return _without_connection(certificate, now_s)
    if known.owner is not None:
        return "Claimed, waits for the board", "waiting"
    if known.claim is not None:
        return "Registered, not claimed", "waiting"
    return ("No certificate" if known.is_thing else "Not provisioned"), "waiting"


def _without_connection(certificate: Certificate, now_s: float) -> tuple[str, str]:
    state = certificate.state(now_s)
    if state == ACTIVE:
        is_proved = certificate.connected_s is not None
        return ("Not connected", "waiting") if is_proved else ("Provisioning", "working")
    if state == EXPIRED:
        return "Certificate expired", "failed"
    return ("Certificate revoked" if state == REVOKED else "Certificate not active"), "failed"


def _facts(known: Known, certificate: Certificate | None, now_s: float) -> list[Fact]:
    """What else there is to say, in one line each."""
    found = []
    if known.claim is not None:
        found.append(Fact("Claimed", _claimed(known.claim, now_s)))
    if known.device is not None:
        found.append(Fact("Fleet", f"{known.device.state}, group {known.device.group}"))
    if certificate is not None:
        found.append(Fact("Certificate", of_certificate(certificate, now_s)))
    if known.connection is not None:
        used = known.connection.principal.certificate_id[:12]
        found.append(Fact("Connected", f"since {words.moment(known.connection.since_s)}, certificate {used}"))
    if known.boot is not None:
        started = f"{ago(known.boot.received_s, now_s)}{boot_status(known.boot.payload)}"
        found.append(Fact("Last start", started))
    if known.last is not None:
        said = f"{ago(known.last.at_s, now_s)}, on {words.short(known.last.topic, _TOPIC)}"
        found.append(Fact("Last message", said))
    return found


def _claimed(claim: Claim, now_s: float) -> str:
    if claim.owner is not None:
        return f"by {claim.owner}, {ago(claim.claimed_s or 0, now_s)}"
    if claim.thing is not None:
        return "no longer; its certificates are being revoked"
    asked = "" if claim.polled_s is None else f", last asked {ago(claim.polled_s, now_s)}"
    return f"by nobody; registered {ago(claim.registered_s, now_s)}{asked}"


def of_certificate(certificate: Certificate, now_s: float) -> str:
    """The state of a certificate."""
    state = certificate.state(now_s)
    if state == ACTIVE:
        return f"active until {words.day(certificate.not_after_s)}"
    if state == EXPIRED:
        return f"expired on {words.day(certificate.not_after_s)}"
    if state == REVOKED:
        return "revoked"
    return "inactive" if state == INACTIVE else "waits for its registration"
