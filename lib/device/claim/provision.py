"""Fleet provisioning by claim, and renewal, without I/O: each action contains all that it needs.

`Provisioning.steps` is a generator: it yields the next action, one at a time (AWS requires the calls in
sequence), and receives the result, or a Failure as an exception. It never waits and never touches a socket
or a file; time comes from `now()`.

| action                     | what is done                                         | sent back              |
|----------------------------|------------------------------------------------------|------------------------|
| (ROOM, bytes)              | check that this much more fits on the flash          | True or False          |
| (READ, path)               | read a file                                          | bytes, or None         |
| (WRITE, path, bytes)       | replace a file atomically                            |                        |
| (COPY, from, to)           | the same with the content of another file            |                        |
| (DIGESTS, directory)       | compute the digests of a slot's files                | {name: hex or None}    |
| (APPLY, operations)        | carry out the file operations of core.slots          |                        |
| (MAKE_KEY, name)           | make a P-256 key and its signing request             | [key PEM, request PEM] |
| (CONNECT, directory, name) | connect with the credentials there, as client `name` |                        |
| (SUBSCRIBE, topics)        | one SUBSCRIBE, and wait for the SUBACK               |                        |
| (ASK, topic, payload)      | publish, wait for the accepted or rejected answer    | [topic, payload]       |

A renewal is the same with the board's own certificate in place of the claim certificate, and with another
template. The identity in use stays in its slot, and works, until the new one has worked.

Lists that are sent back are emptied here: kilobytes of text must not stay in memory during the next step.

The rules that no power cut may break: a key is on flash before its certificate can exist; certificate, key
and token are on flash before RegisterThing activates the certificate; no key is deleted whose certificate
may be active; and after any failure the journal alone determines where to continue, so that a retry and a
reboot take the same path.

Source: AWS IoT Developer Guide, "Device provisioning MQTT API" and "Provisioning by claim".
"""

import json

from device.claim import answers
from device.claim import journal as journals
from device.core import fields, paths, slots, topics
from device.core.failures import AGAIN, GIVE_UP, OVER, Failure, Refused
from device.core.hmac256 import hmac_sha256

ROOM = "room"
READ = "read"
WRITE = "save"
COPY = "copy"
DIGESTS = "digests"
APPLY = "move"
MAKE_KEY = "make the key"
CONNECT = "connect with"
SUBSCRIBE = "subscribe"
ASK = answers.ASK

ROOM_BYTES = 32768  # what making an identity needs: 7 blocks of 4 KB, measured
# A person may still activate a registered certificate that is refused; the board waits a day for that.
_PATIENCE_S = 86400
_NEW_CERTIFICATE = "starting over with a new certificate"
_MAX_COMMON_NAME = 64


