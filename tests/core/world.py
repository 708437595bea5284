"""A whole board for its whole life: the shell of `device.claim` over models of flash, session and cloud.

What runs here is what runs on a board: `runtime.identity` brings the slots in order at each boot, and
`Handshake` carries out what `Provisioning` asks for. Only the store, the session and the cloud are models.
After every change of flash or cloud the rules that no cut may break are looked at, by content, not by the
journal's word. The coroutines of the model never suspend, so that an attempt runs without an event loop.
"""

import json

from cloud import Cloud, text_of
from device.claim import journal as journals
from device.claim.handshake import Handshake
from device.claim.provision import Provisioning
from device.core import fields, paths, slots, topics
from device.core import settings as files
from device.core.failures import AGAIN, Expired, Failure, Refused
from device.runtime.identity import is_pending, know_self, replaced, sealed, tell_application
from device.runtime.state import State
from flash import Flash, PowerCut

START_S = 1750000000
SERIAL = "SN-0001"
MODES = (fields.KEYS_CLOUD, fields.KEYS_DEVICE)


def settings(mode=fields.KEYS_CLOUD, **provisioning):
    """settings.Settings of one board; keyword arguments go into the section "provisioning"."""
    provisioning[fields.KEYS] = mode
    device = {fields.SERIAL_ID: SERIAL, fields.ENDPOINT_URL: "twin.example"}
    return files.settings({fields.DEVICE: device, fields.PROVISIONING: provisioning})


class _Ports:
    """As much of the ports as `runtime.identity` wants, and of a board."""

    def __init__(self, store):
        self.store = store
        self.board = self
        self.said = []

    def say(self, step, text, level="info"):
        self.said.append(step + " " + text)


class _Recorded:
    """The generator of an attempt, whose actions are written down."""

    def __init__(self, steps, actions):
        self._steps = steps
        self._actions = actions

    def __next__(self):
        return self.send(None)

    def send(self, value):
        return self._record(self._steps.send(value))

    def throw(self, failure):
        return self._record(self._steps.throw(failure))

    def _record(self, action):
        self._actions.append(action)
        return action


