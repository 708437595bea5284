"""Wrong uses: each is one sentence, an exit code, and changes nothing."""

from pathlib import Path

import pytest

from muster.errors import FAILED, NO_DEVICE, WRONG_USE
from tools.fleet.cli_runner import Tool

LONG = "x" * 129

# (command line, exit code, what the sentence says)
WRONG_USES: list[tuple[str, int, str]] = [
    # what is no command
    ("ad", WRONG_USE, "No such command 'ad'. Did you mean 'add'?"),
    ("prvision lamp-1", WRONG_USE, "'provision'"),
    ("--hlep", WRONG_USE, "No such option '--hlep'. Did you mean '--help'?"),
    ("--profile nosuch get groups", FAILED, "there is no profile 'nosuch'"),
    ("add", WRONG_USE, "Missing command, one of account, device, devices, group, product."),
    ("add grop hall", WRONG_USE, "Did you mean 'group'?"),
    ("get", WRONG_USE, "Missing command, one of device, devices, groups, shadow."),
    ("get group", WRONG_USE, "'groups'"),
    ("delete everything", WRONG_USE, "No such command 'everything'."),
    ("refresh secret hall", WRONG_USE, "No such command 'secret'"),
    ("twin", WRONG_USE, "Missing command, one of "),
    ("twin rnu", WRONG_USE, "Did you mean 'run'?"),
    # names
    ("add group", WRONG_USE, "Missing argument 'NAME'."),
    ("add group Hall", WRONG_USE, "has 'H' at character 1"),
    ("add group hall_2", WRONG_USE, "has '_' at character 5"),
    ("add group hall-", WRONG_USE, "ends with a dash"),
    ("add group h--l", WRONG_USE, "has two dashes together at character 3"),
    ("add group hall stairs", WRONG_USE, "Got unexpected extra argument (stairs)."),
    ("add group häll", WRONG_USE, "has 'ä' at character 2"),
    (f"add group {LONG}", WRONG_USE, "has 129 characters, the most is 128"),
    ("add device lamp-9", WRONG_USE, "Missing option '-g' / '--group': name the group."),
    ("add device -g hall", WRONG_USE, "Missing argument 'NAME'."),
    ("add device -g hall lamp.1", WRONG_USE, "the device name 'lamp.1' has '.' at character 5"),
    ("add device -g Hall lamp-9", WRONG_USE, "the group name 'Hall' has 'H' at character 1"),
    ("add device -g", WRONG_USE, "Option '-g' requires an argument."),
    ("add device --gruop hall lamp-9", WRONG_USE, "Did you mean '--group'?"),
    ("add device -g hall -- -lamp", WRONG_USE, "begins with a dash"),
    ("add device -g hall lamp:", WRONG_USE, "ends with ':'"),
    ("add device -g hall LAMP-1", FAILED, "'LAMP-1' exists already as 'lamp-1': names must differ in more"),
    # what is not there
    ("add device -g hal lamp-9", FAILED, "did you mean 'hall'?"),
    ("add device -g stairs lamp-1", FAILED, "device 'lamp-1' exists already, in group 'hall'"),
    ("get devices -g cellar", FAILED, "there is no group 'cellar': create it with `muster add group cellar`"),
    ("get device LAMP-1", NO_DEVICE, "did you mean 'lamp-1'?"),
    ("get device lamp-11", NO_DEVICE, "did you mean 'lamp-1'?"),
    ("refresh provision-secret cellar", FAILED, "there is no group 'cellar'"),
    ("refresh certificate nobody", NO_DEVICE, "there is no device 'nobody'"),
    ("refresh certificate lamp-1", FAILED, "lamp-1 has no certificate to refresh"),
    ("provision nobody", NO_DEVICE, "there is no device 'nobody'"),
    ("provision lamp-1 --ttl soon", WRONG_USE, "'soon' must be hours, such as 168, or aws"),
    ("provision lamp-1 --port 0", WRONG_USE, "Invalid value for '--port'"),
    ("deprovision nobody", NO_DEVICE, "there is no device 'nobody'"),
    ("delete device nobody --yes", NO_DEVICE, "there is no device 'nobody'"),
    ("delete group cellar --yes", FAILED, "there is no group 'cellar'"),
    ("get groups --home nowhere", FAILED, "there is no registry in nowhere yet"),
    ("get devices --home nowhere", FAILED, "there is no registry in nowhere yet"),
    ("add device -g hall lamp-1 --home nowhere", FAILED, "there is no registry in nowhere yet"),
    ("batches --home nowhere", FAILED, "there is no registry in nowhere yet"),
    ("find 00000-00000 --home nowhere", FAILED, "there is no registry in nowhere yet"),
    ("retire device lamp-1 --home nowhere --yes", FAILED, "there is no registry in nowhere yet"),
    ("images --all --endpoint a.example --home nowhere", FAILED, "there is no registry in nowhere yet"),
    ("label --all --home nowhere", FAILED, "there is no registry in nowhere yet"),
    ("twin certificates --home nowhere", FAILED, "there is no registry in nowhere yet"),
    ("twin fault list --home nowhere", FAILED, "there is no registry in nowhere yet"),
    ("get groups --home note.txt", WRONG_USE, "Directory 'note.txt' is a file."),
    # questions that nobody can be asked
    (
        "delete device lamp-1",
        WRONG_USE,
        "This is not a terminal, so nobody can be asked; nothing was deleted; use --yes",
    ),
    (
        "delete group hall",
        WRONG_USE,
        "This is not a terminal, so nobody can be asked; nothing was deleted; use --yes",
    ),
    # claim IDs
    ("find", WRONG_USE, "Missing argument 'CLAIM-ID'."),
    ("find 12345", WRONG_USE, "has 5 symbols, not 10 or 16"),
    ("find 12345-6789U", WRONG_USE, "symbol 10, 'U', is in no claim ID"),
    ("find 00000-00000", NO_DEVICE, "no device has the claim ID"),
    # printing
    ("get devices -o yaml", WRONG_USE, "'yaml' is not one of 'table', 'plain', 'json'"),
    ("get devices --dry-run", WRONG_USE, "No such option '--dry-run'"),
    ("completion", WRONG_USE, "Choose from: bash, zsh, fish"),
    ("completion tcsh", WRONG_USE, "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
    # profiles
    ("profile add lab", WRONG_USE, "a profile needs at least one setting"),
    ("profile add Lab --home x", WRONG_USE, "has 'L' at character 1"),
    ("profile add lab --port 99999", WRONG_USE, "'--port'"),
    ("profile use nosuch", FAILED, "there is no profile 'nosuch'"),
    ("profile use", WRONG_USE, "name the profile to use, or use --none"),
    ("profile use nosuch --none", WRONG_USE, "name the profile to use, or use --none"),
    ("profile show", FAILED, "no profile is in use"),
    ("profile delete nosuch", FAILED, "there is no profile 'nosuch'"),
    # many devices
    ("add devices", WRONG_USE, "Missing option '-g' / '--group'"),
    ("add devices -g hall", WRONG_USE, "Use either --count N or --from-file FILE."),
    ("add devices -g hall --count 0", WRONG_USE, "Invalid value for '--count'"),
    ("add devices -g hall --count many", WRONG_USE, "'many' is not a valid integer"),
    ("add devices -g hall --from-file note.txt --start 2", WRONG_USE, "--start belongs to --count"),
    ("add devices -g hall --from-file note.txt --digits 2", WRONG_USE, "--digits belongs to --count"),
    ("add devices -g hall --count 2 --start soon", WRONG_USE, "'soon' is not a valid integer"),
    ("add devices -g hall --count 2 --start -1", WRONG_USE, "-1 is not in the range"),
    ("add devices -g hall --count 2 --start 99 --digits 2", WRONG_USE, "use --digits 3"),
    ("add devices -g hall --count 2 --home nowhere", FAILED, "there is no registry in nowhere yet"),
    ("get devices --state broken", WRONG_USE, "'broken' is not one of 'created', 'provisioned', 'retired'"),
    ("retire device nobody --yes", NO_DEVICE, "there is no device 'nobody'"),
    ("reinstate device nobody", NO_DEVICE, "there is no device 'nobody'"),
    ("add devices -g cellar --count 2", FAILED, "there is no group 'cellar'"),
]


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """A registry with two groups and a device, which no wrong use may change."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        one = Tool(tmp_path_factory.mktemp("desk"), monkeypatch)
        one.good("add", "group", "hall")
        one.good("add", "group", "stairs")
        one.good("add", "device", "-g", "hall", "lamp-1")
        one.good("provision", "lamp-1")  # the twin's defaults are in the registry from here on
        one.good("deprovision", "lamp-1")
        (one.folder / "note.txt").write_text("no folder")
        yield one


def files(folder: Path) -> set[Path]:
    """Everything below `folder`, but for what SQLite keeps while it is open."""
    return {path for path in folder.rglob("*") if not path.name.startswith("registry.db")}


def test_the_table_is_long_enough() -> None:
    assert len({line for line, _, _ in WRONG_USES}) == len(WRONG_USES) >= 40


@pytest.mark.parametrize(("line", "code", "sentence"), WRONG_USES, ids=[row[0][:60] for row in WRONG_USES])
def test_wrong_use_is_one_sentence_and_changes_nothing(
    tool: Tool, line: str, code: int, sentence: str
) -> None:
    before, files_before = tool.registry(), files(tool.folder)
    result = tool(*line.split())
    assert (result.code, result.output) == (code, "")
    assert result.error.count("\n") == 1
    assert result.error.startswith("muster")
    assert sentence in result.error
    assert "Traceback" not in result.error
    assert tool.registry() == before
    assert files(tool.folder) == files_before


@pytest.mark.parametrize("words", [["-o", "json"], ["--output=json"], ["-ojson"]])
def test_scripts_get_the_sentence_as_json(tool: Tool, words: list[str]) -> None:
    result = tool("get", "device", "nobody", *words)
    assert result.code == NO_DEVICE
    assert result.output.startswith('{"status": "failed", "error": "there is no device')
    assert result.error.startswith("muster: there is no device 'nobody'")
    wrong = tool("get", "devices", "--grup", "hall", *words)
    assert wrong.code == WRONG_USE
    assert wrong.output.startswith('{"status": "failed", "error": "No such option')
