"""UF2: the file that a Pico W in BOOTSEL mode takes by copying (Microsoft's "USB Flashing Format")."""

import struct
from collections.abc import Mapping

from muster.boards import Board, board
from muster.errors import WRONG_USE, MusterError

_START = (0x0A324655, 0x9E5D5157)
_END = 0x0AB16F30
_FAMILY_PRESENT = 0x2000
_PAYLOAD = 256  # bytes of data in each block of 512
_BLOCK = 512
_HEAD = struct.Struct("<8I")  # two magic numbers, flags, address, payload, number, count, family


def to_uf2(image: bytes, board_name: str) -> bytes:
    """`image` as UF2 blocks at the board's file system. Raises MusterError for a board without UF2.

    Erased parts are written too, so that nothing of an older file system stays on the flash.
    """
    facts = board(board_name)
    return joined({facts.flash_offset: image}, facts)


def joined(parts: Mapping[int, bytes], facts: Board) -> bytes:
    """One UF2 file of several parts {bytes from the start of the flash: content}.

    Raises MusterError for a board without UF2.
    """
    if facts.uf2_base is None or facts.uf2_family is None:
        raise MusterError(f"{facts.title} takes no UF2 file: write the image with its own tool.")
    pieces = [
        (offset + at, part[at : at + _PAYLOAD])
        for offset, part in sorted(parts.items())
        for at in range(0, len(part), _PAYLOAD)
    ]
    return b"".join(
        _HEAD.pack(
            *(*_START, _FAMILY_PRESENT, facts.uf2_base + offset),
            *(_PAYLOAD, number, len(pieces), facts.uf2_family),
        )
        + data.ljust(_BLOCK - _HEAD.size - 4, b"\0")
        + struct.pack("<I", _END)
        for number, (offset, data) in enumerate(pieces)
    )


def parts_of(data: bytes, facts: Board, name: str) -> dict[int, bytes]:
    """What the UF2 file `data` puts where on the flash of this board: {bytes from its start: content}.

    Blocks for other chips are passed over, as the chip does. `name` is for messages.
    Raises MusterError when it is damaged, or has nothing for this board.
    """
    if len(data) % _BLOCK or not data:
        raise MusterError(f"{name} is no UF2 file: its size is not a multiple of {_BLOCK} bytes.", WRONG_USE)
    pieces: dict[int, bytes] = {}
    numbers, count = set(), 0
    for start in range(0, len(data), _BLOCK):
        block = data[start : start + _BLOCK]
        first, second, flags, address, size, number, total, family = _HEAD.unpack_from(block)
        if (first, second) != _START or struct.unpack_from("<I", block, _BLOCK - 4)[0] != _END:
            raise MusterError(f"{name} is damaged: no UF2 block at byte {start}. Get it again.", WRONG_USE)
        if family != facts.uf2_family or not flags & _FAMILY_PRESENT:
            continue
        assert facts.uf2_base is not None
        offset = address - facts.uf2_base
        if size != _PAYLOAD or offset % _PAYLOAD or not 0 <= offset <= facts.flash_bytes - _PAYLOAD:
            raise MusterError(f"{name} does not fit {facts.title}: it writes to {address:#x}.", WRONG_USE)
        pieces[offset] = block[_HEAD.size : _HEAD.size + _PAYLOAD]
        numbers.add(number)
        count = total
    if not pieces:
        raise MusterError(f"{name} is for another chip than that of {facts.title}.", WRONG_USE)
    if len(numbers) != count:
        raise MusterError(f"{name} is not whole: {len(numbers)} of {count} blocks. Get it again.", WRONG_USE)
    return _run_together(pieces)


def _run_together(pieces: Mapping[int, bytes]) -> dict[int, bytes]:
    runs: dict[int, list[bytes]] = {}
    start = end = -1
    for offset in sorted(pieces):
        if offset != end:
            start = offset
            runs[start] = []
        runs[start].append(pieces[offset])
        end = offset + _PAYLOAD
    return {offset: b"".join(content) for offset, content in runs.items()}
