"""Provisioning without cuts: the order of actions, refusals, broken answers, the day's budget, the proof."""

import json

from check import raises
from cloud import refusal
from device.claim import provision
from device.core import fields, paths, topics
from device.core.failures import AGAIN, GIVE_UP, OVER, Failure, Refused
from device.core.hmac256 import hmac_sha256
from world import MODES, START_S, World, attempt, settings

_DAY_S = 86400
_SECRETS = ("token-1", "PRIVATE KEY", "CERTIFICATE REQUEST", "-----BEGIN")


def _failed(world, start=None):
    failure = attempt(start or world.run)
    assert isinstance(failure, Failure), failure
    return failure


def _asked(world, number):
    """The document of the request with this number."""
    return json.loads([action[2] for action in world.actions if action[0] == provision.ASK][number])


def _trial(name):
    return paths.TRIAL + "/" + name


def _places(world):
    """Each action, with the place that it is about where it names one."""
    return [action[:2] if isinstance(action[1], str) else action[:1] for action in world.actions]


_OWN_KEY = [
    (provision.READ, _trial(paths.REQUEST)),
    (provision.APPLY,),
    (provision.MAKE_KEY, "SN-0001"),
    (provision.WRITE, _trial(paths.PRIVATE_KEY)),
    (provision.WRITE, _trial(paths.REQUEST)),
]
_CLAIM_CONNECTION = [
    (provision.CONNECT, paths.BOOTSTRAP),
    (provision.SUBSCRIBE,),
    (provision.WRITE, paths.JOURNAL),
]
_FROM_CSR = [(provision.READ, _trial(paths.REQUEST)), (provision.ASK, topics.CREATE_FROM_CSR)]
_WITH_KEY = [(provision.ASK, topics.CREATE_KEYS), (provision.WRITE, _trial(paths.PRIVATE_KEY))]
_TO_THE_END = [
    (provision.WRITE, _trial(paths.CERTIFICATE)),
    (provision.COPY, paths.BOOTSTRAP + "/" + paths.ROOT_CA),
    (provision.DIGESTS, paths.TRIAL),
    (provision.WRITE, paths.JOURNAL),
    (provision.ASK, topics.register(topics.DEFAULT_TEMPLATE)),
    (provision.WRITE, paths.JOURNAL),
    (provision.CONNECT, paths.TRIAL),
    (provision.APPLY,),
    (provision.WRITE, _trial(paths.IDENTITY)),
    (provision.APPLY,),
    (provision.WRITE, paths.JOURNAL),
]


def test_the_whole_way_is_in_this_order():
    for mode, key, certificate in (
        (fields.KEYS_CLOUD, [], _WITH_KEY),
        (fields.KEYS_DEVICE, _OWN_KEY, _FROM_CSR),
    ):
        world = World(settings(mode))
        world.boot()
        assert _places(world) == [(provision.ROOM,)] + key + _CLAIM_CONNECTION + certificate + _TO_THE_END
        assert not world.flash.exists(paths.TRIAL)


def test_the_identity_is_what_the_cloud_gave_and_the_files_say():
    for mode in MODES:
        world = World(settings(mode))
        world.boot()
        certificate = world.cloud.active()[0]
        identity = world.state.identity
        assert identity == ("SN-0001", "twin.example", 8883, certificate.id)
        world.boot()
        assert world.state.identity == identity, "as it is read from flash"
        told = json.loads(world.flash.read(paths.PROVISION).decode())
        assert told[fields.CERTIFICATE_ID] == certificate.id
        assert told[fields.DEVICE_CONFIGURATION] == {"zone": "north"}


def test_a_full_flash_is_told_before_anything_is_asked_for():
    for mode in MODES:
        world = World(settings(mode))
        world.flash.has_room = lambda size: False
        failure = _failed(world)
        assert failure.kind == GIVE_UP and "flash is full" in str(failure)
        assert world.cloud.creates == 0 and len(world.actions) == 1


def test_one_subscribe_asks_for_the_four_answers():
    world = World(settings(fields.KEYS_DEVICE, template="Other_Template-1"))
    world.boot()
    filters = [action[1] for action in world.actions if action[0] == provision.SUBSCRIBE]
    register = "$aws/provisioning-templates/Other_Template-1/provision/json"
    assert [sorted(names) for names in filters] == [
        sorted(
            [
                "$aws/certificates/create-from-csr/json/accepted",
                "$aws/certificates/create-from-csr/json/rejected",
                register + "/accepted",
                register + "/rejected",
            ]
        )
    ]


def test_registration_carries_the_serial_and_the_parameters():
    world = World(settings(parameters={"line": "7", fields.PARAMETER_SERIAL: "never this one"}))
    world.boot()
    asked = _asked(world, 1)
    assert asked[fields.PARAMETERS] == {"line": "7", "serialID": "SN-0001"}
    assert asked[fields.OWNERSHIP_TOKEN] == "token-1"


