"""The verbs of the fleet: what they print, what they write, what a dry run leaves alone."""

import contextlib
import stat

import pytest

from device.core import claim_ids
from muster.enrolment.secrets import Vault
from muster.registry import Registry
from muster.registry.boots import Boot
from tools.fleet.cli_runner import Tool

SECRET = "Provisioning Secret: "


@pytest.fixture
def hall(tool: Tool) -> Tool:
    """With a group and two devices."""
    tool.good("add", "group", "hall")
    tool.good("add", "device", "-g", "hall", "lamp-1")
    tool.good("add", "device", "-g", "hall", "lamp-2")
    return tool


def stored_secret(tool: Tool, group: str) -> str:
    found = Registry(tool.home).groups.get(group)
    assert found is not None
    return Vault(tool.home).unlock(found.secret)


def test_add_group_speaks_as_the_original(tool: Tool) -> None:
    result = tool.good("add", "group", "hall")
    lines = result.output.splitlines()
    assert lines[:2] == ['Adding group "hall"', 'Added group "hall" successfully']
    assert lines[2:] == [SECRET + stored_secret(tool, "hall")]
    assert result.error == ""


def test_the_secret_is_shown_once_and_lies_nowhere_in_clear(hall: Tool) -> None:
    secret = stored_secret(hall, "hall")
    again = hall.good("add", "group", "hall")
    assert secret not in again.output + again.error
    assert "exists already; nothing was changed" in again.output
    for path in hall.home.rglob("*"):
        assert secret.encode() not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(hall.home.stat().st_mode) == 0o700


def test_add_device_speaks_as_the_original(hall: Tool) -> None:
    lines = hall.good("add", "device", "-g", "hall", "lamp-3").output.splitlines()
    assert lines[:2] == ['Adding device "lamp-3"', 'Added device "lamp-3" successfully']
    assert lines[2].startswith("Claim ID: ")
    before = hall.registry()
    again = hall.good("add", "device", "-g", "hall", "lamp-3").output.splitlines()
    assert again == ['Device "lamp-3" exists already in group "hall"; nothing was changed.', lines[2]]
    assert hall.registry() == before


def test_listings_for_pipes_and_scripts(hall: Tool) -> None:
    head, *rows = (line.split("\t") for line in hall.good("get", "devices").output.splitlines())
    assert head[:3] == ["device", "group", "state"]
    assert [row[:3] for row in rows] == [["lamp-1", "hall", "created"], ["lamp-2", "hall", "created"]]
    response = hall.good("get", "devices", "-o", "json").response
    assert [device["name"] for device in response] == ["lamp-1", "lamp-2"]
    (group,) = hall.good("get", "groups", "-o", "json").response
    assert (group["name"], group["devices"], group["provisioned"]) == ("hall", 2, 0)


def test_devices_by_state_and_with_their_last_boot(hall: Tool) -> None:
    with contextlib.closing(Registry(hall.home)) as registry:
        registry.boots.put(Boot("lamp-2", "cameraDevice/lamp-2/booted", b"{}", 1_700_000_000))
    hall.good("provision", "lamp-2")
    head, *rows = hall.good("get", "devices", "--state", "provisioned", "--last-boot").output.splitlines()
    assert head.split("\t")[-1] == "last boot" and len(rows) == 1
    assert rows[0].split("\t")[0] == "lamp-2" and rows[0].endswith("2023-11-14T22:13:20Z")
    assert "last boot" not in hall.good("get", "devices").output
    boots = [one["lastBootAt"] for one in hall.good("get", "devices", "-o", "json").response]
    assert boots == [None, "2023-11-14T22:13:20Z"]
    none = hall.good("get", "devices", "--state", "retired")
    assert none.error == "muster: there are no devices in the state retired\n"


