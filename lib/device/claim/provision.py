"""Fleet provisioning by claim, without I/O.

`steps` is a generator: it yields what is to be done next, one thing at a time (AWS wants the calls in
sequence), and is sent the result, or has a Failure thrown in. It never waits and never touches a
socket or a file; time comes from `now()`.

| action                        | the shell does                                       | sends back          |
|-------------------------------|------------------------------------------------------|---------------------|
| (REQUEST_KEY,)                | the board's key, made once, kept in the trial slot   | its PKCS#10 request |
| (OPEN_CLAIM,)                 | connect with the claim credentials                   |                     |
| (OPEN_TRIAL, thing name)      | connect with the trial slot                          |                     |
| (SUBSCRIBE, topics)           | one SUBSCRIBE, and wait for the SUBACK               |                     |
| (ASK, topic, payload)         | publish, wait for the accepted or rejected answer    | (topic, payload)    |
| (SAVE_SLOT, {name: content})  | write these files into the trial slot                |                     |
| (SAVE_JOURNAL,)               | write the journal                                    |                     |
| (DROP_TRIAL, keep)            | remove the trial slot, or put it aside               |                     |
| (COMMIT,)                     | seal the trial slot, make it the active one          |                     |

The rules that no cut may break: a key is on flash before its certificate can exist; certificate, key
and token are on flash before RegisterThing makes the certificate active; nothing whose certificate
may be active is dropped; and after any failure the journal alone says where to go on, so that a retry
and a reboot are the same path.

Source: AWS IoT Developer Guide, "Device provisioning MQTT API" and "Provisioning by claim".
"""

import json

from device.claim import answers
from device.claim import journal as journals
from device.core import config, fields, paths, topics
from device.core.failures import AGAIN, GIVE_UP, OVER, Failure, Refused
from device.core.hmac256 import hmac_sha256

REQUEST_KEY = "make the key"
OPEN_CLAIM = "connect with the claim certificate"
OPEN_TRIAL = "connect with the new certificate"
SUBSCRIBE = "subscribe"
ASK = "ask"
SAVE_SLOT = "save the identity"
SAVE_JOURNAL = "save the journal"
DROP_TRIAL = "drop the trial identity"
COMMIT = "commit"

# A registered certificate that is refused may still be activated by a person; for a day that is waited for.
_PATIENCE_S = 86400
_NEW_CERTIFICATE = "starting over with a new certificate"


def steps(settings, journal, now, trial_intact):
    """Yield the actions from where `journal` stands to a committed identity (see the table above).

    `settings` is config.Settings, `journal` a journal.Journal that is changed in place, `now()` gives
    Unix seconds, `trial_intact` says whether the trial slot still holds what the journal says.
    Ends normally when the identity is committed; raises the Failure that ended the attempt.
    """
    pending = journal.step in (journals.CREATED, journals.REGISTERED)
    if pending and not trial_intact:
        yield from _start_over(journal, journal.unsure)
        pending = False
    if pending and (journal.unsure or journal.step == journals.REGISTERED):
        try:
            yield from _prove(journal, journal.thing_name or settings.thing_name)
            return
        except Refused as refused:
            if journal.step == journals.REGISTERED:
                if now() - journal.token_time < _PATIENCE_S:
                    raise
                refused.step = OPEN_TRIAL
                yield from _start_over(journal, True)
                raise _again(refused, _NEW_CERTIFICATE)
    yield from _by_claim(settings, journal, now)
    yield from _prove(journal, journal.thing_name)


def _by_claim(settings, journal, now):
    """From a claim connection to a registered thing."""
    request = None
    if journal.step == journals.CREATED and not journal.token_good(now()):
        yield from _start_over(journal, journal.unsure)
    if journal.step != journals.CREATED and settings.keys == fields.KEYS_DEVICE:
        request = yield (REQUEST_KEY,)
    yield (OPEN_CLAIM,)
    create = topics.CREATE_FROM_CSR if settings.keys == fields.KEYS_DEVICE else topics.CREATE_KEYS
    register = topics.register(settings.template)
    yield (
        SUBSCRIBE,
        (
            topics.accepted(create),
            topics.rejected(create),
            topics.accepted(register),
            topics.rejected(register),
        ),
    )
    if journal.step != journals.CREATED:
        yield from _create(settings, journal, now, create, request)
    try:
        yield from _register(settings, journal, register)
    except Failure as failure:
        failure.step = ASK
        if failure.kind != OVER:
            raise
        if journal.unsure and journal.token_time <= now() and journal.token_good(now()):
            # The token should still be good: then it was probably used, by a registration whose answer
            # was lost. The identity may be active, so it is tried again before it is given up.
            raise _again(
                failure,
                "perhaps registered already under another name than %s: is %s right?"
                % (settings.thing_name, fields.THING_NAME_PATTERN),
            )
        yield from _start_over(journal, journal.unsure)
        raise _again(failure, _NEW_CERTIFICATE)


