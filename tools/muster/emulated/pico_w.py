"""The emulated board itself: power, flash, console, resets."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rp2040py.boards import BoardSpec
from rp2040py.device.base_device import BaseDevice
from rp2040py.external.bootsel_button import BootselButton
from rp2040py.memory_map import FLASH_START_ADDRESS
from rp2040py.reset_cause import ResetCause

from muster.boards import board
from muster.emulated.network import Radio

BOARD = "pico_w"
_FACTS = board(BOARD)
_SCRATCH_4 = 0x1C  # watchdog register; MAGIC in it, and in SCRATCH7 where the ROM is to go on after a reset
_SCRATCH_7 = 0x28
_MAGIC = 0xB007C0D3  # RP2040 datasheet, 2.8.1.1 (watchdog boot)
_ROM_BYTES = 0x4000


class PicoW:
    """A Pico W that is on, or off.

    `heard(data)` gets what its console says. `restarted()` is called at each reset of the whole chip, which
    takes it off USB, and `connected()` when USB is up: after boot.py.
    """

    def __init__(
        self,
        firmware: Path,
        heard: Callable[[bytes], object],
        restarted: Callable[[], object] = lambda: None,
        connected: Callable[[], object] = lambda: None,
    ) -> None:
        """A board, off, with a flash on which nothing but `firmware` (a UF2) is."""
        self._firmware = firmware
        self._heard, self._restarted, self._connected = heard, restarted, connected
        self._flash: bytes | None = None  # of a board that was on
        self._files: bytes | None = None  # the image of a file system that is to come onto it
        self._device: Any = None
        self.is_in_bootsel = False  # it waits for a UF2, and runs no program

    @property
    def is_on(self) -> bool:
        """Whether it has power."""
        return self._device is not None

    @property
    def file_system(self) -> bytes:
        """The image of the file system, as it is now."""
        flash = self._flash if self._device is None else self.mcu.flash
        assert flash is not None, "it was never on"
        return bytes(flash[_FACTS.flash_offset : _FACTS.flash_offset + _FACTS.size])

    @file_system.setter
    def file_system(self, data: bytes) -> None:
        self._files = data

    @property
    def mcu(self) -> Any:
        """The chip of a board that is on."""
        return self._device.mcu

    @property
    def now_ms(self) -> int:
        """Emulated time since power-on."""
        return round(self.mcu.clock.nanos / 1e6)

    def power_on(self, loop: asyncio.AbstractEventLoop, radio: Radio) -> None:
        """Start with the flash as it was, everything else as new. The board runs while `loop` does."""
        assert self._device is None, "it is on"
        spec = BoardSpec(image=self._firmware, extras=(lambda: radio, BootselButton))
        self._device = device = BaseDevice(board=spec)
        if self._flash is not None:
            device.mcu.flash[: len(self._flash)] = self._flash
        if self._files is not None:
            device.mcu.flash[_FACTS.flash_offset : _FACTS.flash_offset + _FACTS.size] = self._files
            self._files = None
        self.is_in_bootsel = False
        device.cdc.on_serial_data = self._said
        device.cdc.on_device_connected = self._plugged_in
        device.mcu.watchdog.on_watchdog_trigger = self._reset
        device.simulator.bind_loop(loop)
        device.simulator.real_io_begin()  # idle time passes as on the wall
        device.mcu.core.pc = FLASH_START_ADDRESS
        device.simulator.start_execution()

    def stop(self) -> None:
        """Cut the power, at whatever the board is doing; `off` once the loop has turned."""
        self._device.simulator.stop()

    def off(self) -> None:
        """It was stopped, and the loop has turned since."""
        self._flash = bytes(self.mcu.flash)
        self._device = None

    def check(self) -> None:
        """Raise what has ended the emulation, if anything has."""
        if self._device.simulator.engine_room_error:
            raise self._device.simulator.engine_room_error

    def type_bytes(self, data: bytes) -> int:
        """Type on the console; how many bytes the USB had room for."""
        for count, byte in enumerate(data):
            if self._device.cdc.tx_fifo.full:
                return count
            self._device.cdc.send_serial_byte(byte)
        return len(data)

    def _said(self, data: bytes | bytearray) -> None:
        self._heard(bytes(data))

    def _plugged_in(self) -> None:
        self._connected()

    def _reset(self) -> None:
        watchdog = self.mcu.watchdog
        magic, place = watchdog.read_uint32(_SCRATCH_4), watchdog.read_uint32(_SCRATCH_7)
        self.is_in_bootsel = magic == _MAGIC and 0 < place < _ROM_BYTES
        self._restarted()
        if not self.is_in_bootsel:
            self._device.hard_reset(cause=ResetCause.WATCHDOG)
