"""What 1,000 connected devices cost the twin, and what it costs to forward a message, beside Mosquitto."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from device.core import paths
from muster.registry import Registry
from muster.registry.certificates import ACTIVE
from muster.twin import pki
from muster.twin.settings import Home
from tests.bench import twin_rate
from tests.bench.brokers import (
    listening,
    mosquitto,
    mosquitto_command,
    process,
    processor_s,
    resident_bytes,
    settle,
    twin_command,
    twin_port,
)
from tests.bench.common import NONE, Bench, Result, Row, Tell, median, ratio
from tests.bench.provisioning_client import Credentials, provision
from tests.tools.twin.raw import PUBLISH, Raw, packet, publish_packet

DEVICES = 1000
FILTERS = 4
COUNT = 96  # provisionings a round
ROUNDS = 3
MESSAGES = 2000
IN_FLIGHT = 10
PAYLOAD = bytes(200)
GROWTH_GOAL, MEMORY_GOAL_MB, FORWARD_GOAL = 1.1, 160, 4
POLICY = "bench"
WHO = "(Mosquitto)"

HOW = f"""\
{DEVICES} devices are connected, each with a certificate of its own and {FILTERS} filters, and silent.
*CPU for a provisioning* is measured as above (P-256 signing request, {COUNT} devices a round, median of
{ROUNDS} rounds), first without them, then beside them; the ratio is the second figure by the first. *Memory*
is the resident set of the broker's process beside them. *Forwarding* is the broker's processor time for one
message of {len(PAYLOAD)} bytes with QoS 1 from one client to another: two PUBLISH and two PUBACK,
{IN_FLIGHT} messages in flight, {MESSAGES} in a round. Mosquitto has the same TLS and the same packets, and no
policies."""


@dataclass
class Broker:
    """A running broker and what its clients need."""

    pid: int
    port: int
    home: Path

    def client(self, name: str, credentials: tuple[Path, Path]) -> Raw:
        """A connection under this client id."""
        where = SimpleNamespace(port=self.port, ca_pem_path=self.home / "ca.pem")
        return Raw(where, *credentials, timeout_s=60).connect(name, keep_alive_s=1200)


def devices(home: Path, folder: Path, count: int) -> list[tuple[str, tuple[Path, Path]]]:
    """(client id, (certificate, key)) of devices that the registry of `home` has as provisioned."""
    authority, registry = pki.Authority(Home(home), "rsa"), Registry(home)
    key, now_s = pki.new_key("ec"), time.time()
    key_file = folder / "crowd.key"
    key_file.write_text(pki.key_pem(key))
    statement = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
    made = []
    with registry.transaction():
        registry.policies.put(POLICY, json.dumps({"Statement": [statement]}))
        for number in range(count):
            name = f"crowd-{number}"
            certificate_id, pem = authority.issue(key.public_key(), now_s, now_s + 86_400)
            registry.certificates.add(certificate_id, pem, ACTIVE, now_s, now_s + 86_400)
            registry.policies.attach(POLICY, certificate_id)
            file = folder / f"{name}.crt"
            file.write_text(pem)
            made.append((name, (file, key_file)))
    registry.close()
    return made


@contextmanager
def crowd(broker: Broker, known: list[tuple[str, tuple[Path, Path]]]) -> Iterator[None]:
    """Everybody is connected for the length of the block."""
    connections = []
    try:
        for name, credentials in known:
            connection = broker.client(name, credentials)
            connection.subscribe(*[f"bench/{name}/{number}" for number in range(FILTERS)])
            connections.append(connection)
        yield
    finally:
        for connection in connections:
            connection.close()


def provisioning_ms(broker: Broker, name: str) -> float:
    """Processor time of a provisioning with a signing request."""
    claim = broker.home / "claim"
    ca = (broker.home / "ca.pem").read_bytes()
    credentials = Credentials(
        (claim / paths.CERTIFICATE).read_bytes(), (claim / paths.PRIVATE_KEY).read_bytes()
    )
    costs = []
    for number in range(ROUNDS):
        own = [twin_rate.new_request() for _ in range(COUNT)]

        def one(device: int, number: int = number, own: list[tuple[bytes, bytes]] = own) -> Credentials:
            return provision(broker.port, ca, credentials, f"{name}-{number}-{device}", own[device])

        costs.append(twin_rate.timed(broker.pid, one, COUNT)[1])
    return median(costs)


def forwarding_us(broker: Broker, known: list[tuple[str, tuple[Path, Path]]]) -> float:
    """Processor time of one message from one client to another, in microseconds."""
    sender, receiver = (broker.client(*one) for one in known[:2])
    topic = "bench/forwarded"  # an ordinary one: of a boot status the registry takes a note
    receiver.subscribe(topic)
    costs = []
    for _ in range(ROUNDS):
        settle(broker.pid)
        before_s = processor_s(broker.pid)
        for _ in range(MESSAGES // IN_FLIGHT):
            _forward(sender, receiver, topic)
        costs.append((processor_s(broker.pid) - before_s) * 1e6 / MESSAGES)
    sender.disconnect()
    receiver.disconnect()
    return median(costs)


def _forward(sender: Raw, receiver: Raw, topic: str) -> None:
    numbers = range(1, IN_FLIGHT + 1)
    sender.send(b"".join(publish_packet(topic, PAYLOAD, qos=1, packet_id=number) for number in numbers))
    acknowledgements = b""
    for _ in numbers:
        first, body = receiver.read()
        assert first & 0xF0 == PUBLISH
        acknowledgements += packet(0x40, body[2 + len(topic) :][:2])
    receiver.send(acknowledgements)
    for _ in numbers:
        sender.read()


def measure(bench: Bench, tell: Tell) -> Result:
    """Both brokers, one after the other."""
    home = bench.folder / "crowd"
    tell("starting")
    with process(twin_command(home), twin_port) as (pid, port):
        twin = Broker(pid, port, home)
        known = devices(home, bench.folder, DEVICES)
        tell("forwarding")
        forward_us = forwarding_us(twin, known)
        tell("provisioning alone")
        alone_ms = provisioning_ms(twin, "alone")
        tell(f"{DEVICES} devices connect")
        with crowd(twin, known):
            memory = resident_bytes(pid)
            tell(f"provisioning beside {DEVICES} devices")
            beside_ms = provisioning_ms(twin, "beside")
    peer = _peer(bench, home, known, tell)
    rows = [
        Row(
            f"twin: CPU for a provisioning beside {DEVICES} devices",
            f"{beside_ms:.1f} ms",
            f"{alone_ms:.1f} ms (alone)",
            ratio(beside_ms, alone_ms),
            f"ratio {GROWTH_GOAL}",
        ),
        _row(
            f"twin: memory, {DEVICES} devices connected",
            memory / 2**20,
            peer and peer[0] / 2**20,
            "MB",
        ),
        _row("twin: CPU to forward a message, QoS 1", forward_us, peer and peer[1], "µs"),
    ]
    return Result("The twin in a crowd", rows, HOW, [])


def _row(figure: str, ours: float, peer: float | None, unit: str) -> Row:
    goal = f"{MEMORY_GOAL_MB} MB" if unit == "MB" else f"ratio {FORWARD_GOAL}"
    if peer is None:
        return Row(figure, f"{ours:.0f} {unit}", NONE, NONE, goal)
    return Row(figure, f"{ours:.0f} {unit}", f"{peer:.0f} {unit} {WHO}", ratio(ours, peer), goal)


def _peer(
    bench: Bench, home: Path, known: list[tuple[str, tuple[Path, Path]]], tell: Callable[[str], None]
) -> tuple[float, float] | None:
    """(resident bytes, µs for a message) of Mosquitto, None where it is not installed."""
    program = mosquitto()
    if program is None:
        return None
    command, port = mosquitto_command(program, home, bench.folder)
    with process(command, listening(port)) as (pid, _):
        broker = Broker(pid, port, home)
        tell("Mosquitto, forwarding")
        forward_us = forwarding_us(broker, known)
        tell(f"Mosquitto, {DEVICES} devices connect")
        with crowd(broker, known):
            return resident_bytes(pid), forward_us
