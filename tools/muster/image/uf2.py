"""UF2: the file that a Pico W in BOOTSEL mode takes by copying (Microsoft's "USB Flashing Format")."""

import struct

from muster.boards import board
from muster.errors import MusterError

_START = (0x0A324655, 0x9E5D5157)
_END = 0x0AB16F30
_FAMILY_PRESENT = 0x2000
_PAYLOAD = 256  # bytes of data in each block of 512


def to_uf2(image: bytes, board_name: str) -> bytes:
    """`image` as UF2 blocks at the board's file system. Raises MusterError for a board without UF2.

    Erased parts are written too, so that nothing of an older file system stays on the flash.
    """
    facts = board(board_name)
    if facts.uf2_base is None or facts.uf2_family is None:
        raise MusterError(f"{facts.title} takes no UF2 file: write the image with its own tool.")
    start = facts.uf2_base + facts.flash_offset
    count = -(-len(image) // _PAYLOAD)
    blocks = []
    for number in range(count):
        data = image[number * _PAYLOAD : (number + 1) * _PAYLOAD]
        head = struct.pack(
            "<8I",
            *_START,
            _FAMILY_PRESENT,
            start + number * _PAYLOAD,
            _PAYLOAD,
            number,
            count,
            facts.uf2_family,
        )
        blocks.append(head + data.ljust(476, b"\0") + struct.pack("<I", _END))
    return b"".join(blocks)
