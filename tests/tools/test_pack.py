"""The pack as the host writes it: the same bytes each time, single modules in it, few blocks on the flash."""

import pytest

from device.core import paths
from muster import image, mpy, pack
from muster.errors import MusterError
from muster.layout import LIB

MODULES = {"device/a.mpy": b"a" * 1000, "device/b/c.mpy": b"", "umqtt/simple.mpy": b"\n" * 90000}
BOARDS = ("esp32", "pico_w", "virtual")
MOST_BLOCKS = 72  # 288 KB, of the profile full


def test_what_is_written_is_read_again() -> None:
    data = pack.write(MODULES)
    assert pack.read(data) == MODULES
    assert pack.write(dict(reversed(MODULES.items()))) == data
    assert pack.read(pack.write({})) == {}


def test_a_pack_that_is_not_whole_is_refused() -> None:
    data = pack.write(MODULES)
    for spoilt in (b"", data[:-1], data[:10], data + b"x", data.replace(b"device/a", b"device/x")):
        with pytest.raises(MusterError, match="cut short or damaged"):
            pack.read(spoilt)


def test_too_many_modules_are_refused() -> None:
    with pytest.raises(MusterError, match="its index is full"):
        pack.write({f"device/module{number:03}.mpy": b"" for number in range(600)})


def test_single_modules_replace_those_in_the_pack() -> None:
    files = pack.packed({"/lib/device/a.mpy": b"1", "/lib/device/b.mpy": b"2", "/lib/own.mpy": b"3"})
    assert set(files) == {paths.PACK, "/lib/own.mpy"}
    changed = pack.packed({**files, "/lib/device/b.mpy": b"4"})
    assert pack.unpacked(changed) == {
        "/lib/device/a.mpy": b"1",
        "/lib/device/b.mpy": b"4",
        "/lib/own.mpy": b"3",
    }
    assert pack.packed({"/main.py": b""}) == {"/main.py": b""}


def test_a_source_that_no_board_would_find_is_refused() -> None:
    with pytest.raises(MusterError, match=r"/lib/device/own\.py would not be found"):
        image.board_files("virtual", extra={"/lib/device/own.py": b""})


def test_extra_modules_are_in_the_pack_of_a_board() -> None:
    files = image.board_files("virtual", extra={"/lib/device/core/paths.mpy": b"other"})
    assert pack.read(files[paths.PACK])["device/core/paths.mpy"] == b"other"


def test_what_mounts_the_pack_needs_nothing_from_it() -> None:
    (source,) = mpy.device_sources({"pack.py": (LIB / "pack.py").read_text()})
    assert b"from device" not in source.text and b"import device" not in source.text


@pytest.mark.parametrize("board", BOARDS)
def test_the_program_takes_few_files_and_blocks(board: str) -> None:
    files = image.code_files(board)
    empty, full = (image.mount(image.build_image(some, board), board) for some in ({}, files))
    blocks = full.used_block_count - empty.used_block_count
    assert blocks <= MOST_BLOCKS, f"the program takes {blocks} blocks of 4 KB, its folder included"
    assert set(files) == {paths.BOOT, paths.MAIN, paths.PACK, paths.PAGE, "/lib/pack.mpy"}


def test_the_index_is_small_enough_for_a_heap() -> None:
    data = image.code_files("pico_w")[paths.PACK]
    assert int.from_bytes(data[4:8], "little") <= 1024


def test_a_module_of_the_users_stays_a_file() -> None:
    data = mpy.compile_module(mpy.Source("own.py", b"X = 1\n"))
    files = image.board_files("virtual", extra={"/lib/own.mpy": data})
    assert files["/lib/own.mpy"] == data
