"""The heap as it is found in a RAM; here, one made by hand."""

import struct

from tests.firmware import heap

POOL = 128 * 1024
TABLE = POOL // 64
_AT, _STATE = 4096, 512
_USED = 0b01010101  # four blocks that are heads of objects


def ram(table: bytes, gap: int) -> bytes:
    """A RAM of a Pico W whose last bytes are the pool of a heap."""
    memory = bytearray(264 * 1024)
    end = heap.RAM_START + len(memory)
    start = heap.RAM_START + _AT
    words = (start, len(table), start + len(table) + gap, end - POOL, end)
    struct.pack_into("<5I", memory, _STATE, *words)
    memory[_AT : _AT + len(table)] = table
    return bytes(memory)


def test_the_table_is_found_with_and_without_a_gap() -> None:
    for gap in (0, 1):
        assert heap.find_table(ram(bytes(TABLE), gap)) == (_AT, TABLE)


def test_there_is_no_table_before_there_is_a_heap() -> None:
    assert heap.find_table(bytes(264 * 1024)) is None
    assert heap.find_table(ram(bytes(TABLE), 2)) is None


def test_what_is_free_is_counted_in_blocks_of_16_bytes() -> None:
    half_used = 0b01010000  # its first two blocks are free
    table = bytes([_USED] * 10 + [0] * 5 + [_USED, half_used])
    assert heap.free(table) == (22 * 16, 20 * 16)


def test_a_full_heap_has_no_free_piece() -> None:
    assert heap.free(bytes([_USED] * 8)) == (0, 0)
