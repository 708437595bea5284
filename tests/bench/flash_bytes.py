"""Bytes of compiled code on the flash."""

from muster import image
from tests.bench.common import PEER, Bench, Result, Row, Tell, code_size, peer_files, ratio

BOARD = "pico_w"
PARTS = ("core", "port", "runtime", "services")

HOW = """\
Sizes of the .mpy files that mpy-cross makes, for the Pico W's profile, without the LittleFS's own rounding
to blocks of 4096 bytes. boot.py and main.py stay source ({sources} bytes together) and are not counted, nor
is the peer's one-line main.py. The peer has no journal, no recovery, no key of its own, no reconnection, no
services and no explanations of errors; the ratio says what those cost, not that one of the two is written
more tightly. On the flash ours lie in one file and take {blocks} blocks, with boot.py, main.py and the
folder; as single files they would take {single}."""


def measure(bench: Bench, tell: Tell) -> Result:
    """The image's files, and the peer's."""
    tell("compiling")
    files = image.single_files(BOARD)
    peer = peer_files()
    ours_bytes, peer_bytes = code_size(files, "/lib/"), code_size(peer, "/lib/")
    umqtt_bytes = code_size(peer, "/lib/umqtt/")
    parts = [(name, code_size(files, f"/lib/device/{name}/")) for name in PARTS]
    parts.append(("other (device)", code_size(files, "/lib/device/") - sum(size for _, size in parts)))
    details = [("part", "ours", PEER)]
    details += [(name, str(size), "-") for name, size in parts]
    details += [
        ("the plain script and its ussl", "-", str(peer_bytes - umqtt_bytes)),
        ("umqtt.simple 1.3.4", str(code_size(files, "/lib/umqtt/")), str(umqtt_bytes)),
        ("all", str(ours_bytes), str(peer_bytes)),
    ]
    row = Row(
        "bytes of .mpy on flash",
        str(ours_bytes),
        str(peer_bytes),
        ratio(ours_bytes, peer_bytes),
    )
    sources = len(files["/boot.py"]) + len(files["/main.py"])
    blocks, single = blocks_used(image.code_files(BOARD)), blocks_used(files)
    return Result("Code on flash", [row], HOW.format(sources=sources, blocks=blocks, single=single), details)


def blocks_used(files: dict[str, bytes]) -> int:
    """The blocks of a board's file system that `files` take, more than an empty one."""
    empty, full = (image.mount(image.build_image(some, BOARD), BOARD) for some in ({}, files))
    return full.used_block_count - empty.used_block_count
