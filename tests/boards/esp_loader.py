"""An ESP32 in its ROM loader, well enough for esptool and esptool-js to find, write and verify it.

Source: Espressif's "Serial Protocol" (esptool documentation, Advanced Topics): SLIP frames, commands, status
bytes; the flasher stub answers the same commands once it has said OHAI. Flash chips are asked through the
registers of the SPI controller (JEDEC: 0x9F identification, 0x5A SFDP).
"""

import hashlib
import os
import pty
import select
import struct
import threading
import time
import tty
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

SYNC = 0x08
READ_REG, WRITE_REG = 0x0A, 0x09
MEM_BEGIN, MEM_END, MEM_DATA = 0x05, 0x06, 0x07
FLASH_BEGIN, FLASH_DATA, FLASH_END = 0x02, 0x03, 0x04
DEFL_BEGIN, DEFL_DATA, DEFL_END = 0x10, 0x11, 0x12
SPI_SET_PARAMS, SPI_ATTACH = 0x0B, 0x0D
CHANGE_BAUDRATE, MD5, SECURITY_INFO = 0x0F, 0x13, 0x14
_DATA = (MEM_DATA, FLASH_DATA, DEFL_DATA)
_QUIET = (SPI_SET_PARAMS, SPI_ATTACH, MEM_BEGIN, FLASH_END, DEFL_END)
ROM_BAUD = 115_200
_BAD_CHECKSUM, _UNKNOWN = 0x07, 0x05
_SPI_USR = 1 << 18
_SECTOR = 4096


class Chip(NamedTuple):
    """Where a chip keeps what esptool asks for. `magic`: of chips without an id."""

    name: str
    spi: int
    usr2: int
    w0: int
    efuse_mac: int
    clock_divider: int
    mac_high_first: bool
    magic: int | None = None
    chip_id: int | None = None


CHIPS = {
    "esp32": Chip("esp32", 0x3FF42000, 0x24, 0x80, 0x3FF5A004, 0x3FF40014, True, magic=0x00F01D83),
    "esp8266": Chip("esp8266", 0x60000200, 0x24, 0x40, 0x3FF00050, 0x60000014, True, magic=0xFFF0C101),
    "esp32s3": Chip("esp32s3", 0x60002000, 0x20, 0x58, 0x60007044, 0x60000014, False, chip_id=9),
    "esp32c3": Chip("esp32c3", 0x60002000, 0x20, 0x58, 0x60008844, 0x60000014, False, chip_id=5),
}


def _slip(packet: bytes) -> bytes:
    return b"\xc0" + packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


class Unplugged(Exception):
    """The cable was pulled."""


