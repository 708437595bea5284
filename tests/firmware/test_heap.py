"""The heap as it is found in a RAM; here, one made by hand."""

import struct

from tests.firmware import heap

POOL = 128 * 1024
TABLE = POOL // 64
_AT, _STATE = 4096, 512
_USED = 0b01010101  # four blocks that are heads of objects


def ram(table: bytes, gap: int = 1, pool: bytes = b"") -> bytes:
    """A RAM of a Pico W whose last bytes are the pool of a heap, which begins with `pool`."""
    memory = bytearray(264 * 1024)
    end = heap.RAM_START + len(memory)
    start = heap.RAM_START + _AT
    words = (start, len(table), start + len(table) + gap, end - POOL, end)
    struct.pack_into("<5I", memory, _STATE, *words)
    memory[_AT : _AT + len(table)] = table
    memory[len(memory) - POOL : len(memory) - POOL + len(pool)] = pool
    return bytes(memory)


def free(table: bytes, place_bytes: int = 0, pool: bytes = b"") -> tuple[int, int]:
    memory = ram(table + bytes([_USED] * (TABLE - len(table))), pool=pool)
    found = heap.find(memory)
    assert found is not None
    return heap.free(memory, found, place_bytes)


def test_the_table_is_found_with_and_without_a_gap() -> None:
    for gap in (0, 1):
        assert heap.find(ram(bytes(TABLE), gap)) == (_AT, TABLE, 264 * 1024 - POOL)


def test_there_is_no_table_before_there_is_a_heap() -> None:
    assert heap.find(bytes(264 * 1024)) is None
    assert heap.find(ram(bytes(TABLE), 2)) is None


def test_what_is_free_is_counted_in_blocks_of_16_bytes() -> None:
    half_used = 0b01010000  # its first two blocks are free
    table = bytes([_USED] * 10 + [0] * 5 + [_USED, half_used])
    assert free(table) == (22 * 16, 20 * 16)


def test_a_full_heap_has_no_free_piece() -> None:
    assert free(b"") == (0, 0)


def test_the_place_that_is_held_is_free() -> None:
    """Eight blocks of zeros between two free ones; with something in them, or fewer, they are in use."""
    table = bytes([0b01_00_01_01, 0b10_10_10_10, 0b00_10_10_10])
    assert free(table, 8 * 16) == (10 * 16, 10 * 16)
    assert free(bytes([table[0] | 0b10_00_00_00]) + table[1:], 8 * 16) == (10 * 16, 10 * 16), "marked"
    assert free(table, 8 * 16, bytes(100) + b"x") == (2 * 16, 16)
    assert free(table, 7 * 16) == free(table) == (2 * 16, 16)
