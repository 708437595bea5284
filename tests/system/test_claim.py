"""Boards that are claimed: they register, poll their builder, and are provisioned in the running loop."""

import json

import pytest

from device.core import fields, paths, topics
from tests.system import builders, mishaps, rig
from tests.system.builders import CLAIM, POLL, PRODUCT, REGISTER


@pytest.fixture
def builder(twin, tmp_path):
    """A builder that runs."""
    with builders.builder(twin, tmp_path) as running:
        yield running


def _check_claimed(path, twin, serial, before):
    """The board is provisioned as any other, and keeps nothing that it does not need."""
    rig.check_provisioned(path, twin, serial, before)
    files = rig.on_flash(path)
    bootstrap = [name for name in files if name.startswith(paths.BOOTSTRAP)]
    assert bootstrap == [f"{paths.BOOTSTRAP}/{paths.ROOT_CA}"], "the temporary credentials are gone"
    told = json.loads(files[paths.PROVISION])
    assert told[fields.REGISTERED] is True and told[fields.THING_NAME] == serial


def test_claimed_after_a_few_polls(builder, twin, serial, tmp_path):
    path = builders.blank(tmp_path / "flash.img", twin, serial, builder.address)
    with mishaps.powered(path) as machine:
        builder.wait_for(POLL, 3)
        before = rig.certificate_ids(twin)
        builder.claimed = True
        machine.wait_for(rig.DONE)
        key = builder.key
        assert PRODUCT not in machine.console and key not in machine.console
    before |= {row.certificate_id for row in twin.registry.certificates.all() if row.is_claim}
    _check_claimed(path, twin, serial, before)
    twin.wait_for_publish(topics.booted(topics.DEFAULT_PREFIX, serial))
    sent = dict(builder.asked)[REGISTER]
    assert sent == {fields.CLAIM: CLAIM, fields.PRODUCT: PRODUCT, fields.REGISTRATION_KEY: key}
    asked = len(builder.asked)
    again = rig.boot_to_the_end(path)
    assert len(builder.asked) == asked, "a board that has its identity does not ask"
    assert again.operations == "", "a boot with nothing to do must not wear the flash"
