"""Provisioning on a flash that fails: as good as a cut, also when memory is then ahead of the flash."""

from device.claim import journal as journals
from device.core import paths
from device.core.failures import AGAIN, Failure
from lives import MOST, check, expired, first, retry_until_committed
from world import MODES, PowerCut, attempt, until_committed


def _fail(world, after):
    """Boot and let the flash fail once after so many changes; whether it came to that."""
    world.flash.fail_at(after)
    attempt(world.boot)
    failed = world.flash.failed
    world.flash.fail_at(None)
    return failed


def test_a_flash_error_at_any_change_is_as_good_as_a_cut():
    """It is tried again without a reboot, so that what is in memory may be ahead of the flash."""
    for begin, most_creates in ((first, 2), (expired, 3)):
        for mode in MODES:
            for number in range(MOST):
                world = begin(mode)
                if not _fail(world, number):
                    break
                retry_until_committed(world)
                check(world, most_creates)
            assert number > 25


def test_an_identity_that_expires_after_a_flash_error_is_kept_as_well():
    """All of it without a reboot: what is in memory must not be that of the identity before."""
    for mode in MODES:
        for number in range(MOST):
            world = first(mode)
            failed = _fail(world, number)
            retry_until_committed(world)
            world.cloud.expired.append(world.state.identity.certificate_id)
            world.run()
            assert world.cloud.expired[0] in world.flash.names(paths.KEPT)
            check(world, 3)
            if not failed:
                break


def test_a_last_journal_entry_that_fails_is_done_without():
    for mode in MODES:
        world = first(mode)
        write, entries = world.flash.write, []

        def fail_at_fourth(path, content, write=write, entries=entries):
            entries.append(path)
            if entries.count(paths.JOURNAL) == 4:
                raise Failure(AGAIN, "flash error")
            write(path, content)

        world.flash.write = fail_at_fourth
        world.boot()
        assert world.journal().step == journals.REGISTERED
        world.flash.write = write
        check(world, 1)
        world.cloud.expired.append(world.state.identity.certificate_id)
        world.boot()
        check(world, 2)


def test_a_cut_after_a_flash_error_loses_nothing():
    for mode in MODES:
        for number in range(MOST):
            for after in range(number % 3, MOST, 3):
                world = first(mode)
                failed = _fail(world, number)
                world.flash.cut_after(after)
                was_cut = isinstance(attempt(world.run), PowerCut)
                world.flash.cut_after(None)
                until_committed(world)
                check(world, 3)
                if not was_cut:
                    break
            if not failed:
                break
