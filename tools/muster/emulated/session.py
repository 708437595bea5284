"""One run of an emulated Pico W for a person: console, serial port, and the image at the end."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from muster.boards import board
from muster.emulated.network import Network, Radio
from muster.emulated.pico_w import BOARD, PicoW
from muster.emulated.serial_port import SerialPort
from muster.errors import MusterError
from muster.flashing import firmware as firmware_file
from muster.virtual_power import locked

_TURN_S = 0.002
_SAVE_S = 1.0
_BYTES_A_TURN = 64  # what USB takes at a time


class Session:
    """Runs the image in `image_path` on `firmware`, a UF2, until Ctrl-C; `print_text` gets the console.

    `port`: the console for mpremote as well. The image gets what the board writes.
    """

    def __init__(
        self, firmware: Path, image_path: Path, print_text: Callable[[bytes], object], port: SerialPort | None
    ) -> None:
        """Raises MusterError when the files are not those of a Pico W."""
        self.version = firmware_file.read(firmware, board(BOARD)).version
        image = image_path.read_bytes()
        if len(image) != board(BOARD).size:
            raise MusterError(
                f"{image_path} is no image of a {board(BOARD).title}: build one with `muster image`."
            )
        self._image_path, self._print, self._port = image_path, print_text, port
        connected = port.plug_in if port else lambda: None
        self._pico = PicoW(firmware, self._heard, self._restarted, connected)
        self._pico.file_system = self._saved = image

    def run(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Until `is_over()`, or a restart of the board into its boot loader.

        Raises KeyboardInterrupt, and MusterError when another board is on with the image.
        """
        loop = asyncio.new_event_loop()
        with locked(self._image_path) as file:
            self._pico.power_on(loop, Radio(Network()))
            try:
                loop.run_until_complete(self._turn(is_over, file))
            finally:
                self._pico.stop()
                loop.run_until_complete(_end_tasks())
                loop.close()
                self._pico.off()
                self._save(file)

    async def _turn(self, is_over: Callable[[], bool], file: BinaryIO) -> None:
        typed = b""
        saved_s = time.monotonic()
        while not self._pico.is_in_bootsel and not is_over():
            await asyncio.sleep(_TURN_S)
            self._pico.check()
            if self._port:
                typed += self._port.typed(_BYTES_A_TURN - len(typed))
                typed = typed[self._pico.type_bytes(typed) :]
            if time.monotonic() - saved_s >= _SAVE_S:
                self._save(file)
                saved_s = time.monotonic()

    def _save(self, file: BinaryIO) -> None:
        """Write the blocks that have changed: whatever ends this process, none is lost."""
        now, size = self._pico.file_system, board(BOARD).block_size
        if now == self._saved:
            return
        for at in range(0, len(now), size):
            if now[at : at + size] != self._saved[at : at + size]:
                file.seek(at)
                file.write(now[at : at + size])
        file.flush()
        self._saved = now

    def _heard(self, data: bytes) -> None:
        self._print(data)
        if self._port:
            self._port.say(data)

    def _restarted(self) -> None:
        if self._port:
            self._port.unplug()
        place = ", into its boot loader" if self._pico.is_in_bootsel else ""
        self._print(f"\n-- reset at {self._pico.now_ms} ms{place}\n".encode())


async def _end_tasks() -> None:
    """End the connections that outlive the power of their board."""
    await asyncio.sleep(0.1)  # the emulation ends at its next turn
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
