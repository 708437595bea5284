"""A renewal under power cuts, failures and refusals: the board always has an identity that works.

The cloud of this model revokes the old certificate at the earliest moment that any cloud could choose: when a
connection with the new one is accepted.
"""

import json

from cloud import refusal
from device.claim import provision
from device.core import fields, paths, slots, topics
from device.core.failures import AGAIN, GIVE_UP, OVER, Failure, Refused
from lives import MOST, first
from world import MODES, PowerCut, attempt


def _settled(mode, **provisioning):
    """A board with an identity that works."""
    provisioning.setdefault("dailyCertificates", 9)
    world = first(mode, **provisioning)
    world.boot()
    world.actions = []
    return world


def _until_renewed(world, old_id, most=6):
    """Try again, as after a restart, until the identity is another one; the number of tries."""
    for number in range(1, most + 1):
        failure = attempt(world.renew)
        if failure is None:
            assert world.state.identity.certificate_id != old_id
            return number
        assert isinstance(failure, Failure) and failure.kind == AGAIN, failure
        world.time_s += 60
    raise AssertionError("not renewed")


def _check(world, old_id):
    """One identity, active and whole; nothing else is active but the one before; its key is there."""
    certificate = world.cloud.of(world.committed())
    assert certificate.thing == world.state.identity.thing_name
    assert certificate.id == world.state.identity.certificate_id != old_id
    assert world.cloud.active() == [certificate]
    assert world.trial() is None
    assert not [path for path in world.flash.files if path.endswith(paths.NEW)]
    assert old_id in world.flash.names(paths.KEPT)


def test_a_renewal_replaces_the_identity_over_its_own_connection():
    for mode in MODES:
        world = _settled(mode)
        old, old_id = world.committed(), world.state.identity.certificate_id
        world.renew()
        _check(world, old_id)
        kinds = [action[:3] for action in world.actions if action[0] == provision.CONNECT]
        assert kinds == [
            (provision.CONNECT, paths.CERT, world.state.identity.thing_name),
            (provision.CONNECT, paths.TRIAL, world.state.identity.thing_name),
        ]
        asked = [action[1] for action in world.actions if action[0] == provision.ASK]
        assert asked[-1] == topics.register(topics.DEFAULT_RENEWAL_TEMPLATE)
        assert world.committed()[paths.PRIVATE_KEY] != old[paths.PRIVATE_KEY], "a new key each time"


def test_a_renewal_needs_no_claim_credentials_and_sends_no_proof():
    for mode in MODES:
        world = _settled(mode, enrolmentKey="00" * 32)
        for name in slots.FILES:
            world.flash.remove(paths.BOOTSTRAP + "/" + name)
        world.renew()
        sent = json.loads([action[2] for action in world.actions if action[0] == provision.ASK][-1])
        assert list(sent[fields.PARAMETERS]) == [fields.PARAMETER_SERIAL]


def test_a_cut_after_any_change_leaves_an_identity_that_works():
    for mode in MODES:
        for after in range(MOST):
            world = _settled(mode)
            old_id = world.state.identity.certificate_id
            world.flash.cut_after(after)
            failure = attempt(world.renew)
            world.flash.cut_after(None)
            was_cut = isinstance(failure, PowerCut)
            assert was_cut or failure is None
            assert len(world.cloud.active()) <= 2
            _until_renewed(world, old_id) if was_cut and _id(world) == old_id else world.boot()
            _check(world, old_id)
            assert world.cloud.creates <= 3
            if not was_cut:
                break
        assert after > 25


def _id(world):
    """The certificate id of the active slot, once the board has put its slots in order."""
    world.state = None
    attempt(world.boot) if slots.document(world.trial() or {}) else None
    return slots.opened(slots.document(world.committed())).certificate_id


