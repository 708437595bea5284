"""Build hook of the wheel: notes when its source was committed, so that its images are a checkout's.

A board's clock never goes below that time (muster/mpy.py), and an installed package has no git to ask.
"""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_NAME = "build_time"


class BuildTime(BuildHookInterface):
    """Puts the time of the last commit, Unix seconds, into the wheel; nothing when git does not know it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See BuildHookInterface."""
        if version == "editable":
            return
        words = ["git", "-C", self.root, "log", "-1", "--format=%ct"]
        try:
            seconds = subprocess.run(words, capture_output=True, text=True, timeout=30).stdout
        except OSError:
            return
        if seconds.strip():
            self._folder = tempfile.TemporaryDirectory()
            path = Path(self._folder.name) / _NAME
            path.write_text(seconds)
            build_data["force_include"][str(path)] = f"muster/_board/{_NAME}"
