"""`muster add devices` and `muster batches`."""

import csv
import io
import stat
import sys
from contextlib import closing
from pathlib import Path

import pytest

from muster.enrolment import secrets
from muster.errors import FAILED, PARTLY_DONE, WRONG_USE
from muster.fleet import claim_ids, steps
from muster.registry import Registry
from muster.registry.fleet import RETIRED, Group
from tools.fleet.cli_runner import Tool


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    made = Tool(tmp_path, monkeypatch)
    made.good("add", "group", "hall")
    return made


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_numbered_devices_are_those_of_the_seed(tool: Tool) -> None:
    result = tool.good("add", "devices", "-g", "hall", "--count", "3", "--prefix", "test-device-")
    assert result.output.startswith('Added 3 devices to group "hall"\nBatch ')
    (folder,) = (tool.home / "batches").iterdir()
    assert (folder / "names.txt").read_text() == "test-device-1\ntest-device-2\ntest-device-3\n"
    assert (
        "history" not in result.output
        and "created: in group hall" in tool.good("get", "device", "test-device-2").output
    )


def test_the_second_run_changes_nothing(tool: Tool) -> None:
    words = ("add", "devices", "-g", "hall", "--count", "12")
    first = tool.good(*words)
    (folder,) = (tool.home / "batches").iterdir()
    before, times = tool.registry(), [path.stat().st_mtime_ns for path in folder.iterdir()]
    second = tool.good(*words)
    assert second.output == "12 exist already; nothing to do\n" + first.output.split("\n", 1)[1]
    assert tool.registry() == before
    assert times == [path.stat().st_mtime_ns for path in folder.iterdir()]


def test_more_of_the_same_is_another_batch(tool: Tool) -> None:
    tool.good("add", "devices", "-g", "hall", "--count", "2")
    result = tool.good("add", "devices", "-g", "hall", "--count", "5", "-o", "json").response
    assert (result["created"], result["existing"]) == (3, 2)
    assert Path(result["folder"], "names.txt").read_text() == "hall-3\nhall-4\nhall-5\n"
    listed = tool.good("batches", "-o", "json").response
    assert [(one["devices"], one["of"], one["state"]) for one in listed] == [(2, 2, "done"), (3, 3, "done")]
    assert [one["batch"][10:] for one in listed] == ["-001-hall", "-002-hall"]


def names_in(result: dict[str, str]) -> list[str]:
    return Path(result["folder"], "names.txt").read_text().split()


@pytest.mark.parametrize(
    ("options", "first", "last"),
    [
        ("--start 101", "hall-101", "hall-103"),
        ("--start 0", "hall-0", "hall-2"),
        ("--digits 4", "hall-0001", "hall-0003"),
        ("--digits 3 --start 99 --prefix SN_", "SN_099", "SN_101"),
        ("--start next", "hall-1", "hall-3"),
    ],
)
def test_where_numbers_begin_and_how_long_they_are(tool: Tool, options: str, first: str, last: str) -> None:
    words = ("add", "devices", "-g", "hall", "--count", "3", *options.split(), "-o", "json")
    made = names_in(tool.good(*words).response)
    assert (made[0], made[-1], len(made)) == (first, last, 3)


def test_next_begins_after_the_highest_number(tool: Tool) -> None:
    tool.good("add", "group", "stairs")
    tool.good("add", "device", "-g", "stairs", "lamp-0041")  # of whatever group: names are unique
    tool.good("add", "device", "-g", "hall", "lamp-x99")
    words = ("add", "devices", "-g", "hall", "--count", "2", "--prefix", "lamp-", "--start", "next")
    assert names_in(tool.good(*words, "-o", "json").response) == ["lamp-42", "lamp-43"]
    assert names_in(tool.good(*words, "-o", "json").response) == ["lamp-44", "lamp-45"]
    assert names_in(tool.good(*words, "--digits", "5", "-o", "json").response) == ["lamp-00046", "lamp-00047"]


def test_names_may_be_serials_of_a_factory(tool: Tool) -> None:
    (tool.folder / "serials.txt").write_text("SN_0042\nAC:67:B2:01\nsn_0042\n")
    result = tool("add", "devices", "-g", "hall", "--from-file", "serials.txt", "--skip-bad", "-o", "json")
    assert (result.code, result.response["created"]) == (PARTLY_DONE, 2)
    (skipped,) = result.response["skipped"]
    assert skipped["text"] == "sn_0042 is in line 1 already, as SN_0042: names must differ in more than case"
    again = tool("add", "devices", "-g", "hall", "--count", "1", "--prefix", "ac:67:b2:0")
    assert "ac:67:b2:01 exists already as AC:67:B2:01: names must differ in more than case" in again.error
    files = tool.good("provision", "AC:67:B2:01", "-o", "json").response["files"]
    assert {Path(one).parent.name for one in files} == {"AC.67.B2.01"}, "file systems refuse a colon"
    images = tool.good("images", "AC:67:B2:01", "--endpoint", "localhost", "-o", "json").response["images"]
    assert Path(images[0]["image"]).name == "AC.67.B2.01-virtual.img"
    size = ("--width", "60", "--height", "30")
    (label,) = tool.good("label", "AC:67:B2:01", "--each", *size, "-o", "json").response["files"]
    assert Path(label).name == "AC.67.B2.01.pdf"
    assert tool.good("get", "device", "AC:67:B2:01", "-o", "json").response["state"] == "provisioned"