class World:
    """One board for its whole life: `boot` switches it on, on the flash as it was left."""

    def __init__(self, board_settings, cloud=None):
        self.settings = board_settings
        self.cloud = cloud or Cloud()
        self.flash = Flash(self._check)
        self.time_s = START_S
        self.actions = []  # of all attempts
        self.failure_at = {}  # "ask_for", "ask" or the directory to connect with -> Failures, first first
        self.lost = []  # certificates whose files a test has damaged
        self.state = None  # what is in memory
        self.provisioning = None
        self.owner = None  # the identity that renews itself
        self._open = None  # directory that the connection was made with
        self._subscribed = None
        self._made_keys = 0
        self._read_journal = None, journals.decode(None)  # it is looked at after every change
        for name in slots.FILES:
            self.flash.write(paths.BOOTSTRAP + "/" + name, b"claim " + name.encode())

    def now(self):
        return self.time_s

    # The life of the board, as services.provision and services.mqtt have it

    def boot(self):
        """Switch on, and go on until there is an identity that works.

        Raises the Failure that ended the attempt, or PowerCut.
        """
        self.state = State(_Ports(self.flash))
        self.state.settings = self.settings
        self.provisioning = None
        self._open = self._subscribed = None
        self.run()

    def run(self):
        """The same without a fresh start: what is in memory stays, as in a retry."""
        if self.state is None:
            return self.boot()
        know_self(self.state)
        try:
            if self.state.identity is not None:
                _finish(self.open(paths.CERT, self.state.identity.thing_name))
                return None
        except Expired:
            self.state.identity = None
        return self._claim()

    def renew(self):
        """Switch on and renew, as services.mqtt and services.renew have it; raises as `boot` does."""
        self.state = State(_Ports(self.flash))
        self.state.settings = self.settings
        self._open = self._subscribed = self.owner = None
        know_self(self.state)
        identity = self.state.identity
        try:
            _finish(self.open(paths.CERT, identity.thing_name))
        except Refused:
            if not is_pending(self.flash):
                raise
        self.owner = identity
        former, journal = sealed(self.flash), self.flash.read(paths.JOURNAL)
        self.provisioning = Provisioning(
            self.settings, journal, self.now, replaced(self.flash), identity, identity, former
        )
        self._carry_out()

    def _claim(self):
        replaces = replaced(self.flash)
        if self.provisioning is None or self.provisioning.replaces != replaces:
            journal = self.flash.read(paths.JOURNAL)
            self.provisioning = Provisioning(self.settings, journal, self.now, replaces)
        self._carry_out()

    def _carry_out(self):
        provisioning = self.provisioning

        def steps():
            return _Recorded(provisioning.steps(), self.actions)

        say = self.state.ports.board.say
        shell = Handshake(steps, self.flash, self, self._make_key, lambda text: say("provision", text))
        _finish(shell.attempt())
        self.state.identity = provisioning.identity
        tell_application(self.state, provisioning.identity, provisioning.configuration)
        self.provisioning = None

    # What is on the flash

    def committed(self):
        """The files of the active slot when they are a whole identity, else None."""
        active = self.flash.read_slot(paths.CERT)
        return active if active and slots.document(active) else None

    def journal(self):
        raw = self.flash.read(paths.JOURNAL)
        if raw is not self._read_journal[0]:
            self._read_journal = raw, journals.decode(raw)
        return self._read_journal[1]

    def trial(self):
        return self.flash.read_slot(paths.TRIAL)

    # The session

    async def open(self, directory, client_id):
        self._begin(directory)
        self._open = self._subscribed = None
        found = self.flash.read_slot(directory)
        assert found[paths.ROOT_CA] == b"claim " + paths.ROOT_CA.encode()
        if directory != paths.BOOTSTRAP:
            certificate = self.cloud.of(found)
            if certificate and certificate.id in self.cloud.expired:
                raise Expired(AGAIN, "its dates are over")
            if certificate is None or certificate.thing != client_id:
                raise Refused(AGAIN, "not accepted")
            if directory == paths.TRIAL and self.owner:
                self.cloud.revoke(self.owner.certificate_id)  # as early as any cloud may do it
        self._open = directory

    async def ask_for(self, filters):
        self._begin("ask_for")
        wanted = paths.CERT if self.owner else paths.BOOTSTRAP
        assert self._open == wanted, "SUBSCRIBE on a connection of its own, or on a claim connection"
        assert self._subscribed is None, "once"
        assert len(filters) <= 8
        self._subscribed = filters

    async def ask(self, topic, payload):
        self._begin("ask")
        assert topics.accepted(topic) in self._subscribed, "published before it had subscribed"
        assert topics.rejected(topic) in self._subscribed, "published before it had subscribed"
        asked = json.loads(payload)
        template = self.settings.renewal[0] if self.owner else self.settings.template
        if topic == topics.register(template):
            self._check_before_register(asked)
            call, script = self.cloud.register, self.cloud.script["register"]
        else:
            self._check_before_create(topic, asked)
            call, script = self.cloud.create, self.cloud.script["create"]
        scripted = script.pop(0) if script else None
        if scripted is None or isinstance(scripted, Failure):
            real = self.flash.change(call, asked, self.time_s)
            if scripted:
                raise scripted
            scripted = real
        self.flash.power()  # cut after the request arrived: nobody hears the answer
        agreed, document = scripted
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        return [topics.accepted(topic) if agreed else topics.rejected(topic), raw]

    def _begin(self, what):
        self.flash.power()
        self.time_s += 1
        failures = self.failure_at.get(what)
        if failures:
            failure = failures.pop(0)
            if failure:
                raise failure

    def _make_key(self, common_name):
        assert common_name == self.settings.thing_name[:64]
        self.flash.power()
        self._made_keys += 1
        name = f"board key {self._made_keys}"
        key, request = text_of("EC PRIVATE KEY", name), text_of("CERTIFICATE REQUEST", name)
        self.cloud.board_keys[request.encode()] = key.encode()
        return [key, request]

    # The rules

    def _check_before_create(self, topic, asked):
        journal = self.journal()
        assert journal.step == journals.CREATE, "asked for a certificate, and the journal does not know"
        assert journal.budget_used >= 1
        if self.settings.own_key:
            assert topic == topics.CREATE_FROM_CSR
            request = asked[fields.SIGNING_REQUEST].encode()
            assert request == self.flash.read(paths.TRIAL + "/" + paths.REQUEST)
            key = self.cloud.board_keys[request]
            assert self.trial()[paths.PRIVATE_KEY] == key, "the key is on flash before its certificate exists"
        else:
            assert topic == topics.CREATE_KEYS and asked == {}

    def _check_before_register(self, asked):
        journal = self.journal()
        assert journal.step == journals.CREATED and journal.token == asked[fields.OWNERSHIP_TOKEN], (
            "certificate and token are on flash before RegisterThing"
        )
        assert slots.match(self.flash.digests(paths.TRIAL), journal.digests)
        held = self.cloud.of(self.trial())
        assert held.id == journal.certificate_id, "the slot is on flash before RegisterThing"

    def _check(self):
        """Whatever may be active is on flash with its key, and the journal or a seal leads there."""
        active = [certificate for certificate in self.cloud.active() if certificate.id not in self.lost]
        if not active:
            return
        held = [self.cloud.of(slot) for slot in self.flash.kept()]
        slot, trial = self.flash.read_slot(paths.CERT), self.trial()
        held.append(slot and self.cloud.of(slot))
        on_trial = trial and self.cloud.of(trial)
        for certificate in active:
            if certificate in held:
                continue
            assert certificate is on_trial, "gone from the flash: " + certificate.id
            journal = self.journal()
            leads = journal.step in (journals.CREATED, journals.REGISTERED)
            leads = leads and journal.certificate_id == certificate.id
            assert leads or slots.document(trial), "nothing leads to " + certificate.id


def _finish(coroutine):
    """Run a coroutine that never suspends to its end."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits for something")


def attempt(start):
    """Call `start`, `World.boot` or `World.run`; the Failure or PowerCut that ended it, or None."""
    try:
        start()
        return None
    except (Failure, PowerCut) as error:
        return error


def until_committed(world, wait_s=60, most=100):
    """Boot again and again, `wait_s` apart, as a supervisor would; returns the number of boots."""
    for number in range(1, most + 1):
        failure = attempt(world.boot)
        if failure is None:
            return number
        if failure.kind != AGAIN:
            raise failure
        world.time_s += wait_s
    raise AssertionError(f"not committed after {most} boots")
