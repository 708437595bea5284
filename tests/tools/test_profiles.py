"""Build profiles: what an image contains, and that a firmware of one's own contains the same."""

import os
import runpy
from pathlib import Path
from typing import Any

import pytest

from cli_in_process import muster
from device.core import paths, startup
from muster import frozen, mpy, pack
from muster.board_link import BoardLink
from muster.boards import BUILD_PROFILES, Selection, all_services, described, names, profile
from muster.errors import MusterError
from muster.image import board_files, code_files, read_image, single_files
from muster.layout import FIRMWARE, LIB
from muster.services import build_of
from serial_board import SerialBoard

BUILD_TIME = 1790000000
TABLE = runpy.run_path(str(FIRMWARE / "profiles.py"))


def test_each_board_has_a_profile_and_the_image_says_which() -> None:
    assert sorted(TABLE["BOARDS"]) == names()
    for board, build in TABLE["BOARDS"].items():
        contents = profile(board)
        assert contents.build == build
        assert f"\nPROFILE = {build!r}\n" in mpy.build_module(contents, BUILD_TIME).text.decode()
    assert BUILD_PROFILES == ("small", "full")


def test_full_has_every_service_and_no_module_is_forgotten() -> None:
    contents = profile("virtual", selection=Selection("full"))
    assert [service.name for service in contents.services] == all_services()
    found = {path.as_posix() for path in contents.modules}
    there = {path.relative_to(LIB).as_posix() for path in LIB.rglob("*.py")}
    assert {path for path in there - found if not path.endswith("__init__.py")} == set()


def test_small_has_what_its_row_leaves() -> None:
    left = [name for name in all_services() if name not in TABLE["PROFILES"]["small"]]
    contents = profile("virtual", selection=Selection("small"))
    assert [service.name for service in contents.services] == left


@pytest.mark.parametrize("name", all_services())
def test_a_service_that_is_left_out_takes_what_only_it_needs_along(name: str) -> None:
    whole = profile("pico_w", selection=Selection("full"))
    contents = profile("pico_w", selection=Selection("full", (name,)))
    assert [service.name for service in contents.services] == [one for one in all_services() if one != name]
    left_out = {path.as_posix() for path in set(whole.modules) - set(contents.modules)}
    assert f"device/services/{name}.py" in left_out
    if name == "provision":
        assert {"device/claim/handshake.py", "device/claim/csr.py"} <= left_out
    kept = {path.as_posix() for path in contents.modules}
    for path in kept:
        for module in TABLE["facts"]((LIB / path).read_text())[0]:
            file = module.replace(".", "/") + ".py"
            users = TABLE["PORTS"].get(file, ())
            assert file in kept or not (LIB / file).exists() or name in users, f"{path} needs {file}"


def test_the_files_of_an_image_are_those_of_its_selection() -> None:
    files = pack.unpacked(code_files("pico_w", BUILD_TIME, Selection("small", ("heartbeat",))))
    assert "/lib/device/services/heartbeat.mpy" not in files
    assert "/lib/device/services/mqtt.mpy" in files and "/lib/umqtt/simple.mpy" in files


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(MusterError, match="no build profile 'huge': choose one of small, full"):
        profile("virtual", selection=Selection("huge"))
    with pytest.raises(MusterError, match='there is no service "teapot": choose from .*heartbeat'):
        profile("virtual", selection=Selection(None, ("teapot",)))


def test_every_service_starts_after_what_it_needs() -> None:
    services = described(all_services())
    order = [name for name, _ in startup.plan({}, services)[0]]
    for service in services:
        needs = [need for need in service.needs if need in order]
        assert [need for need in needs if order.index(need) > order.index(service.name)] == [], service.name


class Manifest:
    """The part of MicroPython's tools/manifestfile.py that a manifest file uses, in its words."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, tuple[Path, int | None]] = {}
        self.included: list[str] = []

    def package(
        self, name: str, files: list[str] | None = None, base_path: str = ".", opt: int | None = None
    ) -> None:
        base = (self.folder / base_path).resolve()
        if files is None:
            files = [path.relative_to(base / name).as_posix() for path in (base / name).rglob("*.py")]
        for file in files:
            target = os.path.join(name, file)
            assert (base / target).is_file(), target
            assert target not in self.files, target
            self.files[target] = (base / target, opt)

    def module(self, name: str, base_path: str = ".", opt: int | None = None) -> None:
        self.package("", [name], base_path, opt)

    def run(self, path: Path) -> None:
        calls = {"package": self.package, "module": self.module}
        known: dict[str, Any] = {"include": self.included.append, **calls}
        exec(path.read_text(), known)


@pytest.fixture
def in_firmware(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkout with links to ours and a build folder of its own; its firmware folder is the current one."""
    for name in ("firmware", "lib", "boot.py", "main.py"):
        (tmp_path / name).symlink_to(FIRMWARE.parent / name)
    folder = tmp_path / "there"
    folder.mkdir()
    for path in FIRMWARE.iterdir():
        (folder / path.name).symlink_to(path)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(("board", "build"), [("pico_w", "full"), ("esp32", "small")])
