"""The devices that two scripts create with `iotactl` provision on virtual boards, while a twin runs."""

from pathlib import Path

import pytest

from device.core import fields
from iotactl_scripts import KNOWN_NAMES, NAMES_FILE, UNKNOWN_NAMES, Desk
from muster import errors
from muster.enrolment.secrets import enrolment_key
from muster.registry.fleet import PROVISIONED
from muster.twin.server import RunningTwin, running_twin
from tests.system import rig

KNOWN = ("hall-lamp", "stairs-2")


@pytest.mark.parametrize(
    ("which", "names"), [(UNKNOWN_NAMES, ["test-device-1", "test-device-10"]), (KNOWN_NAMES, KNOWN)]
)
def test_devices_of_the_script_provision(which: str, names: list[str], tmp_path: Path) -> None:
    with running_twin(tmp_path / "home") as twin:
        desk = Desk(tmp_path / "desk", tmp_path / "home")
        (desk.folder / NAMES_FILE).write_text("".join(f"{name}\n" for name in KNOWN))
        result = desk.script(which, "room2-lights")
        assert result.returncode == errors.GOOD, result.stderr
        for name in names:
            provision(twin, name, desk.secret(), tmp_path / f"{name}.img")
            device = twin.registry.devices.get(name)
            assert device is not None
            assert (device.group, device.state) == ("room2-lights", PROVISIONED)


def provision(twin: RunningTwin, name: str, secret: str, path: Path) -> None:
    """Boot the board of this name, with the enrolment key that the printed secret gives, to the end."""
    before = rig.certificate_ids(twin)
    rig.flash(path, twin, name, provisioning={fields.ENROLMENT_KEY: enrolment_key(secret, name).hex()})
    rig.boot_to_the_end(path)
    rig.check_provisioned(path, twin, name, before)