def test_a_claim_id_has_one_form(hall: Tool) -> None:
    added = hall.good("add", "device", "-g", "hall", "lamp-3", "-o", "json").response["claimId"]
    assert added[5] == "-", "the form of the label"
    assert hall.good("get", "device", "lamp-3", "-o", "json").response["claimId"] == added
    listed = hall.good("get", "devices", "-o", "json").response
    assert [one["claimId"] for one in listed if one["name"] == "lamp-3"] == [added]
    assert hall.good("find", added, "-o", "json").response["claimId"] == added


def test_an_empty_listing_says_what_to_do(tool: Tool) -> None:
    tool.good("add", "group", "hall")
    result = tool.good("get", "devices", "-g", "hall")
    assert result.output.count("\n") == 1
    assert result.error == "muster: no devices yet: create one with `muster add device -g hall NAME`\n"


def test_get_device_has_details_and_history(hall: Tool) -> None:
    hall.good("provision", "lamp-1")
    hall.good("refresh", "certificate", "lamp-1")
    shown = hall.good("get", "device", "lamp-1", "-o", "json").response
    assert (shown["group"], shown["state"]) == ("hall", "provisioned")
    assert [one["status"] for one in shown["certificates"]] == ["REVOKED", "ACTIVE"]
    assert [one["event"] for one in shown["history"]] == ["created", "provisioned", "certificate refreshed"]
    assert "certificate refreshed: " in hall.good("get", "device", "lamp-1").output


def test_find_by_what_the_page_of_a_board_shows(hall: Tool) -> None:
    claim = hall.good("get", "device", "lamp-2", "-o", "json").response["claimId"].replace("-", "")
    shown = claim_ids.shown(claim)
    assert hall.good("find", shown, "-o", "json").response["name"] == "lamp-2"
    wrong = shown[:-1] + ("7" if shown[-1] != "7" else "8")
    assert "does not fit the others" in hall("find", wrong).error


def test_find_by_claim_id(hall: Tool) -> None:
    claim = hall.good("get", "device", "lamp-2", "-o", "json").response["claimId"]
    assert hall.good("find", claim.lower(), "-o", "json").response["name"] == "lamp-2"
    wrong = ("0" if claim[0] != "0" else "1") + claim[1:]
    assert "symbol 1 looks wrong" in hall("find", wrong).error


def test_refresh_provision_secret(hall: Tool) -> None:
    before = stored_secret(hall, "hall")
    result = hall.good("refresh", "provision-secret", "hall")
    assert result.output.splitlines()[-1] == SECRET + stored_secret(hall, "hall")
    assert stored_secret(hall, "hall") != before
    assert "images built for its 2 unprovisioned devices are refused from now on" in result.error


def test_provision_warns_and_writes_private_files(hall: Tool) -> None:
    result = hall.good("provision", "lamp-1", "--out", "keys", "--ttl", "24")
    assert "not recommended where the board can provision itself" in result.error
    assert "unless the board renews it itself" in result.error
    written = [
        line.removeprefix("File: ") for line in result.output.splitlines() if line.startswith("File: ")
    ]
    assert len(written) == 4
    for path in written:
        assert stat.S_IMODE((hall.folder / path).stat().st_mode) == 0o600
    assert "PRIVATE KEY" not in result.output + result.error


def test_deprovision_twice(hall: Tool) -> None:
    hall.good("provision", "lamp-1")
    assert "1 certificate revoked" in hall.good("deprovision", "lamp-1").output
    before = hall.registry()
    assert "is not provisioned; nothing was changed." in hall.good("deprovision", "lamp-1").output
    assert hall.registry() == before


