"""MicroPython's heap, read from outside while the program runs: free bytes, and the largest free piece.

The garbage collector keeps two bits for each block of 16 bytes: 0 for a free one, 1 for the first of an
object (3 while it looks for garbage), 2 for its others. Where its table and its pool lie differs with every
firmware; they are found by what MicroPython's `mp_state_mem_area_t` holds about itself: table, bytes in it,
the finalisers' table behind it, start and end of the pool.
"""

import re
import struct
from typing import NamedTuple

RAM_START = 0x20000000
_BLOCK = 16
_BLOCKS_PER_BYTE = 4
_LEAST_POOL = 64 * 1024  # a smaller find is a coincidence

_STATES = ["".join("0123"[byte >> at & 3] for at in (0, 2, 4, 6)) for byte in range(256)]


class Heap(NamedTuple):
    """Offsets in the RAM, and bytes, of the allocation table; offset of the pool."""

    table: int
    length: int
    pool: int


def find(ram: bytes) -> Heap | None:
    """The heap in `ram`; None before the firmware has made it."""
    words = struct.unpack(f"<{len(ram) // 4}I", ram)
    for at in range(len(words) - 4):
        table, length, finalisers, start, end = words[at : at + 5]
        if (
            RAM_START <= table < RAM_START + len(ram)
            and length <= finalisers - table <= length + 1  # newer firmware leaves a byte between
            and finalisers < start < end <= RAM_START + len(ram)
            and end - start == length * _BLOCKS_PER_BYTE * _BLOCK
            and end - start >= _LEAST_POOL
        ):
            return Heap(table - RAM_START, length, start - RAM_START)
    return None


def free(ram: bytes, heap: Heap, place_bytes: int = 0) -> tuple[int, int]:
    """Bytes that are free, and bytes of the largest free piece.

    `place_bytes`: an object of so many bytes, all zero, is the place that the board holds for TLS, and free
    as the board counts. (What TLS puts there begins with the address of another object.)
    """
    table = ram[heap.table : heap.table + heap.length]
    blocks = "".join(map(_STATES.__getitem__, table))
    if place_bytes:
        count = place_bytes // _BLOCK
        for match in re.finditer(f"[13]2{{{count - 1}}}(?!2)", blocks):
            at = heap.pool + match.start() * _BLOCK
            if not any(ram[at : at + place_bytes]):
                blocks = blocks[: match.start()] + "0" * count + blocks[match.end() :]
    return blocks.count("0") * _BLOCK, max(map(len, re.findall("0+", blocks)), default=0) * _BLOCK
