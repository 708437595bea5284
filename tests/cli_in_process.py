"""The command line in the process of a test: what it prints and its exit code, without a start of Python."""

import contextlib
import io
import subprocess

from muster.cli import main as cli


def muster(*words: object) -> "subprocess.CompletedProcess[str]":
    """Run `muster WORDS`. Not for commands that start or replace processes, or that wait for signals."""
    output, error = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    command = list(map(str, words))
    code: object = None
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(error):
        try:
            cli.main(command)
        except SystemExit as stopped:
            code = stopped.code
    assert isinstance(code, int)
    said = (one.buffer.getvalue().decode() for one in (output, error))  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(command, code, *said)
