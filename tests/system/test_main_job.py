"""The main job: a board gives itself an identity and says that it has booted."""

import json

import pytest

from device.core import fields, paths, topics
from tests.system import rig


@pytest.mark.parametrize("key_mode", [fields.KEYS_CLOUD, fields.KEYS_DEVICE])
@pytest.mark.parametrize("bits", [64, 32])
def test_provisions_and_publishes(twin, serial, tmp_path, key_mode, bits):
    path = rig.flash(tmp_path / "flash.img", twin, serial, provisioning={fields.KEYS: key_mode})
    before = rig.certificate_ids(twin)
    rig.boot_to_the_end(path, bits=bits)
    rig.check_provisioned(path, twin, serial, before)
    message = twin.wait_for_publish(topics.booted(topics.DEFAULT_PREFIX, serial))
    assert message.payload == b'{"serialID": "%s", "bootStatus": true}' % serial.encode()
    files = rig.on_flash(path)
    assert len(files) <= 30, "a file takes 4 KB or more of the flash"
    told = json.loads(files[paths.PROVISION])
    assert told[fields.THING_NAME] == serial
    assert told[fields.DEVICE_CONFIGURATION], (
        "the template's device configuration is kept for the application"
    )


def test_second_boot_only_publishes(twin, serial, tmp_path):
    path = rig.flash(tmp_path / "flash.img", twin, serial)
    rig.boot_to_the_end(path)
    before = rig.certificate_ids(twin)
    again = rig.boot_to_the_end(path)
    assert rig.certificate_ids(twin) == before
    assert again.operations == "", "a boot with nothing to do must not wear the flash"
    twin.wait_for_publish(topics.booted(topics.DEFAULT_PREFIX, serial), count=2)
