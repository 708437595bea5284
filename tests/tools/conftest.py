"""What the tests of the command line share."""

from pathlib import Path

import pytest

from tools.fleet.cli_runner import Tool


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """The command, used from a scratch folder with a home of its own."""
    return Tool(tmp_path, monkeypatch)
