"""A thousand boards with certificates of five minutes, for half an hour of the twin's time.

The boards' own provisioning core and its times, against the twin's own services; between them neither TLS nor
MQTT nor waiting.
"""

import asyncio
import contextlib
import heapq
import json
import time

from device.claim import provision
from device.core import fields, paths, pem, renewal, settings, slots, topics, x509
from muster.enrolment.registrar import Registrar
from muster.fleet.sim.flash import Flash
from muster.registry import Registry
from muster.registry.certificates import ACTIVE
from muster.twin import home
from muster.twin.claiming import Claiming
from muster.twin.keypool import KeyPool
from muster.twin.provisioning import Caller, Provisioning
from tools.twin.helpers import new_csr, quick

BOARDS = 1000
LIFE_S = 300
LENGTH_S = 1800
BUCKET_S = 30


class Twin:
    """The services of a twin, asked at a time that the test sets."""

    def __init__(self, folder):
        self.begin_s = self.now_s = int(time.time())
        self.settings = quick(clock=lambda: self.now_s, certificate_ttl_h=LIFE_S / 3600)
        authority = home.prepare(folder, self.settings)
        self.registry = Registry(folder)
        self.registrar = Registrar(self.registry, folder, self.settings)
        claiming = Claiming(self.registry, authority, self.settings)
        self.asked = Provisioning(
            self.registry, authority, KeyPool(1), self.settings, self.registrar, claiming
        )
        (claim,) = self.registry.certificates.all()
        self.claim_id = claim.certificate_id

    async def answer(self, topic, payload, caller):
        template = topics.template_of(topic)
        if template:
            return await self.asked.register(template, payload.encode(), caller)
        return await self.asked.create_from_csr(payload.encode())

    def is_good(self, certificate_id):
        found = self.registry.certificates.get(certificate_id)
        return found.status == ACTIVE and self.now_s < found.not_after_s


class Board:
    """A board with a flash in memory; all have one key, which makes this quick."""

    def __init__(self, twin, number, request):
        self.twin, self.request = twin, request
        self.serial = f"camera-{number:04d}"
        device = {fields.SERIAL_ID: self.serial, fields.ENDPOINT_URL: "localhost"}
        section = {fields.KEYS: fields.KEYS_DEVICE, fields.DAILY_CERTIFICATES: 100}
        self.settings = settings.settings({fields.DEVICE: device, fields.PROVISIONING: section})
        self.flash = Flash({f"{paths.BOOTSTRAP}/{name}": b"claim" for name in slots.FILES})
        self.identity = None

    async def provision(self):
        """Get the first identity, or the next one; returns when that is to be renewed."""
        owner, former = self.identity, {}
        if owner:
            former = json.loads(self.flash.read(f"{paths.CERT}/{paths.IDENTITY}"))
        replaces = slots.replaced(self.flash.read_slot(paths.CERT))
        journal = self.flash.read(paths.JOURNAL)
        core = provision.Provisioning(
            self.settings, journal, lambda: self.twin.now_s, replaces, owner, owner, former
        )
        steps = core.steps()
        result = None
        while core.identity is None:
            with contextlib.suppress(StopIteration):
                result = await self._do(steps.send(result))
        self.identity = core.identity
        self.twin.registrar.connected(self.identity.certificate_id)
        found = x509.read(pem.to_der(self.flash.read(f"{paths.CERT}/{paths.CERTIFICATE}")))
        seed = (self.serial + self.identity.certificate_id).encode()
        return renewal.due_s(found.not_before, found.not_after, self.settings.renewal[1], seed)

    async def _do(self, action):
        kind, facts = action[0], action[1:]
        if kind == provision.CONNECT:
            return self._connect(*facts)
        if kind == provision.ASK:
            answer = await self.twin.answer(facts[0], facts[1], self.caller)
            return [topics.accepted(facts[0]), json.dumps(answer).encode()]
        if kind == provision.MAKE_KEY:
            return ["-----BEGIN EC PRIVATE KEY-----\n-----END EC PRIVATE KEY-----\n", self.request]
        calls = {
            provision.ROOM: self.flash.has_room,
            provision.READ: self.flash.read,
            provision.WRITE: self.flash.write,
            provision.COPY: self.flash.copy,
            provision.DIGESTS: self.flash.digests,
            provision.APPLY: self.flash.apply,
        }
        return calls[kind](*facts) if kind in calls else None

    def _connect(self, directory, client_id):
        certificate_id = self.twin.claim_id
        if directory == paths.CERT:
            certificate_id = self.identity.certificate_id
            assert self.twin.is_good(certificate_id), f"{self.serial} has no identity that works"
        elif directory == paths.TRIAL:
            certificate_id = json.loads(self.flash.read(paths.JOURNAL))[fields.CERTIFICATE_ID]
            assert self.twin.is_good(certificate_id)
            active = [
                row for row in self.twin.registry.certificates.of_thing(self.serial) if row.status == ACTIVE
            ]
            assert len(active) <= 2
        self.caller = Caller(certificate_id, client_id)


async def _live(twin, boards):
    """Let the boards provision at once, and renew for LENGTH_S; how many renewed in each BUCKET_S."""
    buckets = [0] * (LENGTH_S // BUCKET_S)
    due = [(await board.provision(), number) for number, board in enumerate(boards)]
    heapq.heapify(due)
    while due[0][0] < twin.begin_s + LENGTH_S:
        at_s, number = heapq.heappop(due)
        twin.now_s = max(twin.now_s, at_s)
        buckets[(twin.now_s - twin.begin_s) // BUCKET_S] += 1
        heapq.heappush(due, (await boards[number].provision(), number))
    return buckets


def test_a_thousand_boards_renew_without_a_peak(tmp_path):
    twin = Twin(tmp_path / "home")
    request = new_csr(tmp_path / "key.pem")
    boards = [Board(twin, number, request) for number in range(BOARDS)]
    buckets = asyncio.run(_live(twin, boards))
    mean = sum(buckets) / len(buckets)
    print(f"{sum(buckets)} renewals, peak {max(buckets) / mean:.2f} times the mean: {buckets}")
    assert sum(buckets) > 5 * BOARDS and max(buckets) < 3 * mean
    assert all(twin.is_good(board.identity.certificate_id) for board in boards)
