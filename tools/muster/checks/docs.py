"""What the documents promise is there: files they link to, `make` targets and `muster` commands they name."""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from muster.checks import tell
from muster.cli.main import COMMANDS
from muster.layout import REPO

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# In code only: a command at the start of a line of a block, or of a piece between backticks.
_CODE = re.compile(r"^```[^\n]*\n(.*?)^```|`([^`\n]+)`", re.DOTALL | re.MULTILINE)
_MAKE = re.compile(r"^\s*(?:\$ )?make ([a-z][a-z-]*)(?=\s*$|[ ]+[A-Z_]+=)", re.MULTILINE)
_MUSTER = re.compile(r"^\s*(?:\$ )?(?:\.venv/bin/|python -m )?muster ([a-z][a-z-]*)", re.MULTILINE)
_NOT_OURS = (".venv", "build")
_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


def documents(root: Path) -> list[Path]:
    """The Markdown files that git tracks; without git or a checkout all that were not built or installed."""
    words = ["git", "-C", str(root), "ls-files", "-z", "*.md"]
    try:
        listed = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        paths = (path for path in root.rglob("*.md") if path.relative_to(root).parts[0] not in _NOT_OURS)
        return sorted(paths)
    return [root / name for name in listed.split("\0") if name and (root / name).exists()]


def breaches(root: Path, files: Iterable[Path], commands: Iterable[str] = COMMANDS) -> list[str]:
    """One sentence per promise in `files` that the tree below `root` does not keep."""
    makefile = root / "Makefile"
    targets = set(_TARGET.findall(makefile.read_text(encoding="utf-8"))) if makefile.exists() else set()
    known = set(commands)
    found = []
    for path in files:
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(root)
        code = "\n".join(block or piece for block, piece in _CODE.findall(text))
        for link in _LINK.findall(text):
            place = link.partition("#")[0]
            if place and ":" not in place and not (path.parent / place).exists():
                found.append(f"{name} links to {link}, which is not there")
        found += [
            f"{name} names `make {word}`: no such target"
            for word in _MAKE.findall(code)
            if word not in targets
        ]
        found += [
            f"{name} names `muster {word}`: no such command"
            for word in _MUSTER.findall(code)
            if word not in known
        ]
    return found


def main() -> int:
    """`python -m muster.checks.docs`; 1 when a promise is not kept."""
    files = documents(REPO)
    return tell("docs", breaches(REPO, files), f"{len(files)} documents")


if __name__ == "__main__":
    sys.exit(main())