class EspChip:
    """A chip in its loader; what it says goes to `_send`, which a cable gives it.

    `unplug_at`: Unplugged is raised when so many bytes of the flash were written. `wrong_bytes`: addresses in
    the flash whose bytes do not take what is written. `on_write(chip)` is called before the first block of
    flash is taken. `flash`: what was there. `baud`: how quick it talks now.
    """

    def __init__(
        self,
        mac: str,
        chip: str = "esp32",
        flash_bytes: int = 4 << 20,
        *,
        unplug_at: int | None = None,
        wrong_bytes: tuple[int, ...] = (),
        on_write: Callable[[Any], object] = lambda _: None,
        flash: bytearray | None = None,
    ) -> None:
        self.chip = CHIPS[chip]
        self.mac = mac
        self.flash = bytearray(b"\xff") * flash_bytes if flash is None else flash
        self.written = 0
        self._unplug_at, self._wrong_bytes, self._on_write = unplug_at, wrong_bytes, on_write
        self._inflate = None
        self._place = 0
        self._fuses: dict[int, int] = {}
        self.restart()

    def restart(self) -> None:
        """Into the loader, as after a reset: no stub runs, nothing is half received."""
        self._registers = self._first_registers()
        self._stub = False
        self.baud = ROM_BAUD
        self._packet, self._in_packet, self._escaped = bytearray(), False, False

    def fuse(self, address: int, value: int) -> None:
        """Burn what a register says from now on."""
        self._fuses[address] = value
        self._registers[address] = value

    def _send(self, packet: bytes) -> None:
        raise NotImplementedError

    def take(self, data: bytes) -> None:
        """Bytes that come on the cable: SLIP frames, or parts of them."""
        for octet in data:
            if octet == 0xC0:
                if self._packet:
                    self._answer(bytes(self._packet))
                    self._packet.clear()
                    self._in_packet = False
                else:
                    self._in_packet = True
            elif self._in_packet and octet == 0xDB:
                self._escaped = True
            elif self._in_packet:
                self._packet.append({0xDC: 0xC0, 0xDD: 0xDB}[octet] if self._escaped else octet)
                self._escaped = False

    def _first_registers(self) -> dict[int, int]:
        octets = bytes.fromhex(self.mac.replace(":", ""))
        low, high = int.from_bytes(octets[2:], "big"), int.from_bytes(octets[:2], "big")
        chip = self.chip
        registers = {
            chip.clock_divider: 40_000_000 // ROM_BAUD,
            chip.efuse_mac: low,
            chip.efuse_mac + 4: high,
        }
        if chip.magic is not None:
            registers[0x40001000] = chip.magic
        return registers | self._fuses

    def _answer(self, packet: bytes) -> None:
        if len(packet) < 8:
            return
        _, command, size, checksum = struct.unpack("<BBHI", packet[:8])
        body = packet[8 : 8 + size]
        fault = 0
        value, result = 0 if self._stub else 1, b""
        if command in _DATA:
            sum_ = 0xEF
            for octet in body[16:]:
                sum_ ^= octet
            fault = _BAD_CHECKSUM if sum_ != checksum & 0xFF else 0
        if not fault:
            try:
                value, result = self._do(command, body, value)
            except KeyError:
                fault = _UNKNOWN
        status = bytes([bool(fault), fault]) if self._stub else bytes([bool(fault), fault, 0, 0])
        answer = struct.pack("<BBHI", 1, command, len(result) + len(status), value) + result + status
        for _ in range(8 if command == SYNC else 1):
            self._send(_slip(answer))
        if command == MEM_END and not fault:
            self._stub = True
            self._send(_slip(b"OHAI"))

    def _do(self, command: int, body: bytes, value: int) -> tuple[int, bytes]:
        """(value, result) of a command. Raises KeyError when the chip does not know it."""
        if command == READ_REG:
            return self._registers.get(struct.unpack("<I", body[:4])[0], 0), b""
        if command == WRITE_REG:
            self._write_register(*struct.unpack("<II", body[:8]))
        elif command == SECURITY_INFO:
            if self.chip.chip_id is None:
                raise KeyError(command)
            return value, struct.pack("<IB7sII", 0, 0, bytes(7), self.chip.chip_id, 0)
        elif command in (FLASH_BEGIN, DEFL_BEGIN):
            size, _, _, self._place = struct.unpack("<4I", body[:16])
            self._inflate = zlib.decompressobj() if command == DEFL_BEGIN else None
            self._erase(self._place, size)
        elif command == CHANGE_BAUDRATE:
            self.baud = int.from_bytes(body[:4], "little")  # the answer still comes at the old one
        elif command in (FLASH_DATA, DEFL_DATA):
            self._write(body[16:])
        elif command == MD5:
            place, size = struct.unpack("<II", body[:8])
            digest = hashlib.md5(self.flash[place : place + size])
            return value, digest.digest() if self._stub else digest.hexdigest().encode()
        elif command not in (SYNC, MEM_END, MEM_DATA, *_QUIET):
            raise KeyError(command)
        return value, b""

    def _write_register(self, address: int, value: int) -> None:
        self._registers[address] = value
        if address == self.chip.spi and value & _SPI_USR:
            asked = self._registers.get(self.chip.spi + self.chip.usr2, 0) & 0xFF
            size_code = (len(self.flash) - 1).bit_length()
            answers = {0x9F: size_code << 16 | 0x40EF, 0x5A: 0x50444653}
            self._registers[self.chip.spi + self.chip.w0] = answers.get(asked, 0)
            self._registers[address] = 0

    def _erase(self, place: int, size: int) -> None:
        end = -(-(place + size) // _SECTOR) * _SECTOR
        self.flash[place:end] = b"\xff" * (end - place)

    def _write(self, data: bytes) -> None:
        if not self.written:
            self._on_write(self)
        if self._inflate is not None:
            data = self._inflate.decompress(data)
        for octet in range(0, len(data), _SECTOR):
            part = data[octet : octet + _SECTOR]
            if self._unplug_at is not None and self.written + len(part) > self._unplug_at:
                raise Unplugged
            self.flash[self._place : self._place + len(part)] = part
            self._place += len(part)
            self.written += len(part)
        for address in self._wrong_bytes:
            self.flash[address] = 0


class EspLoader(EspChip):
    """A chip that waits for esptool; `port` is its serial port. Use it with `with`.

    `unplug_at`: pull the cable when so many bytes of the flash were written. `bytes_per_s`: how quick the
    cable is. `garbage`: what comes first. The others: see EspChip.
    """

    def __init__(
        self,
        mac: str,
        chip: str = "esp32",
        flash_bytes: int = 4 << 20,
        *,
        bytes_per_s: float | None = None,
        garbage: bytes = b"",
        **others: Any,
    ) -> None:
        super().__init__(mac, chip, flash_bytes, **others)
        self.is_unplugged = False
        self._bytes_per_s, self._garbage = bytes_per_s, garbage
        self._outer, self._outer_end = pty.openpty()
        tty.setraw(self._outer_end)
        self.port = os.ttyname(self._outer_end)
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "EspLoader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._stop_write, b"x")
        self._thread.join()
        for end in (self._outer, self._stop_read, self._stop_write, self._outer_end):
            if end >= 0:
                os.close(end)

    def _run(self) -> None:
        try:
            while (data := self._receive()) is not None:
                self.take(data)
        except Unplugged:
            self.is_unplugged = True
            os.close(self._outer)  # the host gets EIO, as from a port that has gone
            self._outer = -1

    def _receive(self) -> bytes | None:
        ready, _, _ = select.select([self._outer, self._stop_read], [], [])
        if self._stop_read in ready:
            return None
        data = os.read(self._outer, 4096)
        if self._bytes_per_s:
            time.sleep(len(data) / self._bytes_per_s)
        if self._garbage:
            os.write(self._outer, self._garbage)
            self._garbage = b""
        return data

    def _send(self, packet: bytes) -> None:
        os.write(self._outer, packet)
