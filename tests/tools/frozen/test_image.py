"""Images for a firmware with the program frozen in: what stays out, and what does not fit together."""

import json
from pathlib import Path

import pytest

from boards import firmware_files
from boards.boot_drive import BootDrive
from cli_in_process import muster
from device.core import paths
from muster.boards import Selection, board
from muster.errors import GOOD, WRONG_USE
from muster.flashing import firmware
from muster.frozen import agreement
from muster.frozen.program import program
from muster.image import board_files, build_image, read_image
from muster.image.uf2 import parts_of

FULL = Selection("full")


def own(folder: Path, name: str = "pico_w", selection: Selection = FULL, said: str = "") -> Path:
    """A firmware file with the program of `name` frozen in; `said`: another record than ours."""
    text = (said or program(name, selection).record.text()).encode() + b"\0"
    make = firmware_files.pico if name == "pico_w" else firmware_files.esp
    path = folder / ("own.uf2" if name == "pico_w" else "own.bin")
    path.write_bytes(make(more=text))
    return path


def built(
    folder: Path, file: Path, *words: object, name: str = "pico_w"
) -> tuple[int, str, dict[str, bytes]]:
    """(exit code, what was said on stderr, the files) of an image for the firmware `file`."""
    out = folder / "flash.img"
    done = muster("image", "--board", name, "--firmware", file, "--out", out, *words)
    return done.returncode, done.stderr, read_image(out.read_bytes(), name) if out.exists() else {}


def test_what_is_frozen_stays_out_of_the_image(tmp_path: Path) -> None:
    code, said, files = built(tmp_path, own(tmp_path))
    assert code == GOOD and "frozen" not in said
    assert set(files) == {paths.BOOT, paths.MAIN, paths.PAGE, paths.WEB}
    file = own(tmp_path, selection=Selection("full", ("web",)))
    assert set(built(tmp_path, file)[2]) == {paths.BOOT, paths.MAIN}


def test_one_uf2_has_firmware_and_file_system(tmp_path: Path) -> None:
    whole, file = tmp_path / "whole.uf2", own(tmp_path)
    assert built(tmp_path, file, "--whole", whole)[0] == GOOD
    facts = board("pico_w")
    parts = parts_of(whole.read_bytes(), facts, "whole")
    assert parts[facts.flash_offset] == (tmp_path / "flash.img").read_bytes()
    assert parts[0] == firmware.read(file, facts).parts[0]
    assert whole.stat().st_mode & 0o777 == 0o600, "it has the board's secrets"


def test_one_bin_has_firmware_and_file_system_where_the_chip_looks_for_them(tmp_path: Path) -> None:
    whole, facts = tmp_path / "whole.bin", board("esp32")
    file = own(tmp_path, "esp32")
    out = tmp_path / "flash.img"
    words = ["image", "--board", "esp32", "--firmware", file, "--out", out, "--whole", whole]
    done = muster(*words)
    assert done.returncode == GOOD and "`write-flash 0x1000 FILE`" in done.stdout
    content = whole.read_bytes()
    assert content.startswith(file.read_bytes()) and len(content) == facts.flash_offset + facts.size - 0x1000
    assert content[facts.flash_offset - 0x1000 :] == out.read_bytes()
    between = content[file.stat().st_size : facts.flash_offset - 0x1000]
    assert between.strip(b"\xff") == b""


def test_stock_firmware_takes_the_whole_program(tmp_path: Path) -> None:
    file = tmp_path / "stock.uf2"
    file.write_bytes(firmware_files.pico())
    code, _, files = built(tmp_path, file, "--build", "small", "--whole", tmp_path / "whole.uf2")
    assert code == GOOD and paths.PACK in files


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--build", "small"), "has another program frozen in (full, "),
        (("--without", "heartbeat"), "`muster firmware --build full --without heartbeat`"),
        (("--add", "/lib/device/core/paths.mpy=own.uf2"), "/lib/device/core/paths.mpy would never run"),
    ],
)
def test_what_would_not_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, error, files = built(tmp_path, own(tmp_path), *words)
    assert (code, files) == (WRONG_USE, {}) and said in error, error


def test_firmware_for_another_board_and_for_none_is_refused(tmp_path: Path) -> None:
    said = program("esp32c3", FULL).record.text()
    code, error, _ = built(tmp_path, own(tmp_path, said=said))
    assert code == WRONG_USE and "has the program for esp32c3 frozen in, not pico_w" in error
    code, error, _ = built(tmp_path, own(tmp_path), name="virtual")
    assert code == WRONG_USE and "takes no firmware" in error
    done = muster("image", "--board", "pico_w", "--out", tmp_path / "a", "--whole", tmp_path / "b")
    assert done.returncode == WRONG_USE and "add --firmware FILE" in done.stderr


def test_a_program_that_is_older_than_this_muster_is_not_hidden(tmp_path: Path) -> None:
    record = program("pico_w", FULL).record._replace(version="0.0.9", digest="0" * 16)
    code, said, files = built(tmp_path, own(tmp_path, said=record.text()))
    assert code == GOOD and paths.PACK not in files
    assert "(full, 0.0.9 00000000) is not the one of this Muster (full, " in said
    assert "the frozen one will run" in said


def test_the_flash_has_the_program_exactly_once(tmp_path: Path) -> None:
    frozen, loaded = (board_files("pico_w", selection=FULL, frozen=one) for one in (True, False))
    assert agreement.fault(True, frozen) is None and agreement.fault(False, loaded) is None
    assert "would never run" in str(agreement.fault(True, loaded))
    assert "has no program" in str(agreement.fault(False, frozen))
    assert agreement.fault(False, {paths.MAIN: b"print('mine')"}) is None, "a program of somebody else"
    assert agreement.fault(True, {"/lib/device/core/log.mpy": b""}) is not None


@pytest.mark.parametrize(("in_firmware", "in_image"), [(True, True), (False, False), (True, False)])
def test_flash_refuses_firmware_and_image_that_do_not_fit(
    tmp_path: Path, in_firmware: bool, in_image: bool
) -> None:
    files = board_files("pico_w", selection=FULL, frozen=not in_image)
    image = tmp_path / "flash.img"
    image.write_bytes(build_image(files, "pico_w"))
    file = own(tmp_path)
    if not in_firmware:
        file.write_bytes(firmware_files.pico())
    with BootDrive(tmp_path / "RPI-RP2") as drive:
        words = ["--image", image, "--firmware", file, "--drive", drive.folder, "--home", tmp_path / "home"]
        done = muster("flash", *words, "-o", "json")
    if in_firmware == in_image:
        assert done.returncode == WRONG_USE and "program" in done.stderr, done.stderr
        assert not drive.flash.strip(b"\xff"), "nothing is written"
    else:
        assert done.returncode == GOOD, done.stderr
        assert drive.flash.startswith(firmware.read(file, board("pico_w")).parts[0])


def test_the_images_of_devices_know_the_firmware_too(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert muster("add", "group", "cams", "--home", home).returncode == GOOD
    assert muster("add", "device", "cam-1", "-g", "cams", "--home", home).returncode == GOOD
    words = ["images", "-g", "cams", "--home", home, "--board", "pico_w", "--endpoint", "localhost"]
    done = muster(*words, "--firmware", own(tmp_path), "-o", "json")
    assert done.returncode == GOOD, done.stderr
    (row,) = json.loads(done.stdout)["response"]["images"]
    assert paths.PACK not in read_image(Path(row["image"]).read_bytes(), "pico_w")
