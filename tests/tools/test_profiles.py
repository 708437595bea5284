"""Build profiles: what an image contains."""

import runpy
from pathlib import Path

import pytest

from cli_in_process import muster
from device.core import paths, startup
from muster import mpy, pack
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
