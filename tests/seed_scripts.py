"""The shell scripts printed in the seed: read at test time, placeholders filled, else unchanged."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from muster.layout import REPO

SEED = "001_6386bde771278b12.txt"
NAMES_FILE = "device_names.txt"
SECRET_FILE = "prov_secret.txt"
UNKNOWN_NAMES, KNOWN_NAMES = 0, 1  # which of the two scripts
COUNT = 100  # how many devices the script for unknown names makes
_SCRIPT = re.compile(r"^```sh\n(#!/bin/sh\n.*?)^```", re.MULTILINE | re.DOTALL)
_PLACEHOLDER = "<Group Name>"


def scripts() -> list[str]:
    """Both scripts as they are printed. Skips the test, and says so, where the seeds are not at hand."""
    folder = Path(os.environ.get("MUSTER_SEEDS") or REPO.parent / "shared" / "seeds")
    if not (folder / SEED).is_file():
        pytest.skip(f"the seed {SEED} is not in {folder}: name its folder in MUSTER_SEEDS")
    found = _SCRIPT.findall((folder / SEED).read_text(encoding="utf-8"))
    assert len(found) == 2
    return found


class Desk:
    """A folder of somebody who works with `iotactl`, which is a link to `muster`, on the registry `home`."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.home = home
        programs = folder / "programs"
        programs.mkdir(parents=True)
        (programs / "iotactl").symlink_to(Path(sys.executable).parent / "muster")
        self._environment = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "MUSTER_HOME": str(home),
            "XDG_CONFIG_HOME": str(folder / "config"),
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command here."""
        return subprocess.run(
            words,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=300,
            stdin=subprocess.DEVNULL,
        )

    def script(self, which: int, group: str) -> subprocess.CompletedProcess[str]:
        """Run one of the seed's scripts with its placeholder filled."""
        text = scripts()[which]
        assert _PLACEHOLDER in text
        path = self.folder / f"script{which}.sh"
        path.write_text(text.replace(_PLACEHOLDER, group), encoding="utf-8")
        return self.run("sh", str(path))

    def secret(self) -> str:
        """The provisioning secret in the file that the script wrote."""
        found = re.findall(
            r"^Provisioning Secret: (\S+)$", (self.folder / SECRET_FILE).read_text(), re.MULTILINE
        )
        assert len(found) == 1
        return found[0]
