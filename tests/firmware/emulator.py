"""An emulated Pico W (muster.emulated) in the hands of a test, which sees its console, heap and watchdog.

The board runs only while a test waits for it, so nothing happens between two lines of a test. All times are
emulated milliseconds since power-on.
"""

import asyncio
import codecs
import re
import time
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path
from typing import Any

from muster import image
from muster.emulated.pico_w import BOARD, PicoW
from tests.firmware import heap
from tests.firmware.network import Network
from tests.firmware.report import Figures
from tests.firmware.visitor import Call, VisitedRadio

CTRL_C = "\x03"
PROMPT = ">>> "
_FACTS = image.board(BOARD)
_LOOK_S = 0.005
_SLOWEST = 10  # wall time for emulated time, before the machine is called too slow
_START_S = 30  # wall time on top of it
_WATCHDOG_ON = 1 << 30
_WATCHDOG_LEFT = (1 << 24) - 1
_COUNTS_PER_MS = 2000  # the RP2040 counts twice a microsecond (erratum RP2040-E1)


class Board:
    """One board with its flash, off at first. Use it with `with`."""

    def __init__(self, firmware: Path, file_system: bytes, network: Network | None = None) -> None:
        """Put `firmware` and `file_system` on the flash."""
        self.network = network or Network()
        self.figures = Figures()  # since the last power-on
        self._pico = PicoW(firmware, self._said, self._reset)
        self._pico.file_system = file_system
        self._radio: VisitedRadio | None = None
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, *_: object) -> None:
        self.power_off()
        self._loop.run_until_complete(_end_tasks())
        self._loop.close()

    # -- power ------------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Start with the flash as it was, everything else as new."""
        self._radio = VisitedRadio(self.network)
        self.figures = Figures()
        self.console = ""
        self._read = 0  # up to here a test has seen it
        self._arrivals: list[tuple[int, int]] = []  # length of the console after each arrival, and when
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._heap: heap.Heap | None = None
        self._is_starting = False  # after a reset
        self._pico.power_on(self._loop, self._radio)

    def power_off(self) -> None:
        """Cut the power, at whatever the board is doing. Servers see a connection that fell silent."""
        if self._pico.is_on:
            self._pico.stop()
            self._loop.run_until_complete(asyncio.sleep(0.1))
            self._pico.off()

    def cut(self) -> None:
        """Power off and on."""
        self.power_off()
        self.power_on()

    def file_system(self) -> bytes:
        """The image of the file system, of a board that is off."""
        assert not self._pico.is_on, "switch it off"
        return self._pico.file_system

    # -- what a person does -----------------------------------------------------------------------

    def type_text(self, text: str) -> None:
        """Type on the console; a line ends in "\\r"."""
        data = text.encode()
        assert self._pico.type_bytes(data) == len(data), "more than USB takes at a time"

    def throw_out(self) -> None:
        """Have the access point throw the board out."""
        assert self._radio is not None
        self._radio.thrown_out()

    def hold(self, pin: int, is_held: bool = True) -> None:
        """Wire a pin to ground, or leave it to its pull-up."""
        self._pico.mcu.gpio[pin].set_input_value(not is_held)

    @property
    def light(self) -> list[tuple[int, bool]]:
        """(ms, whether it is on) of each change of the light since power-on."""
        assert self._radio is not None
        return self._radio.light

    def call(self, request: bytes) -> Call:
        """Connect to the board's web server, once it runs on."""
        assert self._radio is not None
        return self._radio.visitor.call(request)

    def answers(self, *calls: Call, within_ms: float) -> None:
        """Wait until the board has answered all `calls`."""
        if not self._run(within_ms, lambda: all(call.has_ended for call in calls)):
            found = [len(call.answer) for call in calls]
            raise AssertionError(f"answers of {found} bytes within {within_ms:.0f} ms; {self._so_far()}")

    def run(self, for_ms: float) -> str:
        """Let time pass; what the board said meanwhile."""
        before = len(self.console)
        self._run(for_ms, lambda: False)
        self._read = len(self.console)
        return self.console[before:]

    def wait_for(self, pattern: str, within_ms: float) -> int:
        """Wait until the console shows `pattern`, and return when that was.

        What stands before the end of the match is not looked at again.
        """
        wanted = re.compile(pattern, re.MULTILINE)
        if not self._run(within_ms, lambda: wanted.search(self.console, self._read) is not None):
            raise AssertionError(
                f"the board did not say {pattern!r} within {within_ms:.0f} ms; {self._so_far()}"
            )
        match = wanted.search(self.console, self._read)
        assert match is not None
        self._read = match.end()
        return self._arrivals[bisect_left(self._arrivals, (match.end(), 0))][1]

    # -- inside -----------------------------------------------------------------------------------

    def _now_ms(self) -> int:
        return self._pico.now_ms

    def _run(self, for_ms: float, ended: Callable[[], bool]) -> bool:
        return self._loop.run_until_complete(self._run_until(for_ms, ended))

    async def _run_until(self, for_ms: float, ended: Callable[[], bool]) -> bool:
        """Run until `ended()`, for `for_ms` at most; whether it ended."""
        end_ms = self._now_ms() + for_ms
        deadline_s = time.monotonic() + for_ms / 1000 * _SLOWEST + _START_S
        while not ended():
            if self._now_ms() >= end_ms:
                return False
            if time.monotonic() > deadline_s:
                raise AssertionError(f"this machine is too slow for the emulator; {self._so_far()}")
            await asyncio.sleep(_LOOK_S)
            self._pico.check()
            self._look()
        return True

    def _look(self) -> None:
        """Keep the worst that was seen of watchdog and heap.

        Both count from the start of the watchdog on, before boot.py uses the network. Earlier, the whole heap
        is taken for a moment, to give the log its place at the top (lib/device/port/kept.py). After a reset
        by the watchdog, which leaves that enabled, they count from the first line on the console on.
        """
        mcu, worst = self._pico.mcu, self.figures
        assert self._radio is not None
        self._radio.visitor.look(self._now_ms())
        control = mcu.watchdog.read_uint32(0)
        if not control & _WATCHDOG_ON or self._is_starting:
            return
        worst.watchdog_left_ms = _least(worst.watchdog_left_ms, (control & _WATCHDOG_LEFT) / _COUNTS_PER_MS)
        self._heap = self._heap or heap.find(bytes(mcu.sram))
        if self._heap:
            seen = heap.free(bytes(mcu.sram), self._heap, _FACTS.tls_piece_bytes)
            worst.see_heap(self._now_ms(), *seen)

    def _said(self, data: bytes) -> None:
        text = self._decoder.decode(data).replace("\r", "")
        print(text, end="")  # pytest shows it with a test that fails
        self.console += text
        self._arrivals.append((len(self.console), self._now_ms()))
        self._is_starting = False

    def _reset(self) -> None:
        now_ms = self._now_ms()
        self.figures.resets.append(now_ms)
        self._is_starting = True
        print(f"\n-- reset at {now_ms} ms, by the watchdog or by the program")

    def _so_far(self) -> str:
        said = self.console[-1500:] or "nothing"
        return f"resets: {self.figures.resets or 'none'}; it said:\n{said}"


def _least(before: Any, now: Any) -> Any:
    return now if before is None else min(before, now)


async def _end_tasks() -> None:
    """End the connections that outlived the power of their board."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
