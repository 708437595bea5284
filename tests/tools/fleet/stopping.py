"""A `muster` that is stopped on its way."""

import os
import subprocess
import sys
from pathlib import Path

from tools.fleet.cli_runner import Tool

STOPPED = Path(__file__).with_name("stopped_muster.py")


def stopped(tool: Tool, name: str, kind: str, at: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `muster WORDS`, which gets the signal `name` at a write or a file (stopped_muster.py)."""
    return subprocess.run(
        [sys.executable, str(STOPPED), name, kind, str(at), *words],
        env={**os.environ, "MUSTER_HOME": str(tool.home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