def test_standard_input_is_a_file_of_names(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO(b"name,Colour\r\nlamp-1,red\r\nlamp.2,\r\n"))
    )
    words = ("add", "devices", "-g", "hall", "--from-file", "-")
    refused = tool(*words)
    assert refused.code == WRONG_USE and refused.error.startswith("muster: standard input: 1 invalid line;")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"name,Colour\nlamp-1,red\n")))
    assert tool.good(*words).output.startswith('Added 1 device to group "hall"\n')
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"name,group\nlamp-1,hall\n")))
    assert "Colour: red -> none" not in tool.good("plan", "-").output


def test_a_great_many_invalid_lines_are_capped(tool: Tool) -> None:
    (tool.folder / "names.txt").write_text("good\n" + "".join(f"bad.{number}\n" for number in range(20_000)))
    words = ("add", "devices", "-g", "hall", "--from-file", "names.txt")
    for more in ((), ("--skip-bad",)):
        error = tool(*words, *more).error
        assert error.count("\n") < 30 and error.endswith("  and 19980 more\n")


def test_a_table_gives_parameters(tool: Tool) -> None:
    (tool.folder / "lamps.csv").write_bytes(b"name;Colour;Floor\r\nlamp-1;red;2\r\n\r\nlamp-2;;3")
    result = tool.good("add", "devices", "-g", "hall", "--from-file", "lamps.csv", "-o", "json").response
    with closing(Registry(tool.home)) as registry:
        assert [one.parameters for one in registry.devices.all()] == [
            {"Colour": "red", "Floor": "2"},
            {"Floor": "3"},
        ]
        codes = [claim_ids.shown(one.claim_id) for one in registry.devices.all()]
    first, second = table(Path(result["folder"], "manifest.csv"))
    assert first == {
        "name": "lamp-1",
        "group": "hall",
        "claim ID": codes[0],
        "Colour": "red",
        "Floor": "2",
        "state": "created",
    }
    assert (second["name"], second["Colour"]) == ("lamp-2", "")


def test_nothing_is_made_when_a_line_is_wrong(tool: Tool) -> None:
    tool.good("add", "group", "stairs")
    tool.good("add", "device", "-g", "stairs", "lamp-3")
    tool.good("add", "device", "-g", "hall", "lamp-4")
    (tool.folder / "names.txt").write_text("lamp-1\nlamp.2\nlamp-3\nlamp-4\nlamp-1\nlamp-5")
    before = tool.registry()
    words = ("add", "devices", "-g", "hall", "--from-file", "names.txt")
    result = tool(*words)
    assert result.code == WRONG_USE and not result.output
    assert result.error == (
        "muster: names.txt: 3 invalid lines; nothing was changed. Fix them, or use --skip-bad to add the"
        " rest.\n"
        "  line 2: the name 'lamp.2' has '.' at character 5\n"
        "  line 3: lamp-3 exists already, in group stairs\n"
        "  line 5: lamp-1 is in line 1 already\n"
    )
    assert tool.registry() == before and not (tool.home / "batches").exists()
    skipping = tool(*words, "--skip-bad")
    assert skipping.code == PARTLY_DONE
    assert skipping.output.startswith('Added 2 devices to group "hall", 1 exists already\n')
    assert "left out 3 invalid lines\n  line 2:" in skipping.error
    assert tool(*words, "--skip-bad").output.startswith("3 exist already; nothing to do\n")


def test_when_every_line_is_wrong_skipping_helps_nobody(tool: Tool) -> None:
    (tool.folder / "names.txt").write_text("lamp.\n")
    result = tool("add", "devices", "-g", "hall", "--from-file", "names.txt", "--skip-bad")
    assert result.code == WRONG_USE and "1 invalid line; nothing was changed. Fix it.\n" in result.error


