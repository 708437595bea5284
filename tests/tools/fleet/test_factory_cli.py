"""`muster factory`: what it refuses before it serves. What it does is in tests/system/test_factory.py."""

import stat
from pathlib import Path

import pytest

from muster.cli import factory
from muster.errors import WRONG_USE, MusterError
from muster.twin.settings import Home
from tools.fleet.cli_runner import Tool


def test_without_a_registry_or_group(tool: Tool) -> None:
    words = ("factory", "-g", "cameras", "--host", "localhost")
    assert "there is no registry in" in tool(*words).error
    tool.good("add", "group", "hall")
    assert "no group 'cameras'" in tool(*words).error


@pytest.mark.parametrize("token", ["", "short", "x" * 201, "with a space and long enough", "\u00e9" * 20])
def test_a_token_that_cannot_be_used(tool: Tool, tmp_path: Path, token: str) -> None:
    tool.good("add", "group", "cameras")
    path = tmp_path / "token.txt"
    path.write_text(token)
    result = tool("factory", "-g", "cameras", "--host", "localhost", "--token-file", str(path))
    assert result.code == WRONG_USE and "16 to 200 ASCII characters" in result.error
    assert not token or token not in result.error


def test_a_token_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "token.txt"
    token = factory._token(path)
    assert len(token) >= 32 and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert factory._token(path) == token
    path.chmod(0o644)
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(MusterError, match="it is not text"):
        factory._token(path)


def test_the_files_for_images(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.ca_pem.write_text("root")
    factory._write_files(tmp_path / "files", home, "https://f:1/claim", "t" * 20)
    assert stat.S_IMODE((tmp_path / "files/factory.json").stat().st_mode) == 0o600
    assert (tmp_path / "files/factory.pem").read_text() == "root"


@pytest.mark.parametrize("network", ["192.168.1.5/24", "home", "10.0.0.0/33"])
def test_networks_that_are_none(tool: Tool, network: str) -> None:
    result = tool("factory", "-g", "cameras", "--host", "localhost", "--network", network)
    assert result.code == WRONG_USE and "must be a network such as 192.168.10.0/24" in result.error


def test_a_port_that_is_taken(tool: Tool) -> None:
    tool.good("add", "group", "cameras")
    words = ("factory", "-g", "cameras", "--host", "localhost", "--bind", "192.0.2.1", "--port", "0")
    assert "cannot listen on 192.0.2.1:0" in tool(*words).error
