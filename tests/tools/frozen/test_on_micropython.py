"""What a board says that has the program frozen in: its modules have no path on the flash."""

import subprocess
from pathlib import Path

import pytest

from device.core import paths
from muster import board_link, interpreter
from muster.boards import Selection
from muster.doctor import facts
from muster.frozen.program import program

# A folder of the host as the board's /lib.
BOARD = "import vfs\nvfs.mount(vfs.VfsPosix({lib!r}), '/lib')\n"


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """A folder with the program that would be frozen in, and a folder lib for the flash."""
    for source in program("pico_w", Selection("full")).sources:
        path = tmp_path / source.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.text)
    (tmp_path / "lib").mkdir()
    return tmp_path


def said(folder: Path, code: str, lib: str = "lib") -> str:
    """What MicroPython prints whose program is in `folder`."""
    words = [*interpreter.command64(), "-c", BOARD.format(lib=str(folder / lib)) + code]
    environment = {"MICROPYPATH": ".frozen"}  # and the current folder, before it
    result = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return result.stdout


def test_a_program_on_the_flash_is_not_hidden_in_silence(frozen: Path) -> None:
    mount = "import sys, pack\npack.mount()\nprint(sys.path, [one[1] for one in vfs.mount()])\n"
    assert said(frozen, mount).startswith("['', '.frozen']")
    (frozen / "lib" / Path(paths.PACK).name).write_bytes(b"another program")
    first, second = said(frozen, mount).splitlines()
    assert first == f"{paths.PACK} is not used: the program frozen into the firmware runs"
    assert second.startswith("['', '.frozen']") and paths.PACKED not in second


def test_deploy_and_doctor_can_ask_whether_it_is_frozen(frozen: Path, tmp_path: Path) -> None:
    assert said(frozen, board_link._FACTS).rstrip().endswith("True)")
    ask = facts._ASK.replace("import device.diagnose\n", "").format(places=facts._HIDDEN)
    assert facts.read(said(frozen, ask).splitlines()) == {"frozen": {"is": True, "hidden": []}}
    (frozen / "lib" / Path(paths.PACK).name).write_bytes(b"another program")
    assert facts.read(said(frozen, ask).splitlines())["frozen"]["hidden"] == [paths.PACK]
    (frozen / "lib" / "device").mkdir()
    assert facts.read(said(frozen, ask).splitlines())["frozen"]["hidden"] == [paths.PACK, "/lib/device"]
    (frozen / "device").rename(frozen / "lib" / "device" / "old")
    assert said(frozen, board_link._FACTS).rstrip().endswith("False)"), "there is no program"
