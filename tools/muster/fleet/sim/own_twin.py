"""A twin of the simulator's own: a child process, so that it has a processor of its own to work on."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from muster.errors import MusterError

_START_S = 60.0
_STOP_S = 20.0
_QUIET_S = 0.2
_QUIET_TRIES = 25


@dataclass(frozen=True)
class OwnTwin:
    """A twin that is ready."""

    pid: int
    port: int

    def cpu_s(self) -> float | None:
        """Its processor time so far, or None where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def settle(self) -> None:
        """Wait until it has little to do: at first it generates RSA keys in advance."""
        before_s = self.cpu_s()
        for _ in range(_QUIET_TRIES):
            await asyncio.sleep(_QUIET_S)
            now_s = self.cpu_s()
            if before_s is None or now_s is None or now_s - before_s < _QUIET_S / 10:
                return
            before_s = now_s


@contextlib.asynccontextmanager
async def own_twin(home: Path) -> AsyncIterator[OwnTwin]:
    """Run `muster twin run` in `home` on a free port, without throttling: the rate is what is measured.

    Raises MusterError with the twin's own message when it does not start.
    """
    words = ["-m", "muster", "twin", "run", "--mqtt-port", "0", "--no-throttle", "--home", str(home)]
    # A session of its own: Ctrl-C is for the simulator, which stops the twin when it has finished.
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=PIPE, stderr=PIPE, start_new_session=True
    )
    complaints: deque[str] = deque(maxlen=5)
    listener = asyncio.create_task(_listen(process, complaints))
    try:
        yield OwnTwin(process.pid, await asyncio.wait_for(_port(process, listener, complaints), _START_S))
    except asyncio.TimeoutError as error:
        raise MusterError(f"the twin did not start within {_START_S:.0f} s: try again") from error
    finally:
        await _end(process)
        await listener


async def _listen(process: Process, complaints: deque[str]) -> None:
    """Empty its standard error, so that it never waits for us; the last lines are kept."""
    assert process.stderr is not None
    async for line in process.stderr:
        complaints.append(line.decode(errors="replace").strip())


async def _port(process: Process, listener: "asyncio.Task[None]", complaints: deque[str]) -> int:
    """The port in the line that a twin prints when it is ready."""
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        await listener
        why = complaints[-1].removeprefix("muster: ") if complaints else "it ended without a message"
        raise MusterError(
            f"the twin cannot be started: {why}. To use a running one, name it with --endpoint and --port"
        )
    return int(line.decode().rsplit(":", 1)[1])


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_S)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()
