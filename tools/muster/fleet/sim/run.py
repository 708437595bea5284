"""Runs a simulated fleet: many boards at once, a bound on how many work, retries with the core's back-off."""

import asyncio
import random
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from device.core import paths
from device.core.failures import Failure
from muster.errors import WRONG_USE, MusterError
from muster.fleet.sim.board import FIRST_RETRY_MS, Board
from muster.fleet.sim.report import Report
from muster.fleet.sim.tls import Contexts

STAY = "stay connected"
_OTHER_FILES = 64  # open files of the process beside the connections


class Device(NamedTuple):
    """A board to be: its name and the files that the factory puts on its flash."""

    name: str
    files: dict[str, bytes]


@dataclass(frozen=True)
class Pace:
    """How the fleet is let loose. Times in seconds.

    `parallel`: devices that work at once (one that waits before its next try does not count); `ramp_s`: the
    first tries are spread over this time at random, as AWS throttles by account; `tries`: attempts of a
    device before it counts as failed; `keep_s`: how long every connection is kept after the last device is
    done; `first_retry_ms`: the first back-off.
    """

    parallel: int = 50
    ramp_s: float = 0.0
    tries: int = 8
    keep_s: float = 0.0
    first_retry_ms: int = FIRST_RETRY_MS


Changed = Callable[[Report, Board], None]
"""Called whenever a device is done or has failed."""


async def run(
    devices: Sequence[Device], pace: Pace, stop: asyncio.Event, changed: Changed | None = None
) -> Report:
    """Let all devices boot once, from nothing to an acknowledged boot status; the report.

    Setting `stop` ends the run early; the report then says so. Raises MusterError when so many connections
    cannot be open at once, Failure when the files of a device are wrong.
    """
    _allow_files(len(devices) if pace.keep_s else min(pace.parallel, len(devices)))
    fleet = _Fleet(devices, pace, changed)
    begun_s, cpu_s = time.monotonic(), time.process_time()
    work = asyncio.create_task(fleet.work())
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
        fleet.report.interrupted = not work.done()
    finally:
        work.cancel()
        stopped.cancel()
        results = await asyncio.gather(work, stopped, return_exceptions=True)
    if isinstance(results[0], Exception):
        raise results[0]
    fleet.report.elapsed_s = (fleet.done_s or time.monotonic()) - begun_s
    fleet.report.cpu_s = (fleet.done_cpu_s or time.process_time()) - cpu_s
    return fleet.report


def _allow_files(connections: int) -> None:
    """See that the process may have so many files open."""
    needed = connections + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise MusterError(
                f"{connections} connections at once are more than this system allows a process ({hard}"
                " open files): choose a smaller --parallel or --count, or raise the limit (ulimit -n)",
                WRONG_USE,
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


class _Fleet:
    """The boards of one run and what is counted of them."""

    def __init__(self, devices: Sequence[Device], pace: Pace, changed: Changed | None) -> None:
        self.report = Report(len(devices))
        self.done_s: float | None = None
        self.done_cpu_s: float | None = None
        self._pace = pace
        self._devices = devices
        self._changed = changed
        self._slots = asyncio.Semaphore(pace.parallel)
        self._everyone = asyncio.Event()  # set when every device is done or has failed
        if not devices:
            self._everyone.set()

    async def work(self) -> None:
        """Every device to its end."""
        certificate = f"{paths.BOOTSTRAP}/{paths.CERTIFICATE}"
        contexts = Contexts(self._devices[0].files[certificate] if self._devices else b"")
        starts_s = sorted(random.uniform(0, self._pace.ramp_s) for _ in self._devices)
        lives = [
            asyncio.create_task(self._live(device, contexts, start_s))
            for device, start_s in zip(self._devices, starts_s, strict=True)
        ]
        try:
            await asyncio.gather(*lives)
        finally:
            for life in lives:
                life.cancel()
            await asyncio.gather(*lives, return_exceptions=True)

    async def _live(self, device: Device, contexts: Contexts, start_s: float) -> None:
        """One device: boot, retry, perhaps stay."""
        await asyncio.sleep(start_s)
        board = Board(device.name, device.files, contexts, self.report.took, self._pace.first_retry_ms)
        try:
            is_done = await self._boot(board)
            self._count(board)
            if is_done and self._pace.keep_s:
                await self._keep(board)
        finally:
            await board.switch_off()

    def _count(self, board: Board) -> None:
        if not self.report.unfinished:
            self.done_s, self.done_cpu_s = time.monotonic(), time.process_time()
            self._everyone.set()
        if self._changed:
            self._changed(self.report, board)

    async def _boot(self, board: Board) -> bool:
        """Attempts until one is good or none is left; counts the outcome."""
        begun_s: float | None = None
        for left in range(self._pace.tries - 1, -1, -1):
            async with self._slots:
                begun_s = begun_s or time.monotonic()
                self.report.attempts += 1
                try:
                    await board.attempt()
                    self.report.done += 1
                    self.report.device_s.append(time.monotonic() - begun_s)
                    return True
                except Failure as failure:
                    wait_s = board.retry_s(failure) if left else None
                    self.report.error(failure, gave_up=wait_s is None)
            if wait_s is None:
                break
            await asyncio.sleep(wait_s)
        self.report.failed += 1
        return False

    async def _keep(self, board: Board) -> None:
        """Stay connected until everyone is done, and `keep_s` longer."""
        staying = asyncio.create_task(board.stay())
        released = asyncio.create_task(self._release())
        try:
            await asyncio.wait((staying, released), return_when=asyncio.FIRST_COMPLETED)
            if staying.done():
                self.report.dropped += 1
                failure = staying.exception()
                if isinstance(failure, Failure):
                    self.report.error(failure.during(STAY), gave_up=False)
        finally:
            staying.cancel()
            released.cancel()
            await asyncio.gather(staying, released, return_exceptions=True)

    async def _release(self) -> None:
        await self._everyone.wait()
        await asyncio.sleep(self._pace.keep_s)