def test_enrolment_proof_is_bound_to_the_certificate():
    secret = bytes(range(32))
    world = World(settings(enrolmentKey=secret.hex()))
    world.boot()
    name = world.cloud.active()[0].id
    sent = _asked(world, 1)[fields.PARAMETERS]["enrolmentProof"]
    assert sent == hmac_sha256(secret, name.encode()).hex()
    assert sent != provision.proof(secret, "0" * 64)


def test_describe_tells_the_step_and_never_a_payload():
    for mode in MODES:
        world = World(settings(mode, enrolmentKey="aa" * 32, parameters={"p": "password-7"}))
        world.boot()
        for action in world.actions:
            text = provision.describe(action)
            assert not text or (text.startswith(action[0]) and "\n" not in text)
            assert text in ("",) + tuple(line[len("provision ") :] for line in world.state.ports.said)
            for secret in _SECRETS + ("aa" * 32, "password-7"):
                assert secret not in text, text
    assert topics.CREATE_KEYS in provision.describe((provision.ASK, topics.CREATE_KEYS, "{}"))


def test_refusals_are_sorted_by_status_not_by_name():
    for call in ("create", "register"):
        for status, code, message, kind in (
            (500, "InternalFailure", "", AGAIN),
            (503, "ServiceUnavailable", "", AGAIN),
            (599, "", "", AGAIN),
            (429, "TooMany", "", AGAIN),
            (400, "ThrottlingException", "", AGAIN),
            (400, "", "Throttled, come back later", AGAIN),
            (None, "", "", AGAIN),
            ("403", "AccessDenied", "", AGAIN),
            (400, "InvalidRequest", "bad", GIVE_UP),
            (401, "Unauthorized", "", GIVE_UP),
            (403, "AccessDenied", "", GIVE_UP),
            (404, "ResourceNotFound", "", GIVE_UP),
            (409, "Conflict", "", GIVE_UP),
            (499, "Never heard of", "", GIVE_UP),
        ):
            world = World(settings())
            world.cloud.script[call] = [(False, refusal(status, code, message))]
            failure = _failed(world)
            assert failure.kind == kind, (call, status, code, message, failure.kind)
            assert str(status) in str(failure) and code in str(failure) and message in str(failure)
            assert call == "create" or "provisioning-templates" in str(failure)
            assert kind == AGAIN or failure.advice


def test_a_spent_token_starts_over_with_a_new_certificate():
    for mode in MODES:
        for message in ("InvalidCertificateOwnershipToken", "Certificate ownership token cannot be empty."):
            world = World(settings(mode))
            world.cloud.script["register"] = [(False, refusal(400, message, message))]
            assert _failed(world).kind == AGAIN
            assert (world.trial(), world.flash.kept()) == (None, []), "it was certainly not registered"
            world.run()
            assert world.cloud.creates == 2


def test_a_refused_registration_is_repeated_with_the_same_certificate():
    for mode in MODES:
        world = World(settings(mode))
        world.cloud.script["register"] = [(False, refusal(403, "AccessDenied", "hook")) for _ in range(3)]
        for _ in range(3):
            assert _failed(world).kind == GIVE_UP
        world.run()
        assert world.cloud.creates == 1


def test_unreadable_answers_are_asked_for_again():
    broken = (
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"text"',
        b"17",
        b"{",
        b'{"a":' * 3000,
        b"[" * 8000,
        b"{}",
        b'{"thingName": 5}',
        b'{"thingName": ""}',
        b'{"thingName": "x", "deviceConfiguration": []}',
        b'{"certificateId": ["a"], "certificatePem": {}, "certificateOwnershipToken": true}',
    )
    for call in ("create", "register"):
        for raw in broken:
            world = World(settings())
            world.cloud.script[call] = [(True, raw)]
            failure = _failed(world)
            assert failure.kind == AGAIN, raw
            assert len(str(failure)) < 400
            world.run()
            assert world.cloud.creates == 1


def test_a_rejected_answer_that_cannot_be_read_is_asked_for_again():
    for raw in (b"", b"\xff", b"[]", b"{}", b'{"statusCode": {}}', b'{"statusCode": "x", "errorCode": [1]}'):
        for call in ("create", "register"):
            world = World(settings())
            world.cloud.script[call] = [(False, raw)]
            assert _failed(world).kind == AGAIN, raw


def test_a_name_that_no_thing_can_have_is_refused_and_nobody_blames_ento_conf():
    for name in ("a/b", "name with space", "x" * 129, "\u00fc", "a\nb"):
        world = World(settings())
        world.cloud.thing_name = name
        failure = _failed(world)
        assert "thingName" in str(failure) and paths.CONF not in str(failure), str(failure)
        assert world.committed() is None