def test_retire_and_reinstate_keep_the_label(hall: Tool) -> None:
    hall.good("provision", "lamp-1")
    claim = hall.good("get", "device", "lamp-1", "-o", "json").response["claimId"]
    asked = hall("retire", "device", "lamp-1")
    assert asked.code == 2 and "nothing was changed" in asked.error
    said = hall.good("retire", "device", "lamp-1", "--dry-run").output
    assert said == 'Would retire device "lamp-1" of group "hall" (provisioned) and revoke 1 certificate\n'
    hall.good("retire", "device", "lamp-1", "--yes")
    before = hall.registry()
    assert "is retired already; nothing was changed." in hall.good("retire", "device", "lamp-1").output
    assert hall.registry() == before
    assert "Would reinstate" in hall.good("reinstate", "device", "lamp-1", "--dry-run").output
    assert hall.registry() == before
    hall.good("reinstate", "device", "lamp-1")
    shown = hall.good("get", "device", "lamp-1", "-o", "json").response
    assert (shown["state"], shown["group"], shown["claimId"]) == ("created", "hall", claim)
    assert [one["status"] for one in shown["certificates"]] == ["REVOKED"]
    assert [one["event"] for one in shown["history"]][-2:] == ["retired", "reinstated"]
    assert shown["history"][-2]["detail"] == "1 certificate revoked"
    assert "is created, not retired" in hall.good("reinstate", "device", "lamp-1").output
    hall.good("provision", "lamp-1")


def test_delete_device_revokes_and_forgets(hall: Tool) -> None:
    hall.good("provision", "lamp-1")
    said = hall.good("delete", "device", "lamp-1", "--dry-run").output
    assert said.startswith('Would delete device "lamp-1" of group "hall" (provisioned), its history')
    assert "and revoke 1 certificate\n" in said
    hall.good("delete", "device", "lamp-1", "--yes")
    registry = Registry(hall.home)
    assert registry.devices.names() == {"lamp-2"}
    assert registry.things.names() == []
    assert [one.status for one in registry.certificates.all() if not one.is_claim] == ["REVOKED"]
    hall.good("add", "device", "-g", "hall", "lamp-1")
    assert hall.good("get", "device", "lamp-1", "-o", "json").response["certificates"] == []


def test_delete_group_takes_everything_in_it(hall: Tool) -> None:
    hall.good("provision", "lamp-2")
    hall.good("add", "group", "stairs")
    response = hall.good("delete", "group", "hall", "-y", "-o", "json").response
    assert response == {"name": "hall", "devices": 2, "certificates": 1}
    registry = Registry(hall.home)
    assert [group.name for group, _ in registry.groups.all()] == ["stairs"]
    assert registry.devices.names() == set()
    assert [one.status for one in registry.certificates.all() if not one.is_claim] == ["REVOKED"]


@pytest.mark.parametrize(
    "line",
    [
        "add group stairs",
        "add group hall",
        "add device -g hall lamp-3",
        "add device -g hall lamp-1",
        "refresh provision-secret hall",
        "provision lamp-1",
        "refresh certificate lamp-2",
        "deprovision lamp-2",
        "retire device lamp-2",
        "reinstate device lamp-1",
        "delete device lamp-1",
        "delete group hall",
        "profile add lab --home lab",
    ],
)
def test_a_dry_run_writes_nothing(hall: Tool, line: str) -> None:
    hall.good("provision", "lamp-2")
    before, files = hall.registry(), sorted(hall.folder.rglob("*"))
    for form in ("plain", "json"):
        hall.good(*line.split(), "--dry-run", "-o", form)
    assert hall.registry() == before
    assert sorted(hall.folder.rglob("*")) == files


def test_a_dry_run_without_a_home_makes_none(tool: Tool) -> None:
    assert tool.good("add", "group", "hall", "--dry-run").output == 'Would add group "hall"\n'
    assert not tool.home.exists()


def test_a_home_that_cannot_be_used_is_one_sentence(tool: Tool) -> None:
    (tool.folder / "file").write_text("")
    result = tool("add", "group", "hall", "--home", "file/below")
    assert result.code == 1
    assert result.error.startswith("muster: the folder file/below cannot be used (Not a directory): ")


def test_a_key_that_others_may_read_is_refused(hall: Tool) -> None:
    (hall.home / "registry.key").chmod(0o644)
    result = hall("refresh", "provision-secret", "hall")
    assert result.code == 1
    assert "may be read by others (mode 0644): run `chmod 600" in result.error
