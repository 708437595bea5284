"""Shell scripts of people who used `iotactl`: their placeholders are filled, else they run unchanged."""

import os
import re
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).with_name("golden") / "iotactl"
NAMES_FILE = "device_names.txt"
SECRET_FILE = "prov_secret.txt"
UNKNOWN_NAMES, KNOWN_NAMES = "numbered.sh", "named.sh"
COUNT = 10  # how many devices the script for unknown names creates
_PLACEHOLDER = "<Group Name>"


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

    def script(self, name: str, group: str) -> subprocess.CompletedProcess[str]:
        """Run one of the scripts with its placeholder filled."""
        text = (SCRIPTS / name).read_text(encoding="utf-8")
        assert _PLACEHOLDER in text
        path = self.folder / name
        path.write_text(text.replace(_PLACEHOLDER, group), encoding="utf-8")
        return self.run("sh", str(path))

    def secret(self) -> str:
        """The provisioning secret in the file that the script wrote."""
        found = re.findall(
            r"^Provisioning Secret: (\S+)$", (self.folder / SECRET_FILE).read_text(), re.MULTILINE
        )
        assert len(found) == 1
        return found[0]
