"""`muster plan` and `muster apply`: one sheet is the fleet."""

import random
import signal
from contextlib import closing
from pathlib import Path

import pytest

from muster.errors import INTERRUPTED, TERMINATED, WRONG_USE
from muster.registry import Registry
from muster.registry.certificates import ACTIVE, REVOKED
from muster.registry.fleet import Device
from muster.registry.things import Thing
from tools.fleet.cli_runner import Tool
from tools.fleet.stopping import stopped


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    made = Tool(tmp_path, monkeypatch)
    made.good("add", "group", "hall")
    made.good("add", "group", "stairs")
    (tmp_path / "first.csv").write_text("name,Colour\nlamp-1,red\nlamp-2,blue\nlamp-3,\nlamp-4,\n")
    made.good("add", "devices", "-g", "hall", "--from-file", "first.csv")
    return made


def fleet(tool: Tool, text: str) -> str:
    (tool.folder / "fleet.csv").write_text(text)
    return "fleet.csv"


def devices(tool: Tool) -> dict[str, Device]:
    with closing(Registry(tool.home)) as registry:
        return {device.name: device for device in registry.devices.all()}


SHEET = (
    "name,group,Colour,state\n"
    "lamp-1,hall,red,\n"  # as it is
    "lamp-2,stairs,green,\n"  # moves and changes
    "lamp-3,hall,,retired\n"
    "lamp-5,stairs,white,\n"  # is new
)


def test_a_plan_shows_and_does_nothing(tool: Tool) -> None:
    before = tool.registry()
    result = tool.good("plan", fleet(tool, SHEET))
    assert result.output == (
        "action\tdevice\tgroup\tdetail\n"
        "create\tlamp-5\tstairs\t\n"
        "move\tlamp-2\tstairs\tfrom hall\n"
        "change\tlamp-2\tstairs\tColour: blue -> green\n"
        "retire\tlamp-3\thall\tthe sheet says so\n"
    )
    assert "create 1, move 1, change 1, retire 1; 1 device unchanged" in result.error
    assert "lamp-4 is not in the sheet, left alone (--retire-missing retires)" in result.error
    assert "a moved device gets another enrolment key" in result.error
    response = tool.good("plan", "fleet.csv", "-o", "json").response
    assert response["counts"] == {"create": 1, "move": 1, "change": 1, "retire": 1}
    assert response["notInSheet"] == ["lamp-4"] and response["unchanged"] == 1
    tool.good("apply", "fleet.csv", "--dry-run")
    assert tool.registry() == before


def test_apply_makes_it_so(tool: Tool) -> None:
    claim = devices(tool)["lamp-2"].claim_id
    result = tool.good("apply", fleet(tool, SHEET), "--yes")
    assert result.output.splitlines()[-1] == "Made 4 changes"
    after = devices(tool)
    assert {name: (one.group, one.state, one.parameters) for name, one in after.items()} == {
        "lamp-1": ("hall", "created", {"Colour": "red"}),
        "lamp-2": ("stairs", "created", {"Colour": "green"}),
        "lamp-3": ("hall", "retired", {}),
        "lamp-4": ("hall", "created", {}),
        "lamp-5": ("stairs", "created", {"Colour": "white"}),
    }
    assert after["lamp-2"].claim_id == claim
    with closing(Registry(tool.home)) as registry:
        events = [(event.event, event.detail) for event in registry.devices.history("lamp-2")]
    assert events[1:] == [("moved", "from hall to stairs"), ("changed", "Colour: blue -> green")]
    again = tool.good("apply", "fleet.csv")
    assert again.output.splitlines()[-1] == "The fleet matches the sheet; nothing to do"
    assert devices(tool) == after


def test_retiring_revokes(tool: Tool) -> None:
    with closing(Registry(tool.home)) as registry:
        registry.things.put(Thing("lamp-4", None, {}, [], 0.0))
        registry.certificates.add("c4", "", ACTIVE, 0.0, 1e12)
        registry.things.attach("lamp-4", "c4")
    words = ("apply", fleet(tool, "name,group\nlamp-1,hall\nlamp-2,hall\nlamp-3,hall\n"), "--yes")
    tool.good(*words)
    assert devices(tool)["lamp-4"].state == "created", "left alone unless it is asked for"
    assert "retire\tlamp-4\thall\tnot in the sheet" in tool.good(*words, "--retire-missing").output
    assert devices(tool)["lamp-4"].state == "retired"
    with closing(Registry(tool.home)) as registry:
        certificate = registry.certificates.get("c4")
    assert certificate is not None and certificate.status == REVOKED
    assert tool.good(*words, "--retire-missing").output.endswith("nothing to do\n")


def test_a_manifest_is_a_sheet_that_changes_nothing(tool: Tool) -> None:
    (folder,) = (tool.home / "batches").iterdir()
    response = tool.good("plan", str(folder / "manifest.csv"), "-o", "json").response
    assert response["changes"] == [] and response["unchanged"] == 4


