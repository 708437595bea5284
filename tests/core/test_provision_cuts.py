"""Provisioning under power cuts: at any change, in both key modes, it ends with one proven identity."""

import sys

from cloud import Cloud
from device.claim import journal as journals
from device.claim import provision
from device.core import fields, paths, slots, topics
from device.core.failures import AGAIN, OVER, Failure
from lives import MOST, check, cut, expired, first, retry_until_committed
from world import MODES, START_S, attempt, until_committed

# Every pair of cuts on CPython, a part of them where a second costs ten: the logic is the same.
_THIN = 1 if sys.implementation.name == "cpython" else 7


def _count_lives(begin, mode, most_creates):
    """Cut a life after each of its changes; the number of cuts."""
    for after in range(MOST):
        for twice in (False, True):
            cloud = Cloud()
            cloud.takes_token_twice = twice
            world = begin(mode, cloud)
            was_cut = cut(world, after)
            until_committed(world)
            check(world, most_creates)
        if not was_cut:
            return after
    raise AssertionError("a life without an end")


def test_a_cut_after_any_change_ends_committed():
    for mode in MODES:
        assert _count_lives(first, mode, 2) > 25


def test_a_cut_while_an_expired_identity_is_replaced_keeps_both_keys():
    for mode in MODES:
        assert _count_lives(expired, mode, 3) > 25


def _cut_twice(begin, mode, number, most_creates, thin=1):
    """Cut a life after `number` changes and the next one after its own; whether it came to the first.

    `thin`: cut the second life at one change in so many only, at others with each `number`.
    """
    for second in range(number % thin, MOST, thin):
        world = begin(mode)
        if not cut(world, number):
            return False
        was_cut = cut(world, second)
        until_committed(world)
        check(world, most_creates)
        if not was_cut:
            return True
    raise AssertionError("a life without an end")


def test_two_cuts_after_any_two_changes_end_committed():
    for mode in MODES:
        number = 0
        while _cut_twice(first, mode, number, 3, _THIN):
            number += 1
        assert number > 25


def test_two_cuts_while_an_expired_identity_is_replaced_keep_both_keys():
    for mode in MODES:
        number = 0
        while _cut_twice(expired, mode, number, 4, 3 * _THIN):
            number += 1
        assert number > 25


def test_a_sealed_identity_takes_its_place_at_boot_without_the_claim():
    for begin in (first, expired):
        for mode in MODES:
            sealed = 0
            for after in range(MOST):
                world = begin(mode)
                if not cut(world, after):
                    break
                if world.trial() and slots.document(world.trial()):
                    sealed += 1
                    world.actions = []
                    world.boot()
                    assert world.actions == []
                    check(world, 2)
            assert sealed


def test_a_lost_connection_is_as_good_as_a_cut():
    for begin, most_creates in ((first, 2), (expired, 3)):
        for mode in MODES:
            for what in (paths.BOOTSTRAP, "ask_for", "ask", paths.TRIAL):
                for number in range(2 if what == "ask" else 1):
                    world = begin(mode)
                    world.failure_at[what] = [None] * number + [Failure(AGAIN, "the network is gone")]
                    assert attempt(world.boot).kind == AGAIN, (what, number)
                    retry_until_committed(world)
                    check(world, most_creates)


def test_retry_in_memory_and_reboot_are_the_same_path():
    for mode in MODES:
        for call in ("create", "register"):
            made = []
            for reboot in (False, True):
                world = first(mode)
                world.cloud.script[call] = [Failure(AGAIN, "no answer")]
                attempt(world.run)
                world.boot() if reboot else world.run()
                made.append((world.cloud.creates, world.committed()[paths.CERTIFICATE]))
            assert made[0] == made[1]


def test_a_lost_registration_answer_costs_no_second_certificate():
    for mode in MODES:
        world = first(mode)
        world.cloud.script["register"] = [Failure(AGAIN, "no answer")]
        attempt(world.run)
        world.actions = []
        world.boot()
        assert world.cloud.creates == 1
        assert _connections(world) == [paths.TRIAL], "the identity was tried first"


def _connections(world):
    return [action[1] for action in world.actions if action[0] == provision.CONNECT]


def test_a_key_made_on_the_board_is_used_again_after_a_lost_answer():
    world = first(fields.KEYS_DEVICE)
    world.cloud.script["create"] = [Failure(AGAIN, "no answer")]
    attempt(world.run)
    key = world.trial()[paths.PRIVATE_KEY]
    world.boot()
    assert world.committed()[paths.PRIVATE_KEY] == key


def test_a_name_that_cannot_be_guessed_is_waited_for_then_put_aside():
    """The registration's answer is lost and the template names things otherwise than ento.conf says."""
    for mode in MODES:
        world = first(mode)
        world.cloud.thing_name = "other-name"
        world.cloud.script["register"] = [Failure(AGAIN, "no answer")]
        boots = until_committed(world, wait_s=300)
        assert boots > 10, "the token's hour is waited for"
        assert world.cloud.creates == 2
        assert len(world.flash.kept()) == 1 and world.flash.kept()[0][paths.PRIVATE_KEY]
        check(world, 2)


