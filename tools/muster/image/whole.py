"""Firmware and file system as one file: what a new board needs, in one step."""

from collections.abc import Mapping

from muster.boards import Board
from muster.image.uf2 import joined

_ERASED = b"\xff"


def whole(firmware: Mapping[int, bytes], image: bytes, facts: Board) -> bytes:
    """The parts of a `firmware` {bytes from the start of the flash: content} with the file system `image`.

    A UF2 file for a board that takes one, else the flash from the first part on, for esptool.
    """
    parts = {**firmware, facts.flash_offset: image}
    if facts.uf2_base is not None:
        return joined(parts, facts)
    start = min(parts)
    content = bytearray(_ERASED) * (max(at + len(part) for at, part in parts.items()) - start)
    for at, part in parts.items():
        content[at - start : at - start + len(part)] = part
    return bytes(content)