class Provisioning:
    """Provisions one board: run `steps` until it ends normally; after a Failure, run it again.

    `settings` is settings.Settings, `raw` the journal as it is on flash, `now()` gives Unix seconds,
    `replaces` is the certificate id of the identity to be replaced, or None; `server` has endpoint and port
    of the new identity, by default those of `settings`. `owner`: the slots.Identity that renews itself, None:
    by claim; `former`: the identity.json of the active slot, as a dict.
    `identity` is the slots.Identity once `steps` has ended, `configuration` the deviceConfiguration.
    """

    def __init__(self, settings, raw, now, replaces=None, server=None, owner=None, former=None):
        self.identity = None
        self.configuration = None
        self._settings = settings
        self._server = server or settings
        self._owner = owner
        self._former = former or {}
        self._journal = journals.decode(raw)
        self._now = now
        self.replaces = replaces
        self._last_cause = ""
        self._saved = True  # the journal on flash equals this one

    def is_for(self, settings, replaces):
        """Whether this is still what is to be done: a builder may have told another endpoint or template."""
        return self._settings is settings and self.replaces == replaces

    def steps(self):
        """Yield the actions that lead from the journal to a committed identity (see the table above).

        Raises the Failure that ended the attempt.
        """
        try:
            yield from self._steps()
        except Failure as failure:
            self._last_cause = failure.cause
            raise

    def _steps(self):
        journal = self._journal
        pending = journal.step in (journals.CREATED, journals.REGISTERED)
        if pending and not slots.match((yield (DIGESTS, paths.TRIAL)), journal.digests):
            yield from self._start_over(journal.unsure)
            pending = False
        if pending and (journal.unsure or journal.step == journals.REGISTERED):
            try:
                yield from self._prove(journal.thing_name or (self._owner or self._settings).thing_name)
                return
            except Refused as refused:
                if journal.step == journals.REGISTERED:
                    if self._now() - journal.token_time < _PATIENCE_S:
                        raise
                    yield from self._start_over(True)
                    raise Failure(AGAIN, refused.cause, _NEW_CERTIFICATE, refused.step)
        yield from self._request()
        yield from self._prove(journal.thing_name)

    def _request(self):
        """From a connection with the claim certificate, or the board's own, to a registered thing."""
        settings, journal, owner = self._settings, self._journal, self._owner
        if journal.step == journals.CREATED and not journal.token_good(self._now()):
            yield from self._start_over(journal.unsure)
        begins = journal.step != journals.CREATED
        if begins and not (yield (ROOM, ROOM_BYTES)):
            cause = "flash is full: an identity needs %d bytes" % ROOM_BYTES
            raise Failure(GIVE_UP, cause, "delete files you do not need")
        if begins and settings.own_key:
            yield from self._own_key()
        if owner:
            yield (CONNECT, paths.CERT, owner.thing_name)
        else:
            yield (CONNECT, paths.BOOTSTRAP, settings.serial)
        create = topics.CREATE_FROM_CSR if settings.own_key else topics.CREATE_KEYS
        register = topics.register(settings.renewal[0] if owner else settings.template)
        asked = (create, register)
        yield (SUBSCRIBE, [answer(topic) for topic in asked for answer in (topics.accepted, topics.rejected)])
        if begins:
            yield from self._create(create)
        try:
            yield from self._register(register)
        except Failure as failure:
            if failure.kind != OVER:
                raise
            if journal.unsure and journal.token_time <= self._now() and journal.token_good(self._now()):
                # The token should still be valid, so it was probably used by a registration whose answer was
                # lost. The identity may be active, so it is tried again before it is given up.
                advice = "may already be registered under a name other than %s: check %s"
                advice %= (settings.thing_name, fields.THING_NAME_PATTERN)
                raise Failure(AGAIN, failure.cause, advice, failure.step)
            yield from self._start_over(journal.unsure)
            raise Failure(AGAIN, failure.cause, _NEW_CERTIFICATE, failure.step)

    def _own_key(self):
        """Put the board's own key and then its signing request on flash."""
        # Without the request, no certificate has ever been requested with this key.
        if (yield (READ, _trial(paths.REQUEST))) and (yield (DIGESTS, paths.TRIAL))[paths.PRIVATE_KEY]:
            return
        yield (APPLY, [(slots.REMOVE, _trial(paths.REQUEST))])
        made = yield (MAKE_KEY, self._settings.thing_name[:_MAX_COMMON_NAME])
        yield (WRITE, _trial(paths.PRIVATE_KEY), made.pop(0).encode())
        yield (WRITE, _trial(paths.REQUEST), made.pop().encode())

    def _create(self, topic):
        """Get a certificate, and put it, its key and its token on flash."""
        journal = self._journal
        self._spend()
        journal.step = journals.CREATE
        yield from self._save()
        payload = "{}"
        if self._settings.own_key:
            payload = json.dumps({fields.SIGNING_REQUEST: (yield (READ, _trial(paths.REQUEST))).decode()})
        answer = yield (ASK, topic, payload)
        payload = None
        refused = not topics.request_of(answer[0])[1]
        try:
            texts = self._certificate(answer)
        except Failure:
            if refused:
                journal.budget_used -= 1  # a refusal creates no certificate
                yield from self._save()
            raise
        while texts:
            yield _write(*texts.pop())  # one after the other: all of them as bytes as well are 3 KB
        source = paths.CERT if self._owner else paths.BOOTSTRAP
        yield (COPY, source + "/" + paths.ROOT_CA, _trial(paths.ROOT_CA))
        journal.digests = yield (DIGESTS, paths.TRIAL)
        yield from self._save()

    def _spend(self):
        limit = self._settings.daily_certificates
        if self._journal.spend(self._now(), limit):
            return
        cause = "today's budget of %d new certificates is used up" % limit
        if self._last_cause.startswith(cause):
            cause = self._last_cause
        elif self._last_cause:
            cause += " (last: %s)" % self._last_cause
        raise Failure(GIVE_UP, cause, "fix that, or raise %s" % fields.DAILY_CERTIFICATES)

    def _certificate(self, answer):
        """Enter a create answer in the journal; return [(path, text)] of what is to be written."""
        journal = self._journal
        made = answers.certificate(answers.read(answer.pop(0), answer.pop()), not self._settings.own_key)
        journal.certificate_id, certificate, key, journal.token = made
        journal.token_time = self._now()
        journal.step = journals.CREATED
        journal.unsure = False  # it cannot be registered yet
        texts = [(_trial(paths.CERTIFICATE), certificate)]
        if key is not None:
            texts.append((_trial(paths.PRIVATE_KEY), key))
        return texts

    def _register(self, topic):
        """Register the thing, and put its name on flash."""
        journal = self._journal
        if not self._saved:  # the flash failed after the certificate arrived
            yield from self._save()
        was_unsure = journal.unsure
        journal.unsure = True  # from here on the thing may be registered, even without an answer
        answer = yield (ASK, topic, self._registration())
        if topics.request_of(answer[0])[1] is False:
            journal.unsure = was_unsure  # a refusal registers nothing
        thing_name, configuration = answers.registration(answers.read(answer.pop(0), answer.pop()))
        fault = topics.name_fault(thing_name)
        if fault:
            cause = "the answer's %s %s" % (fields.THING_NAME, fault)
            raise Failure(GIVE_UP, cause, "correct the template", ASK)
        journal.thing_name = thing_name
        journal.configuration = configuration
        journal.step = journals.REGISTERED
        yield from self._save()

    def _registration(self):
        settings, journal = self._settings, self._journal
        parameters = dict(settings.parameters)
        parameters[fields.PARAMETER_SERIAL] = settings.serial
        if settings.enrolment_key is not None and not self._owner:
            key = settings.enrolment_key.reveal()
            parameters[fields.PARAMETER_PROOF] = proof(key, journal.certificate_id)
        return json.dumps({fields.OWNERSHIP_TOKEN: journal.token, fields.PARAMETERS: parameters})

    def _prove(self, thing_name):
        """Connect as the new identity, then make it the active one."""
        try:
            yield (CONNECT, paths.TRIAL, thing_name)
        except Failure as failure:
            if failure.kind != OVER:
                raise
            yield from self._start_over(True)
            raise Failure(AGAIN, failure.cause, _NEW_CERTIFICATE, failure.step)
        journal, server = self._journal, self._server
        identity = slots.Identity(thing_name, server.endpoint, server.port, journal.certificate_id)
        yield (APPLY, [(slots.REMOVE, _trial(paths.REQUEST))] + self._outdated())
        yield (WRITE, _trial(paths.IDENTITY), self._seal(identity))
        yield (APPLY, slots.promote(self.replaces))
        self.configuration = journal.configuration
        journal.clear()
        try:
            yield from self._save()
        except Failure:
            pass  # the identity is committed; a stale journal only starts over
        self.identity = identity

    def _seal(self, identity):
        """The identity.json of the new identity. A template without a configuration leaves the former one."""
        journal, former = self._journal, self._former.get(fields.DEVICE_CONFIGURATION)
        if not journal.configuration and isinstance(former, dict):
            journal.configuration = former
        renews = self._owner.certificate_id if self._owner else None
        return slots.seal(journal.digests, identity, journal.configuration, renews)

    def _outdated(self):
        """What removes the identity that the owner has renewed: that one is over, since the owner works."""
        renewed = self._former.get(fields.RENEWS)
        if self._owner is None or topics.name_fault(renewed):
            return []
        return [(slots.REMOVE, slots.kept(renewed))]

    def _start_over(self, keep):
        """Discard the pending certificate; `keep` it aside if it may be active."""
        aside = (slots.REMOVE, paths.TRIAL)
        if keep and self._journal.certificate_id:
            aside = (slots.RENAME, paths.TRIAL, slots.kept(self._journal.certificate_id))
        self._journal.clear()
        yield (APPLY, [aside])
        yield from self._save()

    def _save(self):
        self._saved = False
        yield (WRITE, paths.JOURNAL, self._journal.encode())
        self._saved = True


def _write(path, text):
    return WRITE, path, text.encode()


def _trial(name):
    return paths.TRIAL + "/" + name


def proof(enrolment_key, certificate_id):
    """The enrolment proof, in hexadecimal; valid only for this certificate."""
    return hmac_sha256(enrolment_key, certificate_id.encode()).hex()


def step(action):
    """The step name of an action, for a Failure."""
    kind = action[0]
    return "%s the %s" % (kind, dict(paths.CERTIFICATE_NAMES)[action[1]]) if kind == CONNECT else kind


def describe(action):
    """An action as text for the console, "" for minor ones; never contains payloads or file contents."""
    kind = action[0]
    if kind in (ROOM, READ, DIGESTS, APPLY, COPY):
        return ""
    if kind == CONNECT:
        return "%s as %s" % (step(action), action[2])
    if kind == WRITE:
        return "%s %s" % (kind, action[1][len(paths.BASE) + 1 :])
    if kind == ASK:
        return "%s %s" % (kind, action[1])
    if kind == SUBSCRIBE:
        return "%s to %d topics" % (kind, len(action[1]))
    return kind
