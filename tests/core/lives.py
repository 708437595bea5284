"""Lives of boards: how they begin, how they are cut, and what holds at their end."""

from device.core import paths
from device.core.failures import Failure
from world import PowerCut, World, attempt, settings

MOST = 200  # more changes than any life has


def first(mode, cloud=None, **provisioning):
    """A board that has never had an identity."""
    return World(settings(mode, **provisioning), cloud)


def expired(mode, cloud=None, **provisioning):
    """A board whose identity worked until its dates were over."""
    world = first(mode, cloud, **provisioning)
    world.boot()
    world.cloud.expired.append(world.state.identity.certificate_id)
    return world


def cut(world, after):
    """Boot and cut the power after so many changes; whether it came to that."""
    world.flash.cut_after(after)
    failure = attempt(world.boot)
    world.flash.cut_after(None)
    assert failure is None or isinstance(failure, (PowerCut, Failure))
    return isinstance(failure, PowerCut)


def check(world, most_creates):
    """What holds at the end of every life, however often it was cut."""
    assert 1 <= world.cloud.creates <= most_creates, world.cloud.creates
    certificate = world.cloud.of(world.committed())
    assert certificate.thing == world.state.identity.thing_name
    assert certificate.id == world.state.identity.certificate_id
    held = [world.cloud.of(slot) for slot in world.flash.kept()] + [certificate]
    for active in world.cloud.active():
        assert active in held, "an active certificate whose key is lost"
    before = world.cloud.creates
    world.boot()
    assert world.cloud.creates == before, "nothing more is asked for"
    assert not [path for path in world.flash.files if path.endswith(paths.NEW)], "a boot tidies"


def retry_until_committed(world):
    """Try again without a reboot, as a supervisor would after a failure."""
    for _ in range(5):
        if attempt(world.run) is None:
            return
    raise AssertionError("not committed after 5 tries")