def test_a_failure_anywhere_leaves_the_old_identity_in_place():
    for mode in MODES:
        for what, number in ((paths.CERT, 1), ("ask_for", 0), ("ask", 0), ("ask", 1), (paths.TRIAL, 0)):
            world = _settled(mode)
            old_id = world.state.identity.certificate_id
            world.failure_at[what] = [None] * number + [Failure(AGAIN, "the network is gone")]
            assert attempt(world.renew).kind == AGAIN, (what, number)
            assert world.committed() and _id(world) == old_id
            assert _until_renewed(world, old_id) == 1
            _check(world, old_id)
            assert world.cloud.creates == 2, "the certificate that was made is used"


def test_a_refused_renewal_changes_nothing():
    for mode in MODES:
        for call in ("create", "register"):
            world = _settled(mode)
            before = world.committed()
            world.cloud.script[call] = [(False, refusal(403, "AccessDenied", "no"))] * 3
            for _ in range(3):
                failure = attempt(world.renew)
                assert failure.kind == GIVE_UP and failure.step == provision.ASK
            assert world.committed() == before and len(world.cloud.active()) == 1
            world.renew()
            _check(world, slots.opened(slots.document(before)).certificate_id)


def test_a_new_certificate_that_is_refused_is_tried_for_a_day_then_put_aside():
    for mode in MODES:
        world = _settled(mode)
        old_id = world.state.identity.certificate_id
        world.failure_at[paths.TRIAL] = [Refused(AGAIN, "it is not active")] * 3
        for _ in range(2):
            assert isinstance(attempt(world.renew), Refused)
            assert _id(world) == old_id, "the old identity stays"
        world.time_s += 86400
        assert attempt(world.renew).kind == AGAIN
        world.renew()
        assert world.cloud.creates == 3 and _id(world) == world.cloud.certificates[-1].id
        assert world.flash.names(paths.KEPT) == [one.id for one in world.cloud.certificates[:-1]]


def test_a_new_certificate_that_cannot_be_used_is_put_aside():
    for mode in MODES:
        world = _settled(mode)
        old_id = world.state.identity.certificate_id
        world.failure_at[paths.TRIAL] = [Failure(OVER, "the key does not match")]
        assert attempt(world.renew).kind == AGAIN and _id(world) == old_id
        world.renew()
        assert world.cloud.creates == 3 and len(world.flash.kept()) == 2


def test_again_and_again_the_flash_keeps_one_old_identity():
    for mode in MODES:
        world = _settled(mode)
        for number in range(2, 8):
            old_id = world.state.identity.certificate_id
            world.renew()
            _check(world, old_id)
            assert world.flash.names(paths.KEPT) == [old_id], "those before are over"
            assert world.cloud.creates == number


def test_the_configuration_stays_when_the_template_has_none():
    for mode in MODES:
        world = _settled(mode)
        register = world.cloud.register

        def without(payload, now, register=register):
            agreed, document = register(payload, now)
            document.pop(fields.DEVICE_CONFIGURATION, None)
            return agreed, document

        world.cloud.register = without
        world.renew()
        world.renew()
        told = json.loads(world.flash.read(paths.PROVISION))
        assert told[fields.DEVICE_CONFIGURATION] == {"zone": "north"}
        assert told[fields.CERTIFICATE_ID] == world.state.identity.certificate_id


def test_the_daily_budget_counts_renewals():
    world = _settled(fields.KEYS_CLOUD, dailyCertificates=2)
    world.renew()
    failure = attempt(world.renew)
    assert failure.kind == GIVE_UP and "budget of 2" in failure.cause
    world.time_s += 86400
    world.renew()


def test_the_endpoint_of_the_identity_stays():
    world = _settled(fields.KEYS_CLOUD)
    world.settings = world.settings[:1] + ("elsewhere.example",) + world.settings[2:]
    world.settings = type(first(fields.KEYS_CLOUD).settings)(*world.settings)
    world.renew()
    assert world.state.identity.endpoint == "twin.example"
