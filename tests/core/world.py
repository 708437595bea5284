"""A board and a cloud around core.provision, in memory: flash, claim connection, certificates, power cuts.

The shell here carries out what `provision.steps` asks for, and checks at each action the rules that no
cut may break. Power can be cut before, after or in the middle of any action; what is on "flash" stays.
"""

import json

from device.claim import journal as journals
from device.claim import provision
from device.core import config, der, fields, paths, pem, slots, topics
from device.core.failures import AGAIN, OVER, Failure, Refused

START_S = 1750000000
SERIAL = "SN-0001"
MODES = (fields.KEYS_CLOUD, fields.KEYS_DEVICE)
BEFORE = "before"
MIDDLE = "in the middle of"
AFTER = "after"


class PowerCut(Exception):
    """The board is off; flash and cloud stay as they are."""


def settings(mode=fields.KEYS_CLOUD, **provisioning):
    """config.Settings of one board; keyword arguments go into the section "provisioning"."""
    provisioning[fields.KEYS] = mode
    device = {fields.SERIAL_ID: SERIAL, fields.ENDPOINT_URL: "twin.example"}
    return config.Settings({fields.DEVICE: device, fields.PROVISIONING: provisioning})


def text_of(kind, name):
    """A PEM text that names what it stands for; whole, but nothing that a server would take."""
    return pem.from_der(der.sequence(der.octet_string(name.encode())), kind)


class Cloud:
    """Certificates and things. `script` gives the next answers of a call in place of the real ones.

    An item of `script["create"]` or `script["register"]` is (accepted?, document or bytes), or a Failure
    that is raised after the request was carried out, or None for the real answer.
    """

    def __init__(self):
        self.certificates = {}  # id -> {"token", "born", "active", "thing"}
        self.creates = 0
        self.script = {"create": [], "register": []}
        self.thing_name = None  # what the template makes of a serial; None: the serial itself
        self.takes_token_twice = False

    def active(self):
        """The ids of the certificates that are active."""
        return [name for name in self.certificates if self.certificates[name]["thing"]]

    def create(self, payload, now):
        """(accepted?, document) of either call that makes a certificate."""
        self.creates += 1
        name = f"{self.creates:064x}"
        token = f"token-{self.creates}"
        self.certificates[name] = {"token": token, "born": now, "thing": None}
        answer = {
            fields.CERTIFICATE_ID: name,
            fields.CERTIFICATE_PEM: text_of("CERTIFICATE", name),
            fields.OWNERSHIP_TOKEN: token,
        }
        if fields.SIGNING_REQUEST not in payload:
            answer[fields.PRIVATE_KEY] = text_of("RSA PRIVATE KEY", f"cloud key {self.creates}")
        return True, answer

    def register(self, payload, now):
        """(accepted?, document) of RegisterThing."""
        for name in self.certificates:
            found = self.certificates[name]
            if found["token"] != payload.get(fields.OWNERSHIP_TOKEN) or now - found["born"] >= 3600:
                continue
            if found["thing"] and not self.takes_token_twice:
                break
            found["thing"] = self.thing_name or payload[fields.PARAMETERS][fields.PARAMETER_SERIAL]
            return True, {fields.THING_NAME: found["thing"], fields.DEVICE_CONFIGURATION: {"zone": "north"}}
        return False, refusal(400, "InvalidCertificateOwnershipToken", "no such token")


def refusal(status, code="", message=""):
    """A `rejected` document."""
    return {fields.STATUS_CODE: status, fields.ERROR_CODE: code, fields.ERROR_MESSAGE: message}


