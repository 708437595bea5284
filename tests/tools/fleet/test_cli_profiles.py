"""Profiles, where values come from, and what the Tab key offers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.fleet.cli_runner import Tool


def test_options_win_over_environment_over_profile_over_default(
    tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool.good("profile", "add", "lab", "--home", "from-profile")
    homes = {name: tool.folder / name for name in ("from-option", "from-environment", "from-profile")}
    default = tool.folder / "data" / "muster"

    tool.good("profile", "use", "lab")
    monkeypatch.setenv("MUSTER_HOME", str(homes["from-environment"]))
    tool.good("add", "group", "hall", "--home", str(homes["from-option"]))
    assert [path for path in (*homes.values(), default) if path.exists()] == [homes["from-option"]]
    tool.good("add", "group", "hall")
    assert homes["from-environment"].exists() and not homes["from-profile"].exists()
    monkeypatch.delenv("MUSTER_HOME")
    tool.good("add", "group", "hall")
    assert homes["from-profile"].exists() and not default.exists()
    tool.good("profile", "use", "--none")
    tool.good("add", "group", "hall")
    assert default.exists()


@pytest.mark.parametrize(
    "words",
    [("--profile", "lab", "add", "device", "lamp-1"), ("add", "device", "--profile", "lab", "lamp-1")],
)
def test_a_profile_named_before_or_after_the_command_gives_the_group(
    tool: Tool, words: tuple[str, ...]
) -> None:
    tool.good("add", "group", "hall")
    tool.good("profile", "add", "lab", "--group", "hall")
    assert tool.good(*words, "-o", "json").response["group"] == "hall"


def test_the_environment_names_a_profile(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    tool.good("add", "group", "hall")
    tool.good("profile", "add", "lab", "--group", "hall")
    monkeypatch.setenv("MUSTER_PROFILE", "lab")
    tool.good("add", "device", "lamp-1")


def test_the_group_of_a_profile_hides_no_device(tool: Tool) -> None:
    for group in ("hall", "stairs"):
        tool.good("add", "group", group)
        tool.good("add", "device", "-g", group, f"lamp-{group}")
    tool.good("profile", "add", "lab", "--group", "hall")
    tool.good("profile", "use", "lab")
    assert len(tool.good("get", "devices", "-o", "json").response) == 2


def test_profiles_are_listed_shown_and_deleted(tool: Tool) -> None:
    tool.good("profile", "add", "lab", "--home", "here", "--port", "8884", "--endpoint", 'a"b\\c')
    tool.good("profile", "add", "site", "--group", "hall")
    tool.good("profile", "use", "lab")
    listed = tool.good("profile", "list", "-o", "json").response
    assert [(one["name"], one["inUse"]) for one in listed] == [("lab", True), ("site", False)]
    shown = tool.good("profile", "show", "-o", "json").response
    assert shown["home"] == str(tool.folder / "here"), "it must mean the same wherever it is used"
    assert (shown["port"], shown["endpoint"]) == (8884, 'a"b\\c')
    twice = tool("profile", "add", "lab", "--home", "there")
    assert (twice.code, "there is a profile 'lab' already" in twice.error) == (1, True)
    tool.good("profile", "delete", "lab")
    assert "no profile is in use" in tool("profile", "show").error


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hom = 'x'", "there is no setting 'hom', did you mean home?"),
        ("port = '8883'", "port must be a number"),
        ("port = true", "port must be a number"),
        ("port = 70000", "port must be 1 to 65535"),
        ("home = 3", "home must be text in quotes"),
        ("home = ", "cannot be read"),
    ],
)
def test_a_broken_profile_is_one_sentence_and_can_be_deleted(tool: Tool, text: str, sentence: str) -> None:
    folder = tool.folder / "config" / "muster" / "profiles"
    folder.mkdir(parents=True)
    (folder / "lab.toml").write_text(text)
    result = tool("get", "groups", "--profile", "lab")
    assert (result.code, result.error.count("\n")) == (1, 1)
    assert sentence in result.error
    tool.good("profile", "delete", "lab")


def completions(tool: Tool, *words: str) -> list[str]:
    """What the shell is offered for the last of `words`."""
    environment = {
        **os.environ,
        "_MUSTER_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("muster", *words)),
        "COMP_CWORD": str(len(words)),
    }
    command = [str(Path(sys.executable).parent / "muster")]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    return [line.partition(",")[2] for line in result.stdout.split()]


def test_the_tab_key_knows_commands_groups_and_devices(tool: Tool) -> None:
    assert completions(tool, "ge") == ["get"]
    assert completions(tool, "add", "devi") == ["device", "devices"]
    assert completions(tool, "get", "device", "la") == []
    assert not tool.home.exists(), "a question must not make a registry"
    tool.good("add", "group", "hall")
    tool.good("add", "device", "-g", "hall", "lamp-1")
    assert completions(tool, "add", "device", "-g", "ha") == ["hall"]
    assert completions(tool, "get", "device", "la") == ["lamp-1"]
    assert completions(tool, "get", "devices", "--ho") == ["--home"]
    tool.good("profile", "add", "lab", "--home", "lab")
    assert completions(tool, "--profile", "la") == ["lab"]
    assert completions(tool, "get", "groups", "--profile", "la") == ["lab"]
    tool.good("add", "devices", "-g", "hall", "--count", "1")
    batch = tool.good("batches", "-o", "json").response[0]["batch"]
    assert completions(tool, "label", "--batch", "") == [batch]


def test_the_tab_key_knows_steps_faults_boards_and_settings(tool: Tool) -> None:
    assert completions(tool, "twin", "fault", "set", "create") == ["create-keys", "create-from-csr"]
    assert completions(tool, "twin", "fault", "set", "connect", "clo") == [
        "close-before",
        "close-after",
        "close-answered",
    ]
    assert completions(tool, "deploy", "--board", "") == ["esp32", "esp32c3", "esp32s3", "pico2_w", "pico_w"]
    assert completions(tool, "board", "run", "--set", "NET") == ["NETWORK=", "NETWORKS="]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(tool: Tool, shell: str) -> None:
    script = tool.good("completion", shell).output
    assert "_MUSTER_COMPLETE" in script
