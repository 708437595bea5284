"""Provisionings a second and processor time of the twin, beside Mosquitto with the same packets."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from device.core import paths
from muster.twin import pki
from muster.twin.settings import Settings
from tests.bench.brokers import (
    listening,
    mosquitto,
    mosquitto_command,
    process,
    processor_s,
    settle,
    twin_command,
    twin_port,
)
from tests.bench.common import NONE, Bench, Result, Row, Tell, median, ratio
from tests.bench.provisioning_client import Credentials, provision, same_without_logic

PARALLEL = 16
ROUNDS = 3
COUNTS = {True: 96, False: 48}  # devices a round: with their own key, with a key made by the twin
KINDS = {True: "CSR P-256", False: "cloud RSA key"}
GOAL_CSR = "6 ms"
ANSWER_BYTES = 3500  # about a CreateKeysAndCertificate answer

HOW = """\
Twin (`muster twin run`, its own process) and clients share this machine; {parallel} clients at a time,
AWS's SDK for Python in one process ({csr} devices a round with a P-256 signing request, {rsa} with an
RSA-2048 key made by the twin), median of {rounds} rounds. Each device is a full provisioning: claim
connection, four subscriptions, certificate, RegisterThing, a new connection with the new certificate, boot
status with QoS 1. *CPU* is the processor time of the broker's process alone until it is quiet again, so the
keys that the twin makes ahead count for the round that took them; it is the figure to compare, because the
rate is that of clients and broker on the same cores, and the twin begins with {pool} RSA keys made.

{peer}"""
PEER_HOW = """\
The peer is Mosquitto with the same client, the same TLS key kinds and as many packets: two mutual-TLS
connections, four subscriptions, three publishes with QoS 1, of which two come back. It makes no
certificate, no key, no policy decision and no registry entry: the ratio is what provisioning costs over
moving the packets, on the other engine."""
NO_PEER = (
    "Mosquitto is not installed on this machine, so there is no peer: it is Debian's package `mosquitto`."
)


def new_request() -> tuple[bytes, bytes]:
    """(key, signing request), PEM, made before the clock runs."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return pki.key_pem(key).encode(), request.public_bytes(serialization.Encoding.PEM)


def timed(pid: int, work: Callable[[int], Credentials | None], count: int) -> tuple[float, float, list]:
    """(devices a second, ms of processor each, what `work` returned) of `count` devices."""
    settle(pid)
    before_s, begun_s = processor_s(pid), time.monotonic()
    with ThreadPoolExecutor(PARALLEL) as pool:
        done = list(pool.map(work, range(count)))
    elapsed_s = time.monotonic() - begun_s
    settle(pid)
    return count / elapsed_s, (processor_s(pid) - before_s) * 1000 / count, done


class Rounds:
    """Both brokers, and what was measured of each: {(broker, kind): [(rate, ms), ...]}."""

    def __init__(self, folder: Path, twin: tuple[int, int], peer: tuple[int, int] | None) -> None:
        home = folder / "rate"
        self.ca = (home / "ca.pem").read_bytes()
        claim = home / "claim"
        self.claim = Credentials(
            (claim / paths.CERTIFICATE).read_bytes(), (claim / paths.PRIVATE_KEY).read_bytes()
        )
        self.twin, self.peer = twin, peer
        self.seen: dict[tuple[str, bool], list[tuple[float, float]]] = {}

    def run(self, number: int, is_csr: bool) -> None:
        """One round of one kind, first the twin, then the peer with the certificates that it issued."""
        count = COUNTS[is_csr]
        own = [new_request() if is_csr else None for _ in range(count)]
        names = [f"rate-{number}-{is_csr:d}-{device}" for device in range(count)]
        pid, port = self.twin

        def on_twin(device: int) -> Credentials:
            return provision(port, self.ca, self.claim, names[device], own[device])

        rate, cost_ms, issued = timed(pid, on_twin, count)
        self.seen.setdefault(("twin", is_csr), []).append((rate, cost_ms))
        if self.peer:
            pid, peer_port = self.peer
            payload = bytes(ANSWER_BYTES)

            def on_peer(device: int) -> None:
                same_without_logic(peer_port, self.ca, self.claim, names[device], issued[device], payload)

            rate, cost_ms, _ = timed(pid, on_peer, count)
            self.seen.setdefault(("peer", is_csr), []).append((rate, cost_ms))

    def medians(self, broker: str, is_csr: bool) -> tuple[float, float] | None:
        """(rate, ms) of a broker, None when it was not there."""
        seen = self.seen.get((broker, is_csr))
        return (median(rate for rate, _ in seen), median(ms for _, ms in seen)) if seen else None


def _rows(rounds: Rounds, is_csr: bool) -> list[Row]:
    rate, cost_ms = rounds.medians("twin", is_csr) or (0, 0)
    kind = KINDS[is_csr]
    peer = rounds.medians("peer", is_csr)
    if peer is None:
        return [
            Row(f"twin: provisionings a second ({kind})", f"{rate:.1f}", NONE, NONE),
            Row(f"twin: CPU for each ({kind})", f"{cost_ms:.1f} ms", NONE, NONE),
        ]
    who = "(Mosquitto)"
    return [
        Row(
            f"twin: provisionings a second ({kind})",
            f"{rate:.1f}",
            f"{peer[0]:.1f} {who}",
            ratio(rate, peer[0]),
        ),
        Row(
            f"twin: CPU for each ({kind})",
            f"{cost_ms:.1f} ms",
            f"{peer[1]:.1f} ms {who}",
            ratio(cost_ms, peer[1]),
            GOAL_CSR if is_csr else NONE,
        ),
    ]


def _details(rounds: Rounds) -> list[tuple[str, ...]]:
    """Every round, to show how far they lie apart."""
    details: list[tuple[str, ...]] = [("broker", "kind", "a second, each round", "CPU ms each, each round")]
    for (broker, is_csr), seen in sorted(rounds.seen.items(), reverse=True):
        name = "twin" if broker == "twin" else "Mosquitto"
        columns = (", ".join(f"{value:.1f}" for value in column) for column in zip(*seen, strict=True))
        details.append((name, KINDS[is_csr], *columns))
    return details


def _how(has_peer: bool) -> str:
    return HOW.format(
        parallel=PARALLEL,
        csr=COUNTS[True],
        rsa=COUNTS[False],
        rounds=ROUNDS,
        pool=Settings().key_pool,
        peer=PEER_HOW if has_peer else NO_PEER,
    )


def measure(bench: Bench, tell: Tell) -> Result:
    """Several rounds of both kinds on both brokers."""
    home = bench.folder / "rate"
    program = mosquitto()

    def all_rounds(twin: tuple[int, int], peer: tuple[int, int] | None) -> Rounds:
        rounds = Rounds(bench.folder, twin, peer)
        for number in range(ROUNDS):
            for is_csr in (True, False):
                tell(f"{KINDS[is_csr]}, round {number + 1} of {ROUNDS}")
                rounds.run(number, is_csr)
        return rounds

    tell("starting")
    with process(twin_command(home), twin_port) as twin:
        if program is None:
            rounds = all_rounds(twin, None)
        else:
            command, port = mosquitto_command(program, home, bench.folder)
            with process(command, listening(port)) as peer:
                rounds = all_rounds(twin, peer)
    rows = [*_rows(rounds, True), *_rows(rounds, False)]
    return Result("The twin under load", rows, _how(program is not None), _details(rounds))
