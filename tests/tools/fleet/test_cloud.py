"""What Muster cannot reach it does not pretend to do: every verb with a profile of AWS or another host."""

from pathlib import Path

import pytest

from muster.cloud import endpoints
from muster.errors import FAILED
from muster.twin import pki
from muster.twin.settings import Home
from tools.fleet.cli_runner import Tool

AWS = "abc123-ats.iot.eu-west-1.amazonaws.com"
DISABLE = "aws iot update-certificate --certificate-id ID --new-status"

# (command line, what it cannot do, what does it instead)
REFUSED: list[tuple[str, str, str]] = [
    ("provision lamp-1", "provision lamp-1", "let the board provision itself by claim"),
    ("provision lamp-1 --dry-run", "provision lamp-1", "aws iot create-keys-and-certificate"),
    ("refresh certificate lamp-2", "refresh the certificate of lamp-2", "create-certificate-from-csr"),
    ("deprovision lamp-2", "deprovision lamp-2", f"{DISABLE} INACTIVE"),
    ("deprovision nobody", "deprovision nobody", "aws iot list-thing-principals --thing-name nobody"),
    ("retire device lamp-2 --yes", "retire lamp-2", f"{DISABLE} REVOKED"),
    ("reinstate device lamp-3", "reinstate lamp-3", "let the pre-provisioning hook admit it again"),
    ("delete device lamp-2 --yes", "delete lamp-2", "aws iot delete-thing --thing-name lamp-2"),
    ("delete device lamp-2", "delete lamp-2", "aws iot detach-thing-principal --thing-name lamp-2"),
    ("delete group hall --yes", "delete the group hall", "for each of its devices"),
    ("apply retiring.csv --yes", "retire lamp-2", f"{DISABLE} REVOKED"),
    ("apply shorter.csv --yes --retire-missing", "retire lamp-1", f"{DISABLE} REVOKED"),
    ("apply retiring.csv --dry-run", "retire lamp-2", f"{DISABLE} REVOKED"),
]


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """A home where a twin was used: lamp-1 created, lamp-2 provisioned, lamp-3 retired."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        one = Tool(tmp_path_factory.mktemp("desk"), monkeypatch)
        one.good("add", "group", "hall")
        for name in ("lamp-1", "lamp-2", "lamp-3"):
            one.good("add", "device", "-g", "hall", name)
        one.good("provision", "lamp-2")
        one.good("retire", "device", "lamp-3", "--yes")
        one.good("profile", "add", "prod", "--endpoint", AWS, "--home", str(one.home))
        one.good("profile", "add", "other", "--endpoint", "mqtt.example.com", "--home", str(one.home))
        (one.folder / "retiring.csv").write_text("name,group,state\nlamp-1,hall,\nlamp-2,hall,retired\n")
        (one.folder / "shorter.csv").write_text("name,group\nlamp-2,hall\n")
        yield one


def files(folder: Path) -> set[Path]:
    """Everything below `folder`, but for what SQLite keeps while it is open."""
    return {path for path in folder.rglob("*") if not path.name.startswith("registry.db")}


@pytest.mark.parametrize("profile", ["prod", "other"])
@pytest.mark.parametrize(("line", "what", "instead"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_cannot_be_done_there_is_refused_and_changes_nothing(
    tool: Tool, profile: str, line: str, what: str, instead: str
) -> None:
    before, files_before = tool.registry(), files(tool.folder)
    result = tool("--profile", profile, *line.split())
    assert (result.code, result.output, result.error.count("\n")) == (FAILED, "", 1)
    if profile == "prod":
        assert f"Muster cannot {what} on AWS yet; nothing was changed: the endpoint {AWS}" in result.error
        assert instead in result.error
    else:
        assert f"Muster cannot {what} there; nothing was changed" in result.error
        assert "mqtt.example.com is neither AWS IoT's nor an address of the twin" in result.error
        assert f"in {tool.home}, which has localhost, 127.0.0.1" in result.error
    assert (tool.registry(), files(tool.folder)) == (before, files_before)


@pytest.mark.parametrize("line", [row[0] for row in REFUSED])
def test_an_option_counts_as_a_profile_does(tool: Tool, line: str) -> None:
    before = tool.registry()
    result = tool(*line.split(), "--endpoint", f"https://{AWS.upper()}./")
    assert result.code == FAILED and "on AWS yet; nothing was changed" in result.error
    assert tool.registry() == before


def test_the_refusal_is_json_too(tool: Tool) -> None:
    result = tool("--profile", "prod", "deprovision", "lamp-2", "-o", "json")
    assert result.code == FAILED and '"status": "failed", "error": "Muster cannot' in result.output


def test_a_home_that_does_not_exist_is_not_made(tool: Tool) -> None:
    assert "on AWS yet" in tool("--profile", "prod", "provision", "lamp-1", "--home", "new").error
    assert not (tool.folder / "new").exists()


@pytest.mark.parametrize(
    "line",
    ["get groups", "get devices", "get devices -g hall", "get device lamp-2", "get device lamp-2 -o json"],
)
def test_what_the_registry_knows_is_said_to_be_that(tool: Tool, line: str) -> None:
    result = tool.good("--profile", "prod", *line.split())
    assert "last boot are only what the registry here knows; AWS" in result.error and AWS in result.error
    assert result.output == tool.good(*line.split()).output
    assert "registry here" not in tool.good(*line.split()).error


@pytest.mark.parametrize(
    ("line", "profile", "where"),
    [
        ("add group stairs", "prod", f"AWS ({AWS})"),
        ("add device -g hall lamp-9", "prod", f"AWS ({AWS})"),
        ("add device -g hall lamp-8", "other", "mqtt.example.com"),
        ("add devices -g hall --count 2", "prod", f"AWS ({AWS})"),
        ("apply adding.csv --yes", "prod", f"AWS ({AWS})"),
    ],
)
def test_registering_for_another_cloud_says_that_nothing_was_created_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, profile: str, where: str
) -> None:
    tool = Tool(tmp_path, monkeypatch)
    tool.good("add", "group", "hall")
    for name, endpoint in (("prod", AWS), ("other", "mqtt.example.com")):
        tool.good("profile", "add", name, "--endpoint", endpoint, "--home", str(tool.home))
    (tool.folder / "adding.csv").write_text("name,group\nlamp-7,hall\n")
    result = tool.good("--profile", profile, *line.split())
    assert f"registered here; nothing was created on {where}: images and labels need" in result.error
    assert "registered here" not in tool.good(*line.split()).error


def test_a_new_secret_is_said_to_be_new_only_here(tool: Tool) -> None:
    tool.good("add", "group", "attic")
    result = tool.good("--profile", "prod", "refresh", "provision-secret", "attic")
    assert f"changed only in the registry here: whatever checks proofs on AWS ({AWS}) must" in result.error
    assert "registry here" not in tool.good("refresh", "provision-secret", "attic").error


@pytest.mark.parametrize(
    ("endpoint", "is_aws", "is_of_twin"),
    [
        (AWS, True, False),
        (f"mqtts://{AWS}:8883/", True, False),
        ("abc.ats.iot.cn-north-1.amazonaws.com.cn", True, False),
        ("abc-ats.iot.eusc-de-east-1.amazonaws.eu", True, False),
        ("amazonaws.com.example.com", False, False),
        ("notamazonaws.com", False, False),
        ("localhost", False, True),
        ("LOCALHOST:8883", False, True),
        ("127.0.0.9", False, True),
        ("::1", False, True),
        ("[::1]:8883", False, True),
        ("twin.lan", False, True),
        ("Twin.LAN.", False, True),
        ("192.168.1.7", False, False),
        ("", False, False),
    ],
)
def test_whose_an_endpoint_is(tmp_path: Path, endpoint: str, is_aws: bool, is_of_twin: bool) -> None:
    pki.Authority(Home(tmp_path), "ec").ensure_server("twin.lan")
    assert endpoints.is_aws(endpoint) is is_aws
    assert endpoints.is_of_twin(endpoint, tmp_path) is is_of_twin


def test_a_damaged_server_certificate_leaves_this_computer(tmp_path: Path) -> None:
    Home(tmp_path).server_pem.write_text("no certificate")
    assert endpoints.of_twin(tmp_path) == ("localhost", "127.0.0.1", "::1")


def test_the_host_of_the_twin_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = Tool(tmp_path, monkeypatch)
    tool.good("add", "group", "hall")
    tool.good("add", "device", "-g", "hall", "lamp-1")
    assert "is neither AWS IoT's nor" in tool("provision", "lamp-1", "--endpoint", "twin.lan").error
    pki.Authority(Home(tool.home), "ec").ensure_server("twin.lan")
    tool.good("provision", "lamp-1", "--endpoint", "twin.lan")
