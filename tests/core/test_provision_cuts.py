"""Provisioning under power cuts: at any action, in both key modes, it ends with one proven identity."""

from device.claim import journal as journals
from device.claim import provision
from device.core import fields, paths, topics
from device.core.failures import AGAIN, Failure
from world import AFTER, BEFORE, MIDDLE, MODES, Cloud, World, attempt, settings, text_of, until_committed


def _whole(mode):
    world = World(settings(mode))
    world.boot()
    return world


def _check(world, most_creates):
    """What holds at the end of every life, however often it was cut."""
    assert 1 <= world.cloud.creates <= most_creates, world.cloud.creates
    certificate_id = [
        name
        for name in world.cloud.active()
        if world.committed[paths.CERTIFICATE] == text_of("CERTIFICATE", name).encode()
    ]
    assert len(certificate_id) == 1, "the committed certificate is active"
    for name in world.cloud.active():  # no active certificate whose key is lost
        held = [slot[paths.CERTIFICATE] for slot in world.kept + [world.committed]]
        assert text_of("CERTIFICATE", name).encode() in held
    world.boot()  # and nothing more is asked for
    assert world.cloud.creates <= most_creates


def _cut_life(mode, cuts, cloud):
    """A life with power cuts at these (action, moment), one a boot; then boots until committed."""
    world = World(settings(mode), cloud)
    for cut in cuts:
        world.cut_at = cut
        attempt(world.boot)
    world.cut_at = None
    until_committed(world)
    return world


def test_a_cut_at_any_action_ends_committed():
    for mode in MODES:
        for number in range(len(_whole(mode).actions)):
            for when in (BEFORE, MIDDLE, AFTER):
                for twice in (False, True):
                    cloud = Cloud()
                    cloud.takes_token_twice = twice
                    _check(_cut_life(mode, [(number, when)], cloud), 2)


def test_two_cuts_at_any_two_actions_end_committed():
    for mode in MODES:
        count = len(_whole(mode).actions)
        for first in range(count):
            for second in range(count):
                for when in (BEFORE, MIDDLE, AFTER):
                    _check(_cut_life(mode, [(first, AFTER), (second, when)], Cloud()), 3)


def test_a_lost_answer_is_as_good_as_a_cut():
    for mode in MODES:
        for number in range(len(_whole(mode).actions)):
            world = World(settings(mode))
            action = _whole(mode).actions[number]
            world.failure_at[action[0]] = [Failure(AGAIN, "the network is gone")]
            failure = attempt(world.run)
            assert failure is None or failure.kind == AGAIN
            for _ in range(3):
                if world.committed is None:
                    world.run()
            _check(world, 2)


def test_retry_in_memory_and_reboot_are_the_same_path():
    for mode in MODES:
        for call in ("create", "register"):
            made = []
            for reboot in (False, True):
                world = World(settings(mode))
                world.cloud.script[call] = [Failure(AGAIN, "no answer")]
                attempt(world.run)
                world.boot() if reboot else world.run()
                made.append((world.cloud.creates, world.committed[paths.CERTIFICATE]))
            assert made[0] == made[1]


def test_a_lost_registration_answer_costs_no_second_certificate():
    for mode in MODES:
        world = World(settings(mode))
        world.cloud.script["register"] = [Failure(AGAIN, "no answer")]
        attempt(world.run)
        world.boot()
        assert world.cloud.creates == 1
        assert provision.OPEN_CLAIM not in [action[0] for action in world.actions[-2:]], (
            "the trial came first"
        )


def test_a_key_made_on_the_board_is_used_again_after_a_lost_answer():
    world = World(settings(fields.KEYS_DEVICE))
    world.cloud.script["create"] = [Failure(AGAIN, "no answer")]
    attempt(world.run)
    key = world.trial[paths.PRIVATE_KEY]
    world.boot()
    assert world.committed[paths.PRIVATE_KEY] == key


def test_a_name_that_cannot_be_guessed_is_waited_for_then_put_aside():
    """The registration's answer is lost and the template names things otherwise than ento.conf says."""
    for mode in MODES:
        world = World(settings(mode))
        world.cloud.thing_name = "other-name"
        world.cloud.script["register"] = [Failure(AGAIN, "no answer")]
        boots = until_committed(world, wait_s=300)
        assert boots > 10, "the token's hour is waited for"
        assert world.cloud.creates == 2
        assert len(world.kept) == 1 and world.kept[0][paths.PRIVATE_KEY]
        _check(world, 2)


def test_a_template_with_other_names_needs_no_second_certificate_when_all_goes_well():
    world = World(settings(fields.KEYS_CLOUD))
    world.cloud.thing_name = "other-name"
    world.boot()
    assert world.cloud.creates == 1


def _pending(step, mode=fields.KEYS_CLOUD):
    """A world cut right after the journal reached `step`."""
    whole = _whole(mode)
    for number in range(len(whole.actions)):
        if whole.actions[number][0] == provision.SAVE_JOURNAL:
            world = World(settings(mode))
            world.cut_at = (number, AFTER)
            attempt(world.boot)
            if journals.decode(world.journal).step == step:
                world.cut_at = None
                return world
    raise AssertionError("the journal never stood at " + step)


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
        assert [action[0] for action in world.actions] == [provision.OPEN_TRIAL, provision.COMMIT]


def test_a_damaged_slot_starts_over_and_is_put_aside_when_it_may_be_active():
    for mode in MODES:
        for step in (journals.CREATED, journals.REGISTERED):
            for name in (paths.CERTIFICATE, paths.PRIVATE_KEY, paths.ROOT_CA):
                world = _pending(step, mode)
                world.trial[name] = b"damaged"
                key = world.trial[paths.PRIVATE_KEY]
                world.boot()
                assert world.cloud.creates == 2
                assert [slot[paths.PRIVATE_KEY] for slot in world.kept] == [key]


def test_a_missing_slot_starts_over():
    for mode in MODES:
        for step in (journals.CREATED, journals.REGISTERED):
            world = _pending(step, mode)
            world.trial = None
            world.boot()
            assert world.cloud.creates == 2


def test_a_slot_that_could_not_be_written_is_dropped_and_asked_for_anew():
    for mode in MODES:
        world = World(settings(mode))
        world.failure_at[provision.SAVE_SLOT] = [Failure(AGAIN, "flash error")]
        attempt(world.run)
        world.run()
        assert (world.cloud.creates, world.kept) == (2, []), "what was never registered frees its place"


def test_a_token_older_than_55_minutes_is_not_used():
    world = _pending(journals.CREATED)
    world.time_s += 55 * 60
    world.boot()
    assert world.cloud.creates == 2
    asked = [action for action in world.actions if action[0] == provision.ASK]
    register = topics.register(world.settings.template)
    assert [action[1] for action in asked] == [topics.CREATE_KEYS, topics.CREATE_KEYS, register]
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
        world.cloud.certificates = {}  # deleted by the cloud after its hour
        world.time_s -= 365 * 86400
        until_committed(world, wait_s=300, most=20)
        assert world.cloud.creates == 2
