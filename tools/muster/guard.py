"""Ends a process as soon as this one is gone, however it went (kill -9 included).

A shell waits at a pipe of which only this process has the other end: when this process ends, the pipe does,
and the shell kills what it was told to. It works on every Unix, without root, and leaves no files.
"""

import contextlib
import subprocess

# Reads process numbers, each in place of the one before; an empty line takes it back.
_SCRIPT = 'last=; while read -r number; do last=$number; done; [ -z "$last" ] || kill -9 "-$last"'


class Guard:
    """Kills the process group that `watch` named last, when this process ends before `close`."""

    def __init__(self) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # neither Ctrl-C nor a closed terminal ends the guard
        )

    def watch(self, group: int) -> None:
        """Guard this process group, and no other any more."""
        self._tell(str(group))

    def close(self) -> None:
        """Guard nothing any more; harmless when it was closed before."""
        self._tell("")
        assert self._shell.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._shell.stdin.close()
        self._shell.wait()

    def _tell(self, line: str) -> None:
        assert self._shell.stdin is not None
        if self._shell.stdin.closed:
            return
        with contextlib.suppress(BrokenPipeError):  # somebody killed the shell: then nobody guards
            self._shell.stdin.write(line.encode() + b"\n")
            self._shell.stdin.flush()