def test_an_old_sheet_brings_no_retired_device_back(tool: Tool) -> None:
    (folder,) = (tool.home / "batches").iterdir()
    sheet = str(folder / "manifest.csv")
    tool.good("apply", fleet(tool, "name,group,state\nlamp-1,hall,retired\n"), "--yes")
    result = tool.good("apply", sheet, "--yes")
    assert "lamp-1 is retired in the registry, left alone" in result.error
    assert devices(tool)["lamp-1"].state == "retired"


def test_columns_that_the_sheet_lacks_are_left_alone(tool: Tool) -> None:
    sheet = fleet(tool, "name,group,Floor\nlamp-1,hall,2\nlamp-2,hall,\n")
    tool.good("apply", sheet, "--yes")
    assert devices(tool)["lamp-1"].parameters == {"Colour": "red", "Floor": "2"}
    assert devices(tool)["lamp-2"].parameters == {"Colour": "blue"}
    tool.good("apply", fleet(tool, "name,group,Floor,Colour\nlamp-1,hall,2,\n"), "--yes")
    assert devices(tool)["lamp-1"].parameters == {"Floor": "2"}


def test_groups_are_made_only_when_asked_for(tool: Tool) -> None:
    sheet = fleet(tool, "name,group\nlamp-9,attic\n")
    before = tool.registry()
    assert "create group\t\tattic\t--create-groups" in tool.good("plan", sheet).output
    refused = tool("apply", sheet, "--yes")
    assert (
        refused.code == WRONG_USE
        and "there is no group attic; nothing was changed: use --create-groups" in refused.error
    )
    assert tool.registry() == before
    response = tool.good("apply", sheet, "--yes", "--create-groups", "-o", "json").response
    (group,) = response["newGroups"]
    assert group["name"] == "attic" and len(group["provisioningSecret"]) == 43
    assert Path(response["batches"][0]["folder"], "names.txt").read_text() == "lamp-9\n"
    tool.good("apply", fleet(tool, "name,group\nlamp-8,cellar\n"), "--yes", "--create-groups")
    assert "Provisioning Secret" not in tool.good("apply", "fleet.csv", "--create-groups").output


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name,Colour\nlamp-1,red\n", "has the columns name and group"),
        ("name,group,serialID\nlamp-1,hall,x\n", "the board itself gives the parameter 'serialID'"),
        ("name,group\nlamp-1,\nlamp-9,hall\n", "  line 2: the group is missing\n"),
        ("name,group\nlamp-1,Hall\n", "  line 2: the group 'Hall' has 'H' at character 1\n"),
        ("name,group,state\nlamp-1,hall,broken\n", "  line 2: the state 'broken' is unknown"),
        ("name,group,Claim ID\nlamp-1,hall,00000-00000\n", "the claim ID 00000-00000 is not that of lamp-1"),
        ("name,group\nLamp-1,hall\nlamp-9,\n", "2 invalid lines; nothing was changed. Fix them.\n"),
    ],
)
def test_a_wrong_sheet_changes_nothing(tool: Tool, text: str, why: str) -> None:
    before = tool.registry()
    result = tool("apply", fleet(tool, text), "--yes")
    assert result.code == WRONG_USE and why in result.error
    assert tool.registry() == before


def test_nobody_is_asked_without_a_terminal(tool: Tool) -> None:
    before = tool.registry()
    result = tool("apply", fleet(tool, SHEET))
    assert result.code == WRONG_USE and "use --yes" in result.error
    assert tool.registry() == before


def test_an_apply_that_is_stopped_goes_on(tool: Tool) -> None:
    rows = [f"new-{number},{'hall' if number % 2 else 'stairs'},white" for number in range(1000)]
    tool.good("add", "devices", "-g", "stairs", "--count", "1000", "--prefix", "old-")
    rows += [f"old-{number},hall,black" for number in range(1, 1001)]
    sheet = fleet(tool, "name,group,Colour\n" + "\n".join(rows) + "\n")
    words = ("apply", sheet, "--yes", "--retire-missing")
    chance = random.Random(3)
    for _ in range(3):  # the whole is more than 6000 writes
        assert (
            stopped(tool, "SIGKILL", "write", chance.randint(100, 1500), *words).returncode == -signal.SIGKILL
        )
    done = stopped(tool, "SIGINT", "write", 200, *words)
    assert done.returncode == INTERRUPTED and "changes are done, the same command continues" in done.stderr
    done = stopped(tool, "SIGTERM", "write", 200, *words)
    assert done.returncode == TERMINATED and "terminated; " in done.stderr
    for at in range(1, 4):  # in the folders; the devices are all there by then
        assert stopped(tool, "SIGKILL", "file", at, *words).returncode == -signal.SIGKILL
    tool.good(*words)
    after = devices(tool)
    assert len(after) == 2004
    for row in rows:
        name, group, colour = row.split(",")
        assert (after[name].group, after[name].parameters) == (group, {"Colour": colour})
    assert [one.state for one in after.values()].count("retired") == 4
    listed = tool.good("batches", "-o", "json").response
    assert [one["state"] for one in listed] == ["done"] * 4
    for one in listed[2:]:
        assert Path(one["folder"], "names.txt").read_text().count("\n") == 500