def test_two_identities_given_up_in_a_row_are_both_kept():
    for mode in MODES:
        for begin, more in ((first, 0), (expired, 1)):
            world = begin(mode, dailyCertificates=9)
            world.cloud.thing_name = "other-name"
            while len(world.flash.kept()) < 2:
                assert world.time_s < START_S + 86400
                world.cloud.script["register"] = [Failure(AGAIN, "no answer")]  # of each boot
                attempt(world.boot)
                world.time_s += 300
            world.cloud.script["register"] = []
            until_committed(world)
            kept = world.flash.names(paths.KEPT)
            assert kept == sorted(certificate.id for certificate in world.cloud.certificates[:-1])
            keys = [slot[paths.PRIVATE_KEY] for slot in world.flash.kept()]
            assert sorted(keys) == sorted(certificate.key for certificate in world.cloud.certificates[:-1])
            check(world, 4 + more)


def test_an_expired_identity_is_replaced_and_its_key_is_kept():
    for mode in MODES:
        world = expired(mode)
        old = world.committed()
        world.boot()
        assert world.flash.kept() == [old] and world.cloud.creates == 2
        assert world.flash.names(paths.KEPT) == world.cloud.expired
        world.cloud.expired.append(world.state.identity.certificate_id)
        newer = world.committed()
        world.run()
        assert sorted(world.flash.names(paths.KEPT)) == sorted(world.cloud.expired)
        assert old in world.flash.kept() and newer in world.flash.kept()
        check(world, 3)


def test_an_active_slot_with_a_broken_seal_is_replaced_and_its_key_is_kept():
    for mode in MODES:
        world = first(mode)
        world.boot()
        world.flash.files[paths.CERT + "/" + paths.IDENTITY] = b"broken"
        world.boot()
        assert [world.cloud.of(slot) for slot in world.flash.kept()] == world.cloud.certificates[:1]
        check(world, 2)


def test_a_template_with_other_names_needs_no_second_certificate_when_all_goes_well():
    world = first(fields.KEYS_CLOUD)
    world.cloud.thing_name = "other-name"
    world.boot()
    assert world.cloud.creates == 1 and world.state.identity.thing_name == "other-name"


def _pending(step, mode=fields.KEYS_CLOUD):
    """A world cut right after the journal reached `step`."""
    for after in range(MOST):
        world = first(mode)
        assert cut(world, after), "the journal never stood at " + step
        if world.journal().step == step:
            return world
    raise AssertionError("a life without an end")


def test_created_journal_with_an_intact_slot_goes_on_with_its_certificate():
    for mode in MODES:
        world = _pending(journals.CREATED, mode)
        world.boot()
        assert world.cloud.creates == 1


def test_registered_journal_with_an_intact_slot_only_proves_and_commits():
    for mode in MODES:
        world = _pending(journals.REGISTERED, mode)
        world.actions = []
        world.boot()
        assert world.cloud.creates == 1 and _connections(world) == [paths.TRIAL]


def test_a_damaged_slot_starts_over_and_is_put_aside_when_it_may_be_active():
    for mode in MODES:
        for step in (journals.CREATED, journals.REGISTERED):
            for name in (paths.CERTIFICATE, paths.PRIVATE_KEY, paths.ROOT_CA):
                world = _pending(step, mode)
                world.lost = [certificate.id for certificate in world.cloud.certificates]
                world.flash.files[paths.TRIAL + "/" + name] = b"damaged"
                key = world.trial()[paths.PRIVATE_KEY]
                world.boot()
                assert world.cloud.creates == 2
                assert [slot[paths.PRIVATE_KEY] for slot in world.flash.kept()] == [key]


def test_a_missing_slot_starts_over():
    for mode in MODES:
        for step in (journals.CREATED, journals.REGISTERED):
            world = _pending(step, mode)
            world.lost = [certificate.id for certificate in world.cloud.certificates]
            world.flash.remove(paths.TRIAL)
            world.boot()
            assert world.cloud.creates == 2


def test_a_slot_that_could_not_be_written_is_dropped_and_asked_for_anew():
    for mode in MODES:
        world = first(mode)
        world.flash.copy = _fails_once(world.flash, world.flash.copy)
        attempt(world.run)
        world.run()
        assert world.cloud.creates == 2
        assert world.flash.kept() == [], "what was never registered frees its place"


def _fails_once(flash, method):
    def fail(*_):
        flash.copy = method
        raise Failure(AGAIN, "flash error")

    return fail


def test_a_token_older_than_55_minutes_is_not_used():
    world = _pending(journals.CREATED)
    world.time_s += 55 * 60
    world.actions = []
    world.boot()
    assert world.cloud.creates == 2
    asked = [action for action in world.actions if action[0] == provision.ASK]
    assert [action[1] for action in asked] == [topics.CREATE_KEYS, topics.register(world.settings.template)]
    assert "token-2" in asked[-1][2]


def test_a_token_younger_than_55_minutes_is_used():
    world = _pending(journals.CREATED)
    world.time_s += 54 * 60
    world.boot()
    assert world.cloud.creates == 1


def test_a_clock_that_was_ahead_does_not_lock_the_board():
    """The clock stood a year ahead when the token came; it is right again, and the token is spent."""
    for mode in MODES:
        world = _pending(journals.CREATED, mode)
        world.cloud.certificates[0].token = None  # deleted by the cloud after its hour
        world.time_s -= 365 * 86400
        until_committed(world, wait_s=300, most=20)
        assert world.cloud.creates == 2


def test_a_new_certificate_that_cannot_be_used_is_put_aside_at_any_cut():
    for mode in MODES:
        for after in range(MOST):
            world = _pending(journals.REGISTERED, mode)
            world.failure_at[paths.TRIAL] = [Failure(OVER, "it cannot be used")]
            was_cut = cut(world, after)
            until_committed(world)
            check(world, 2)
            if not was_cut:
                break