def _create(settings, journal, now, topic, request):
    """Get a certificate and have it, its key and its token on flash."""
    if not journal.spend(now(), settings.daily_certificates):
        cause = "the day's budget of %d new certificates is used up" % settings.daily_certificates
        if journal.last_cause.startswith(cause):
            cause = journal.last_cause
        elif journal.last_cause:
            cause += " (last: %s)" % journal.last_cause
        raise Failure(GIVE_UP, cause, "mend that, or raise %s" % fields.DAILY_CERTIFICATES)
    journal.step = journals.CREATE
    yield (SAVE_JOURNAL,)
    payload = "{}" if request is None else json.dumps({fields.SIGNING_REQUEST: request})
    answer = yield (ASK, topic, payload)
    try:
        answer = answers.certificate(answers.read(*answer), request is None)
    except Failure as failure:
        failure.step = ASK
        if topics.request_of(answer[0])[1] is False:
            journal.budget_used -= 1  # a clear no makes no certificate
            yield (SAVE_JOURNAL,)
        raise failure
    journal.certificate_id, certificate, key, journal.token = answer
    files = {paths.CERTIFICATE: certificate.encode()}
    if key is not None:
        files[paths.PRIVATE_KEY] = key.encode()
    answer = certificate = key = None  # 7 KB that a generator would hold while the flash wants some too
    journal.token_time = now()
    journal.step = journals.CREATED
    journal.unsure = False  # nobody has registered this one yet
    yield (SAVE_SLOT, files)
    yield (SAVE_JOURNAL,)


def _register(settings, journal, topic):
    """Register the thing, and have its name on flash."""
    parameters = dict(settings.parameters)
    parameters[fields.PARAMETER_SERIAL] = settings.serial
    if settings.enrolment_key is not None:
        parameters[fields.PARAMETER_PROOF] = proof(settings.enrolment_key, journal.certificate_id)
    asked = json.dumps({fields.OWNERSHIP_TOKEN: journal.token, fields.PARAMETERS: parameters})
    was_unsure = journal.unsure
    journal.unsure = True  # from here on the thing may be registered, whatever we hear
    answer = yield (ASK, topic, asked)
    try:
        thing_name, journal.configuration = answers.registration(answers.read(*answer))
    except Failure:
        if not topics.request_of(answer[0])[1]:
            journal.unsure = was_unsure  # a clear no registers nothing
        raise
    fault = config.name_fault(thing_name)
    if fault:
        raise Failure(GIVE_UP, "the answer's %s %s" % (fields.THING_NAME, fault), "correct the template")
    journal.thing_name = thing_name
    journal.step = journals.REGISTERED
    yield (SAVE_JOURNAL,)


def _prove(journal, thing_name):
    """Connect as the new identity, and make it the active one."""
    try:
        yield (OPEN_TRIAL, thing_name)
    except Failure as failure:
        if failure.kind != OVER:
            raise
        failure.step = OPEN_TRIAL
        yield from _start_over(journal, True)
        raise _again(failure, failure.advice)
    journal.thing_name = thing_name
    yield (COMMIT,)


def _start_over(journal, keep):
    """Forget the pending certificate; `keep` when it may be active all the same."""
    journal.clear()
    yield (DROP_TRIAL, keep)
    yield (SAVE_JOURNAL,)


def proof(enrolment_key, certificate_id):
    """The enrolment proof, in hexadecimal: it is good for this one certificate only."""
    return hmac_sha256(enrolment_key, certificate_id.encode()).hex()


def _again(failure, advice):
    """The same failure once more, as one that passes: the way on is a new attempt."""
    fresh = Failure(AGAIN, failure.cause, advice)
    fresh.step = failure.step
    return fresh


def describe(action):
    """What an action does, for the console: never a payload, they hold secrets."""
    detail = ""
    if action[0] in (OPEN_TRIAL, ASK):
        detail = " " + action[1]
    elif action[0] == SUBSCRIBE:
        detail = " to %d topics" % len(action[1])
    elif action[0] == SAVE_SLOT:
        detail = " (%s)" % ", ".join(sorted(action[1]))
    return action[0] + detail
