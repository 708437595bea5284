"""Packs that are whole, cut short or spoilt, mounted from the host's files. Runs under MicroPython.

MUSTER_TEST_PACK names a whole one, whose last module is `zz`, in a folder where others may be made.
"""

import os
import sys

import vfs

import pack
from device.core import paths

WHOLE = os.getenv("MUSTER_TEST_PACK")
SPOILT = WHOLE + ".spoilt"
STEP = 512


def _mounted(path):
    """What mount() says of the file at `path`: "" when it is mounted. Leaves nothing behind."""
    paths.PACK = path
    sys.path[:] = ["", "/lib"]
    try:
        pack.mount()
    except ImportError as error:
        assert sys.path == ["", "/lib"]
        return str(error)
    if "/pack" in sys.path:
        vfs.umount("/pack")
        return ""
    return "nothing is mounted"


def _spoilt(data):
    with open(SPOILT, "wb") as file:
        file.write(data)
    said = _mounted(SPOILT)
    return said == SPOILT + " is damaged: deploy the program again"


def _read():
    with open(WHOLE, "rb") as file:
        return file.read()


def test_whole():
    assert _mounted(WHOLE) == ""


def test_no_file_is_a_frozen_program():
    assert _mounted(WHOLE + ".none") == "nothing is mounted"


def test_cut_short():
    data = _read()
    for size in range(0, len(data), STEP):
        assert _spoilt(data[:size]), size
    assert _spoilt(data[:-1])
    for size in range(20):
        assert _spoilt(data[:size]), size


def test_longer():
    assert _spoilt(_read() + b"\n")


def test_every_byte_of_head_and_index_counts():
    data = bytearray(_read())
    for at in range(16 + int.from_bytes(data[4:8], "little")):
        data[at] ^= 0x41
        assert _spoilt(data), at
        data[at] ^= 0x41


def test_second_mount_changes_nothing():
    paths.PACK = WHOLE
    sys.path[:] = ["", "/lib"]
    pack.mount()
    pack.mount()
    assert sys.path == ["", "/pack", "/lib"]
    vfs.umount("/pack")


def test_a_pack_that_was_replaced_is_noticed():
    data = _read()
    with open(SPOILT, "wb") as file:
        file.write(data)
    paths.PACK = SPOILT
    sys.path[:] = ["", "/lib"]
    pack.mount()
    with open(SPOILT, "wb") as file:
        file.write(data[:8] + bytes(8) + data[16:])
    try:
        import zz

        raise AssertionError(zz)
    except OSError as error:
        assert "replaced" in str(error)
    with open(SPOILT, "wb") as file:
        file.write(data)
    import zz  # noqa: F811

    assert zz.__file__ == "/pack/zz.mpy"
    vfs.umount("/pack")
