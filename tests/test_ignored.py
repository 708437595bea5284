"""Git ignores the files with secrets that the README makes in the clone, and none of the project's own."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
SECRETS = [
    *("wifi.json", "claim/private.pem.key", "claim/AmazonRootCA1.pem", "twin/ca.key", "twin/registry.db"),
    *("factory/registry.key", "factory/registry.db-wal", "factory/images/cam-1/flash-pico_w.img"),
    *("flash.img", "flash-pico_w.uf2", "images/cam-1.uf2", "wifi/wifi.json", "private.pem.key", "ca.key"),
]
OURS = [
    "README.md",
    "tests/core/test_wifi.py",
    "tools/muster/twin/server.py",
    "tests/golden/p256/new.key.pem",
]


def git(*words: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("git") is None:
        pytest.skip("there is no `git` on PATH")
    result = subprocess.run(["git", *words], cwd=REPO, capture_output=True, text=True, timeout=60)
    if result.returncode == 128:
        pytest.skip("not a git checkout: nothing is ignored")
    return result


@pytest.mark.parametrize("path", SECRETS)
def test_secrets_are_ignored(path: str) -> None:
    assert git("check-ignore", "--no-index", "-q", path).returncode == 0


@pytest.mark.parametrize("path", OURS)
def test_the_project_is_not(path: str) -> None:
    assert git("check-ignore", "--no-index", "-q", path).returncode == 1


def test_no_tracked_file_is_ignored() -> None:
    assert git("ls-files", "-ci", "--exclude-standard").stdout == ""


def test_folders_that_the_readme_makes_here_are_ignored() -> None:
    """Each home and credentials folder that its commands name, wherever a person runs them."""
    text = (REPO / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:--home |--claim |MUSTER_HOME=)([a-z]+)\b", text))
    assert {"claim", "factory", "twin"} <= named
    for folder in named:
        assert git("check-ignore", "--no-index", "-q", f"{folder}/file").returncode == 0, folder