def test_a_frozen_program_is_that_of_the_image(
    in_firmware: Path, monkeypatch: pytest.MonkeyPatch, board: str, build: str
) -> None:
    selection = Selection(build, ("heartbeat",))
    place = frozen.prepare(board, selection, in_firmware.parent / "build" / "frozen")
    monkeypatch.setenv("MUSTER_BOARD", board)
    manifest = Manifest(in_firmware)
    manifest.run(in_firmware / "manifest.py")
    contents = profile(board, selection=selection)
    ours = {path.as_posix() for path in contents.modules} | {mpy.BUILD_MODULE}
    assert {name for name, (_, opt) in manifest.files.items() if opt == 1} == ours
    others = {name for name, (_, opt) in manifest.files.items() if opt is None}
    libraries = {source.name for source in mpy.libraries(contents)}
    assert others == {name for name in libraries if board != "esp32" or not name.startswith("umqtt/")}
    assert manifest.files[mpy.BUILD_MODULE][0] == (place / mpy.BUILD_MODULE).resolve()
    assert manifest.included == ["$(PORT_DIR)/boards/manifest.py"]
    facts = runpy.run_path(str(place / mpy.BUILD_MODULE))
    assert (facts["BOARD"], facts["PROFILE"]) == (board, build)


def test_a_manifest_without_its_board_says_what_to_do(
    in_firmware: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MUSTER_BOARD", raising=False)
    with pytest.raises(ValueError, match=r"set MUSTER_BOARD, and run `python -m muster\.frozen BOARD`"):
        Manifest(in_firmware).run(in_firmware / "manifest.py")


def test_the_command_prepares_a_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(frozen.prepare, "__defaults__", (tmp_path,))
    assert frozen.main(["esp32", "--without", "heartbeat"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/esp32: ready for firmware/manifest.py\n"
    assert not (tmp_path / "esp32" / "umqtt").exists(), "the port freezes it"
    assert frozen.main(["pico_w"]) == 0
    assert (tmp_path / "pico_w" / "umqtt" / "simple.py").is_file()
    assert frozen.main(["esp32", "--without", "teapot"]) == 2


def test_options_choose_what_an_image_contains(tmp_path: Path) -> None:
    path = tmp_path / "small.img"
    words = ["--board", "virtual", "--build", "small", "--without", "heartbeat", "--out", path]
    assert muster("image", *words).returncode == 0
    files = pack.unpacked(read_image(path.read_bytes(), "virtual"))
    built = {Path(name).stem for name in files if name.startswith("/lib/device/services/")}
    left_out = {"heartbeat", *TABLE["PROFILES"]["small"]}
    assert built == set(all_services()) - left_out
    refused = muster("image", "--without", "teapot", "--out", tmp_path / "none.img")
    assert (refused.returncode, (tmp_path / "none.img").exists()) == (2, False)
    assert 'there is no service "teapot"' in refused.stderr


def test_deploy_keeps_the_profile_of_the_board_and_leaves_out_what_it_is_told_to(tmp_path: Path) -> None:
    other = "small" if TABLE["BOARDS"]["virtual"] == "full" else "full"
    files = board_files("virtual", selection=Selection(other))
    with SerialBoard(tmp_path / "flash.img", files) as board:
        board.wait_for("Trying again in")  # without ento.conf there is no identity
        result = muster("deploy", "--port", board.port, "--without", "heartbeat")
        assert result.returncode == 0, result.stderr
        board.wait_for("Trying again in")
        assert build_of(BoardLink(board.port)) == other
        program = {path for path in pack.unpacked(board.files()) if not path.startswith(paths.BASE)}
    assert program == single_files("virtual", selection=Selection(other, ("heartbeat",))).keys()


def test_a_board_without_our_program_has_no_profile(tmp_path: Path) -> None:
    with SerialBoard(tmp_path / "flash.img", {"/main.py": b"print('mine')\n"}) as board:
        board.wait_for("mine")
        assert build_of(BoardLink(board.port)) is None
