"""Two scripts that call `iotactl`: run unchanged through a link named iotactl, and run again without harm."""

import contextlib
from pathlib import Path
from typing import Any

import pytest

from iotactl_scripts import COUNT, KNOWN_NAMES, NAMES_FILE, SECRET_FILE, UNKNOWN_NAMES, Desk
from muster import errors
from muster.enrolment.secrets import Vault
from muster.registry import Registry

GROUP = "room2-lights"
NAMES = ["hall-1", "hall-2", "stairs"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "desk", tmp_path / "home")


def everything(desk: Desk) -> tuple[list[Any], list[Any], list[Any]]:
    """All that the registry knows of groups and devices."""
    with contextlib.closing(Registry(desk.home)) as registry:
        devices = registry.devices.all()
        history = [registry.devices.history(device.name) for device in devices]
        return registry.groups.all(), devices, history


def test_unknown_names_then_known_ones(desk: Desk) -> None:
    first = desk.script(UNKNOWN_NAMES, GROUP)
    assert (first.returncode, first.stderr) == (errors.GOOD, "")
    made = [f"test-device-{number}" for number in range(1, COUNT + 1)]
    groups, devices, history = everything(desk)
    assert [(device.name, device.group) for device in devices] == [(name, GROUP) for name in made]
    assert (desk.folder / NAMES_FILE).read_text().split() == made
    assert 'Added device "test-device-10" successfully' in first.stdout
    assert Vault(desk.home).unlock(groups[0][0].secret) == desk.secret()

    again = desk.script(KNOWN_NAMES, GROUP)  # the second script takes the names of the first
    assert again.returncode == errors.GOOD
    assert again.stdout.count("exists already") == COUNT
    assert everything(desk) == (groups, devices, history)


def test_a_second_run_does_no_harm_and_says_so(desk: Desk) -> None:
    (desk.folder / NAMES_FILE).write_text("\n".join(NAMES) + "\n")
    assert desk.script(KNOWN_NAMES, GROUP).returncode == errors.GOOD
    before = everything(desk)

    again = desk.script(KNOWN_NAMES, GROUP)
    assert again.returncode == errors.GOOD
    assert everything(desk) == before
    for name in NAMES:
        assert f'Device "{name}" exists already in group "{GROUP}"; nothing was changed.' in again.stdout
    assert again.stderr.startswith(f'iotactl: Group "{GROUP}" exists already; nothing was changed.')
    # The shell has emptied the file before muster began: it now says how to get a secret again.
    said = (desk.folder / SECRET_FILE).read_text()
    assert said.startswith(f'Group "{GROUP}" exists already; nothing was changed.')
    command = said.rstrip().rpartition("for a new one: ")[2]
    refreshed = desk.run(*command.split())
    assert refreshed.returncode == errors.GOOD
    assert "Provisioning Secret: " in refreshed.stdout


def test_known_names_skips_empty_lines_and_goes_on_after_a_bad_one(desk: Desk) -> None:
    path = desk.folder / NAMES_FILE
    path.write_text("hall-1\n\nhall.2\nstairs\n")
    stopped = desk.script(KNOWN_NAMES, GROUP)
    assert stopped.returncode == errors.WRONG_USE
    assert "'hall.2' has '.' at character 5" in stopped.stderr
    assert [device.name for device in everything(desk)[1]] == ["hall-1"]

    path.write_text("hall-1\n\nhall-2\nstairs\n")
    assert desk.script(KNOWN_NAMES, GROUP).returncode == errors.GOOD
    assert [device.name for device in everything(desk)[1]] == ["hall-1", "hall-2", "stairs"]


def test_an_unfilled_placeholder_is_refused_before_anything_is_made(desk: Desk) -> None:
    stopped = desk.script(UNKNOWN_NAMES, "<Group Name>")
    assert stopped.returncode == errors.WRONG_USE
    assert "the group name '<Group Name>' has '<' at character 1" in stopped.stderr
    assert not desk.home.exists()


def test_iotactl_speaks_of_itself(desk: Desk) -> None:
    helped = desk.run("iotactl", "add", "device", "--help")
    assert helped.stdout.startswith("Usage: iotactl add device ")
    assert desk.run("iotactl", "--version").stdout.startswith("iotactl, version ")
    wrong = desk.run("iotactl", "ad")
    assert wrong.stderr == "iotactl: No such command 'ad'. Did you mean 'add'? See `iotactl --help`.\n"
