"""MicroPython's heap, read from outside while the program runs: free bytes, and the largest free piece.

The garbage collector keeps two bits for each block of 16 bytes, 0 for a free one. Where its table and its
pool lie differs with every firmware; they are found by what MicroPython's `mp_state_mem_area_t` holds about
itself: table, bytes in it, the finalisers' table behind it, start and end of the pool.
"""

import struct

RAM_START = 0x20000000
_BLOCK = 16
_BLOCKS_PER_BYTE = 4
_LEAST_POOL = 64 * 1024  # a smaller find is a coincidence

_IN_USE = ["".join("0" if byte >> at & 3 == 0 else "1" for at in (0, 2, 4, 6)) for byte in range(256)]


def find_table(ram: bytes) -> tuple[int, int] | None:
    """Offset and bytes of the allocation table in `ram`; None before the firmware has made its heap."""
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
            return table - RAM_START, length
    return None


def free(table: bytes) -> tuple[int, int]:
    """Bytes that are free, and bytes of the largest free piece."""
    blocks = "".join(map(_IN_USE.__getitem__, table))
    return blocks.count("0") * _BLOCK, max(map(len, blocks.split("1"))) * _BLOCK