def test_what_exists_stays_and_that_is_said(tool: Tool) -> None:
    (tool.folder / "lamps.csv").write_text("name,Colour\nlamp-1,red\nlamp-2,red\n")
    words = ("add", "devices", "-g", "hall", "--from-file", "lamps.csv")
    tool.good(*words)
    with closing(Registry(tool.home)) as registry:
        registry.devices.set_parameters("lamp-1", {})
        registry.devices.set_state("lamp-2", RETIRED)
    result = tool.good(*words)
    assert "left as they are: 1 device with other parameters" in result.error
    assert "left as they are: 1 retired device" in result.error
    (folder,) = (tool.home / "batches").iterdir()
    assert [row["state"] for row in table(folder / "manifest.csv")] == ["created", "retired"]


def test_a_deleted_device_is_made_again_in_its_batch(tool: Tool) -> None:
    words = ("add", "devices", "-g", "hall", "--count", "3")
    tool.good(*words)
    tool.good("delete", "device", "hall-2", "--yes")
    assert tool.good(*words, "-o", "json").response["created"] == 1
    assert [one["devices"] for one in tool.good("batches", "-o", "json").response] == [3]


def test_secrets_only_when_asked_for(tool: Tool) -> None:
    words = ("add", "devices", "-g", "hall", "--count", "2")
    tool.good(*words)
    (folder,) = (tool.home / "batches").iterdir()
    assert not (folder / "secrets.csv").exists()
    tool.good(*words, "--secrets")
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    secret = tool.good("refresh", "provision-secret", "hall", "-o", "json").response["provisioningSecret"]
    tool.good(*words)  # what is there is kept up to date
    assert [row["enrolmentKey"] for row in table(folder / "secrets.csv")] == [
        secrets.enrolment_key(secret, name).hex() for name in ("hall-1", "hall-2")
    ]


def test_a_dry_run_leaves_everything(tool: Tool) -> None:
    before = tool.registry()
    result = tool.good("add", "devices", "-g", "hall", "--count", "5", "--dry-run")
    assert result.output == 'Would add 5 devices to group "hall"\n'
    assert tool.registry() == before and not (tool.home / "batches").exists()


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ("-g hall", WRONG_USE, "Use either --count N or --from-file FILE."),
        ("-g hall --count 2 --from-file names.txt", WRONG_USE, "Use either --count N or --from-file FILE."),
        ("-g hall --prefix lamp- --from-file names.txt", WRONG_USE, "--prefix belongs to --count"),
        ("-g hall --count 0", WRONG_USE, "0 is not in the range"),
        ("-g hall --count 2 --prefix la.mp-", WRONG_USE, "the device name 'la.mp-1' has '.' at character 3"),
        (f"-g hall --count 10 --prefix {'x' * 127}", WRONG_USE, "has 129 characters, the most is 128"),
        ("-g cellar --count 2", FAILED, "there is no group 'cellar'"),
        ("-g hall --from-file nowhere.txt", WRONG_USE, "nowhere.txt cannot be read"),
        ("-g hall --from-file empty.txt", FAILED, "empty.txt names no device"),
        ("-g hall --from-file fleet.csv", WRONG_USE, "'Group' belongs to a fleet sheet: use `muster apply"),
        ("-g hall --from-file board.csv", WRONG_USE, "the board itself gives the parameter 'serialID'"),
    ],
)
def test_wrong_use_is_one_sentence(tool: Tool, words: str, code: int, why: str) -> None:
    (tool.folder / "names.txt").write_text("lamp-1\n")
    (tool.folder / "empty.txt").write_text("\n \n")
    (tool.folder / "fleet.csv").write_text("name,Group\nlamp-1,hall\n")
    (tool.folder / "board.csv").write_text("name,serialID\nlamp-1,x\n")
    before = tool.registry()
    result = tool("add", "devices", *words.split())
    assert result.code == code and why in result.error and result.error.count("\n") == 1
    assert tool.registry() == before


def test_the_registry_is_never_held_for_long(tmp_path: Path) -> None:
    """On a slow machine too, a transaction ends in time, and others get at the registry in between."""
    now, rests = [0.0], []

    def slow(number: int) -> None:
        now[0] += 0.03
        mine.groups.add(Group(f"g-{number}", b"", 0, 0))

    with closing(Registry(tmp_path)) as mine, closing(Registry(tmp_path)) as other:

        def rest(seconds: float) -> None:
            rests.append(seconds)
            assert other.groups.add(Group(f"other-{len(rests)}", b"", 0, 0))

        done = list(steps.in_short_transactions(mine, range(10), slow, lambda: now[0], rest))
    assert done == [2, 2, 2, 2, 2]
    assert rests == pytest.approx([0.03] * 4)


def test_a_quick_machine_commits_now_and_then(tmp_path: Path) -> None:
    with closing(Registry(tmp_path)) as registry:
        done = list(
            steps.in_short_transactions(registry, range(501), lambda _: None, lambda: 0.0, lambda _: None)
        )
    assert done == [200, 200, 101]
