"""Runs the command line in this process, on a registry of its own."""

import contextlib
import io
import json
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from muster.cli import main as cli
from muster.registry import FILE_NAME


class Result(NamedTuple):
    """What a command did."""

    code: int
    output: str
    error: str

    @property
    def response(self) -> Any:
        """The response in the JSON that was printed."""
        document = json.loads(self.output)
        assert document["status"] == "success"
        return document["response"]


class Tool:
    """`muster` in a folder of its own, with nothing of the person who runs the tests."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.home = folder / "home"
        monkeypatch.setenv("MUSTER_HOME", str(self.home))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
        monkeypatch.delenv("MUSTER_PROFILE", raising=False)
        monkeypatch.chdir(folder)

    def __call__(self, *words: str) -> Result:
        output, error = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(error):
            try:
                cli.main(list(words))
            except SystemExit as stopped:
                code = stopped.code
        assert isinstance(code, int)
        return Result(code, output.getvalue(), error.getvalue())

    def good(self, *words: str) -> Result:
        """Run a command that must go well."""
        result = self(*words)
        assert result.code == 0, result.error
        return result

    def registry(self) -> list[str]:
        """All that the registry holds, as SQL; empty when there is none."""
        if not (self.home / FILE_NAME).exists():
            return []
        with contextlib.closing(sqlite3.connect(self.home / FILE_NAME)) as opened:
            return list(opened.iterdump())
