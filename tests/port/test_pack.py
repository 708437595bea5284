"""The packed program: what a board imports from real images, and packs that are not whole."""

from pathlib import Path

import pytest

from device.core import paths
from muster import image, interpreter, mpy, pack
from muster.layout import LIB
from muster.virtual import VirtualBoard
from port.micro import BITS, run_cases
from port.virtual_run import TIMEOUT_S

BOARD = "virtual"
FAULTY = mpy.Source("device/faulty.py", b"\n\ndef fail():\n    raise ValueError('on purpose')\n")
# A boot.py: `said(call, ...)` tells what comes of it.
BOOT = """\
import gc, os, sys
gc.collect()
before = gc.mem_alloc()
import pack
pack.mount()
gc.collect()
print("heap", gc.mem_alloc() - before)
def said(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return "error %d" % error.errno
"""


def booted(folder: Path, bits: int, main: str, files: dict[str, bytes] | None = None) -> list[str]:
    """The console of a board with the whole program, but these lines in place of boot.py and main.py."""
    if bits == 32 and (reason := interpreter.missing32()):
        pytest.skip(reason)
    extra = {**(files or {}), paths.BOOT: BOOT.encode(), paths.MAIN: main.encode()}
    path = folder / "flash.img"
    path.write_bytes(image.build_image(image.board_files(BOARD, extra=extra), BOARD))
    with VirtualBoard(path, bits=bits) as board:
        code = board.wait(TIMEOUT_S)
    assert code == 0, board.console
    return board.lines


@pytest.mark.parametrize("bits", BITS)
def test_modules_come_from_the_pack_early_and_late(tmp_path: Path, bits: int) -> None:
    main = """
import umqtt.simple
from device.port import packets
def late():
    from device.claim import p256
    return p256.__file__
print(packets.__file__, umqtt.simple.__file__, late())
from device.runtime.modules import unload_claim
first = sys.modules["device.claim.p256"]
unload_claim()
print("device.claim.p256" in sys.modules, late(), sys.modules["device.claim.p256"] is first)
pack.mount()
print(sys.path)
"""
    lines = booted(tmp_path, bits, main)
    assert lines[-3:] == [
        "/pack/device/port/packets.mpy /pack/umqtt/simple.mpy /pack/device/claim/p256.mpy",
        "False /pack/device/claim/p256.mpy False",
        "['', '.frozen', '/pack', '/lib']",
    ]


@pytest.mark.parametrize("bits", BITS)
def test_a_package_says_where_it_is_and_a_traceback_which_line(tmp_path: Path, bits: int) -> None:
    main = """
import device
print(device.__file__)
from device import faulty
try:
    faulty.fail()
except ValueError as error:
    sys.print_exception(error)
"""
    modules = mpy.compile_all([FAULTY, mpy.Source("device/__init__.py", b"HERE = 1\n")])
    lines = booted(tmp_path, bits, main, {f"{paths.LIB}/{name}": data for name, data in modules.items()})
    assert "/pack/device/__init__.mpy" in lines
    assert '  File "device.faulty", line 4, in fail' in lines
    assert lines[-1] == "ValueError: on purpose"


@pytest.mark.parametrize("bits", BITS)
def test_the_pack_can_be_looked_into_and_not_written(tmp_path: Path, bits: int) -> None:
    main = """
print(sorted(os.listdir("/pack")), sorted(os.listdir("/pack/umqtt/")))
print(sorted(os.ilistdir("/pack/device"))[:2])
print(os.stat("/pack")[0], os.stat("/pack/device")[0], os.stat("/pack/umqtt/simple.mpy")[0])
print(said(os.stat, "/pack/umqtt/simple"), said(os.stat, "/pack/umqtt/simpl.mpy"), said(os.stat, "/pack/umq"))
print(said(open, "/pack/umqtt/simple.mpy", "wb"))
print(said(open, "/pack/umqtt", "rb"), said(os.listdir, "/pack/none"))
import vfs
vfs.umount("/pack")
print(said(os.stat, "/pack"))
"""
    lines = booted(tmp_path, bits, main)
    assert lines[-7:] == [
        "['device', 'microdot.mpy', 'umqtt'] ['__init__.mpy', 'simple.mpy']",
        "[('_build.mpy', 32768, 0), ('claim', 16384, 0)]",
        "16384 16384 32768",
        "error 2 error 2 error 2",
        "error 30",
        "error 2 error 2",
        "error 2",
    ]


def test_the_pack_takes_little_heap(tmp_path: Path) -> None:
    (line,) = (line for line in booted(tmp_path, 32, "") if line.startswith("heap "))
    assert int(line.split()[1]) <= 4608, "the index of 2.5 KB, and the code of lib/pack.py"


def test_a_board_with_half_a_pack_says_so(tmp_path: Path) -> None:
    files = image.board_files(BOARD)
    files[paths.PACK] = files[paths.PACK][:30000]
    path = tmp_path / "flash.img"
    path.write_bytes(image.build_image(files, BOARD))
    with VirtualBoard(path) as board:
        for said in ("boot.py failed", "ImportError: /lib/muster.pack is damaged: deploy the program again"):
            board.wait_for(said, TIMEOUT_S)


@pytest.mark.parametrize("bits", BITS)
def test_packs_that_are_not_whole(tmp_path: Path, bits: int) -> None:
    modules = pack.read(image.code_files(BOARD)[paths.PACK])
    modules.update(mpy.compile_all([mpy.Source("zz.py", b"X = 1\n")]))
    path = tmp_path / "whole.pack"
    path.write_bytes(pack.write(modules))
    run_cases("pack_cases", bits, LIB, settings={"MUSTER_TEST_PACK": str(path)})