def test_configuration_of_the_template_is_kept_also_when_there_is_none():
    world = World(settings())
    world.run()
    for answer, expected in (({}, {}), ({fields.DEVICE_CONFIGURATION: None}, {}), ({"x": 1}, {})):
        world = World(settings())
        document = dict(answer)
        document[fields.THING_NAME] = "SN-0001"
        world.cloud.script["register"] = [(True, document)]
        failure = _failed(world)  # the answer was made up: the certificate is not active
        assert isinstance(failure, Refused)
        assert world.journal().configuration == expected


def _ask_until_refused(world):
    """Lose the answer of one create call after the other; the number of calls until the board refuses."""
    while True:
        world.cloud.script["create"] = [Failure(AGAIN, "no answer")]
        failure = _failed(world, world.boot)
        if failure.kind == GIVE_UP:
            assert fields.DAILY_CERTIFICATES in str(failure)
            return world.cloud.creates
        assert world.cloud.creates < 50


def test_the_budget_ends_and_comes_back_the_next_day():
    for limit in (1, 3, 5):
        world = World(settings(dailyCertificates=limit))
        assert _ask_until_refused(world) == limit
        world.time_s += 3600 - world.time_s % 3600  # the hour goes by, the day does not
        assert _failed(world, world.boot).kind == GIVE_UP
        assert world.cloud.creates == limit
        world.time_s += _DAY_S
        assert _ask_until_refused(world) == 2 * limit


def test_a_clock_that_goes_back_a_little_brings_no_new_budget():
    world = World(settings(dailyCertificates=2))
    _ask_until_refused(world)
    for days in (1, 2, 7):
        world.time_s = START_S - days * _DAY_S
        assert _ask_until_refused(world) == 2


def test_a_clock_that_was_years_ahead_does_not_lock_the_budget():
    world = World(settings(dailyCertificates=2))
    world.time_s = START_S + 3650 * _DAY_S
    _ask_until_refused(world)
    world.time_s = START_S
    assert _ask_until_refused(world) == 4


def test_a_clear_no_costs_no_budget_also_after_a_reboot():
    world = World(settings(dailyCertificates=2))
    for _ in range(10):
        world.cloud.script["create"] = [(False, refusal(403, "AccessDenied", "policy"))]
        failure = _failed(world, world.boot)
        assert "AccessDenied" in str(failure), str(failure)
    world.boot()
    assert world.committed()


def test_failures_of_the_shell_come_out_with_their_step():
    for what, step in (
        (paths.BOOTSTRAP, "connect with the claim certificate"),
        ("ask_for", "subscribe"),
        ("ask", "ask"),
        (paths.TRIAL, "connect with the new certificate"),
    ):
        world = World(settings())
        world.failure_at[what] = [Failure(GIVE_UP, "what the port said", "what to do")]
        failure = _failed(world)
        assert str(failure) == step + ": what the port said; what to do"
        world.run()
        assert world.committed()
    world = World(settings())
    mine = Failure(GIVE_UP, "what the port said", "what to do", "its own step")
    world.failure_at["ask_for"] = [mine]
    assert _failed(world) is mine


def test_a_new_certificate_that_is_refused_is_tried_again_not_dropped():
    world = World(settings())
    world.failure_at[paths.TRIAL] = [Refused(AGAIN, "not active yet") for _ in range(5)]
    for _ in range(5):
        assert isinstance(_failed(world), Refused)
    world.run()
    assert world.cloud.creates == 1


def test_a_new_certificate_that_is_refused_for_a_day_is_put_aside():
    world = World(settings())
    world.failure_at[paths.TRIAL] = [Refused(AGAIN, "not active yet") for _ in range(2)]
    assert isinstance(_failed(world), Refused)
    world.time_s += _DAY_S
    failure = _failed(world)
    assert (failure.kind, failure.step) == (AGAIN, "connect with the new certificate")
    assert len(world.flash.kept()) == 1
    world.run()
    assert world.cloud.creates == 2


def test_a_refusal_names_the_step_that_was_refused():
    for call in ("create", "register"):
        world = World(settings())
        world.cloud.script[call] = [(False, refusal(400, "InvalidRequest", "bad"))]
        assert _failed(world).step == provision.ASK


def test_a_new_certificate_that_cannot_be_used_is_put_aside():
    world = World(settings())
    world.failure_at[paths.TRIAL] = [Failure(OVER, "it expired", "a new one is asked for")]
    assert _failed(world).kind == AGAIN
    assert len(world.flash.kept()) == 1
    world.run()
    assert world.cloud.creates == 2


def test_a_wrong_step_in_the_generator_is_a_bug_not_a_failure():
    world = World(settings())
    world.failure_at[paths.BOOTSTRAP] = [KeyError("a bug")]
    raises(KeyError, world.run)
