"""A guarded process ends with whoever started it."""

import subprocess
import sys

import pytest

START = """
import subprocess, sys
from muster.guard import Guard
guard = Guard()
first, second = (subprocess.Popen(["sleep", "600"], start_new_session=True) for _ in range(2))
guard.watch(first.pid)
guard.watch(second.pid)
first.kill()
print(second.pid, flush=True)
sys.stdin.readline()
guard.close()
guard.close()
second.kill()
"""


@pytest.mark.parametrize("is_killed", [True, False])
def test_a_guarded_process_does_not_outlive_its_guard(is_killed: bool) -> None:
    """The sleeper holds the pipe open: its end is the end of the sleeper."""
    with subprocess.Popen(
        [sys.executable, "-c", START], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) > 1
        if is_killed:
            process.kill()
        rest, _ = process.communicate("go on\n", timeout=60)
    assert rest == ""
    assert process.returncode == (-9 if is_killed else 0)
