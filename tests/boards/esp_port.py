"""A serial port for a page in a browser, with a chip on it: bytes come and go without a cable.

DTR and RTS work as in the circuit of Espressif's boards (ESP32-DevKitC schematic, two transistors): RTS alone
holds EN down, DTR alone holds GPIO 0 down; the chip that is let go of with GPIO 0 down goes into its loader.
"""

import base64
from pathlib import Path
from typing import Any

from boards.esp_loader import EspChip, Unplugged

_SCRIPT = Path(__file__).with_suffix(".js")
_ROM_SAYS = (
    b"ets Jun  8 2016 00:22:57\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x3 "
    b"(DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))\r\nwaiting for download\r\n"
)


class EspOnPort(EspChip):
    """`starts`: how often it was reset into its program. `has_boot`: GPIO 0 is connected to the bridge."""

    def __init__(self, *words: Any, has_boot: bool = True, **more: Any) -> None:
        super().__init__(*words, **more)
        self.starts = 0
        self._has_boot = has_boot
        self._is_in_loader = self._is_held = False
        self._said = b""

    def _send(self, packet: bytes) -> None:
        self._said += packet

    def write(self, data: bytes, baud: int) -> bytes:
        """What it says to these bytes; a chip that talks at another speed does not understand them."""
        if self._is_in_loader and baud == self.baud:
            self.take(data)
        said, self._said = self._said, b""
        return said

    def pins(self, dtr: bool, rts: bool) -> bytes:
        """What it says when the pins are so."""
        was_held, self._is_held = self._is_held, rts and not dtr
        if not was_held or self._is_held:
            return b""
        self.restart()
        self._is_in_loader = dtr and self._has_boot
        self.starts += not self._is_in_loader
        return _ROM_SAYS if self._is_in_loader else b""


class PagePort:
    """The only port that a page sees. `chip`: what is plugged in; None: nothing, a person chooses none.

    `is_taken`: another program has it.
    """

    def __init__(self, chip: EspOnPort | None = None) -> None:
        self.chip = chip
        self.is_taken = False
        self._signals = {"dataTerminalReady": True, "requestToSend": True}

    def attach(self, page: Any) -> None:
        """Give it to a page of playwright's that has not loaded yet."""
        page.expose_function("espPort", self._asked)
        page.add_init_script(path=_SCRIPT)

    def _asked(self, what: str, words: dict[str, Any]) -> dict[str, Any]:
        if self.chip is None:
            return {"fault": "No port selected by the user."}
        if what == "open" and self.is_taken:
            return {"fault": "Failed to open serial port."}
        said = b""
        try:
            if what == "open":
                self._signals = dict.fromkeys(self._signals, True)  # as Linux does
            elif what == "signals":
                self._signals |= {name: on for name, on in words.items() if name in self._signals}
                said = self.chip.pins(*self._signals.values())
            elif what == "write":
                said = self.chip.write(base64.b64decode(words["data"]), words["baud"])
        except Unplugged:
            return {"isGone": True}
        return {"data": base64.b64encode(said).decode()}