class World:
    """One board for its whole life: `boot` runs provisioning once, on the flash as it was left."""

    def __init__(self, board_settings, cloud=None):
        self.settings = board_settings
        self.cloud = cloud or Cloud()
        self.time_s = START_S
        self.journal = None
        self.trial = None
        self.kept = []
        self.committed = None
        self.actions = []  # of all boots
        self.cut_at = None  # (number of the action of this boot, from 0; BEFORE, MIDDLE or AFTER)
        self.failure_at = {}  # kind of action -> Failures to raise, the first first
        self._made_keys = 0
        self._live = None

    def now(self):
        return self.time_s

    def boot(self):
        """Run until committed; raises the Failure that ended the attempt, or PowerCut."""
        if self.committed is None:
            self._live = journals.decode(self.journal)
            self.run()

    def run(self):
        """The same without a fresh start: the journal in memory stays, as in a retry."""
        if self._live is None:
            self._live = journals.decode(self.journal)
        self._subscribed = None
        self._count = 0
        intact = slots.match(self.trial or {}, self._live.digests)
        steps = provision.steps(self.settings, self._live, self.now, intact)
        proceed, given = steps.send, None
        while True:
            try:
                action = proceed(given)
            except StopIteration:
                return
            try:
                proceed, given = steps.send, self._do(action)
            except Failure as failure:
                proceed, given = steps.throw, failure

    def _do(self, action):
        self.actions.append(action)
        self.time_s += 1
        at, when = self.cut_at or (None, None)
        here = at == self._count
        self._count += 1
        if here and when == BEFORE:
            raise PowerCut()
        failures = self.failure_at.get(action[0])
        if failures:
            failure = failures.pop(0)
            if failure:
                raise failure
        result = _DO[action[0]](self, here and when == MIDDLE, *action[1:])
        if here:
            raise PowerCut()
        return result

    def _request_key(self, torn):
        if self.trial is None or paths.REQUEST not in self.trial:
            self._made_keys += 1
            self.trial = self.trial or {}
            name = f"board key {self._made_keys}"
            self.trial[paths.PRIVATE_KEY] = text_of("EC PRIVATE KEY", name).encode()
            if not torn:
                self.trial[paths.REQUEST] = text_of("CERTIFICATE REQUEST", name).encode()
        return self.trial.get(paths.REQUEST, b"").decode()

    def _open_claim(self, _):
        self._subscribed = ()

    def _subscribe(self, _, filters):
        assert self._subscribed == (), "SUBSCRIBE on a fresh claim connection, once"
        assert len(filters) <= 8
        self._subscribed = filters

    def _ask(self, _, topic, payload):
        assert topics.accepted(topic) in self._subscribed, "published before it had subscribed"
        assert topics.rejected(topic) in self._subscribed, "published before it had subscribed"
        asked = json.loads(payload)
        on_flash = journals.decode(self.journal)
        if topic == topics.register(self.settings.template):
            self._check_before_register(on_flash, asked)
            call, script = self.cloud.register, self.cloud.script["register"]
        else:
            self._check_before_create(on_flash, topic, asked)
            call, script = self.cloud.create, self.cloud.script["create"]
        scripted = script.pop(0) if script else None
        if scripted is None or isinstance(scripted, Failure):
            real = call(asked, self.time_s)
            if scripted:
                raise scripted
            scripted = real
        agreed, document = scripted
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        return (topics.accepted(topic) if agreed else topics.rejected(topic)), raw

    def _check_before_create(self, on_flash, topic, asked):
        assert on_flash.step == journals.CREATE, "asked for a certificate, and the journal does not know"
        assert on_flash.budget_used >= 1
        if self.settings.keys == fields.KEYS_DEVICE:
            assert topic == topics.CREATE_FROM_CSR
            assert self.trial[paths.PRIVATE_KEY], "the key must be on flash before its certificate exists"
            assert asked[fields.SIGNING_REQUEST] == self.trial[paths.REQUEST].decode()
        else:
            assert topic == topics.CREATE_KEYS and asked == {}

    def _check_before_register(self, on_flash, asked):
        assert on_flash.step == journals.CREATED, (
            "certificate and token must be on flash before RegisterThing"
        )
        assert on_flash.token == asked[fields.OWNERSHIP_TOKEN]
        assert slots.match(self.trial, on_flash.digests), "the slot must be on flash before RegisterThing"
        assert self.trial[paths.CERTIFICATE] == text_of("CERTIFICATE", on_flash.certificate_id).encode()

    def _save_slot(self, torn, files):
        self.trial = self.trial or {}
        wanted = dict(files)
        wanted[paths.ROOT_CA] = b"root"
        for name in sorted(wanted):
            self.trial[name] = wanted[name]
            if torn:
                return
        self._live.digests = slots.digests(self.trial)

    def _save_journal(self, _):
        self.journal = self._live.encode()

    def _certificate(self):
        """What the cloud knows of the certificate in the trial slot, or {}."""
        content = (self.trial or {}).get(paths.CERTIFICATE)
        for name in self.cloud.certificates:
            if content == text_of("CERTIFICATE", name).encode():
                return self.cloud.certificates[name]
        return {}

    def _open_trial(self, _, thing_name):
        self._subscribed = None
        if self._certificate().get("thing") != thing_name:
            raise Refused("not accepted")

    def _drop_trial(self, torn, keep):
        if self.trial is None:
            return
        if keep:
            self.kept.append(self.trial)
        else:
            assert not self._certificate().get("thing"), "dropped an identity that is active"
            if torn and self.trial:
                self.trial.pop(sorted(self.trial)[0])
                return
        self.trial = None

    def _commit(self, torn):
        assert self._certificate()["thing"] == self._live.thing_name
        self.committed = self.trial
        self.trial = None
        if not torn:
            self._live.clear()
            self.journal = self._live.encode()


_DO = {
    provision.REQUEST_KEY: World._request_key,
    provision.OPEN_CLAIM: World._open_claim,
    provision.OPEN_TRIAL: World._open_trial,
    provision.SUBSCRIBE: World._subscribe,
    provision.ASK: World._ask,
    provision.SAVE_SLOT: World._save_slot,
    provision.SAVE_JOURNAL: World._save_journal,
    provision.DROP_TRIAL: World._drop_trial,
    provision.COMMIT: World._commit,
}


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
        if failure and failure.kind not in (AGAIN, OVER):
            raise failure
        if world.committed is not None:
            return number
        world.time_s += wait_s
    raise AssertionError(f"not committed after {most} boots")
