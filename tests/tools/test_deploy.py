"""`muster deploy` on a board with a real prompt and a real LittleFS, through the real mpremote."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from tests.tools.deployments import BOOT_PY, CONFIGURATION, MAIN_PY, deploy, program, single

from device.core import paths
from muster import deploy as deployment
from muster import pack
from muster.board_link import BoardLink, Facts
from muster.cli import main as cli
from muster.errors import FAILED, NO_DEVICE, WRONG_USE, MusterError
from muster.program import code_files
from serial_board import SerialBoard


@pytest.fixture
def blank(tmp_path: Path) -> Iterator[SerialBoard]:
    with SerialBoard(tmp_path / "flash.img", CONFIGURATION) as board:
        yield board


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[SerialBoard]:
    with SerialBoard(tmp_path / "flash.img", {**CONFIGURATION, **program()}) as board:
        board.wait_for("started online 1")
        yield board


def test_first_deployment_puts_everything_there_and_starts_it(blank: SerialBoard) -> None:
    lines: list[str] = []
    summary = deploy(blank, program(), lines)
    assert (sorted(program()), [], []) == (summary.copied, summary.same, summary.removed)
    blank.wait_for("started online 1")
    assert blank.files() == {**CONFIGURATION, **program()}
    assert sum(line.startswith("[") for line in lines) == len(program())
    assert not any("MARKER" in line for line in lines)


def test_second_deployment_copies_nothing(deployed: SerialBoard) -> None:
    summary = deploy(deployed, program())
    assert (summary.copied, summary.same, summary.removed) == ([], sorted(program()), [])
    deployed.wait_for("started online 1")


def test_only_what_changed_is_copied_and_runs_only_when_all_is_there(deployed: SerialBoard) -> None:
    summary = deploy(deployed, program(version=2))
    assert summary.copied == [paths.PACK]
    deployed.wait_for("started online 2")


def test_the_network_is_left_alone_while_files_are_copied(deployed: SerialBoard) -> None:
    during: list[bool] = []

    def report(line: str) -> None:
        if line.startswith("["):
            deployed.wait_for("started offline 1")
            during.append(paths.OFFLINE in deployed.files())

    deployment.deploy(BoardLink(deployed.port), report=report, build=lambda kind: program(2))
    assert during == [False], "a cable pulled now leaves a board that starts as always"
    deployed.wait_for("started online 2")
    assert paths.OFFLINE not in deployed.files()


def test_single_modules_of_an_earlier_version_go_and_the_users_stay(tmp_path: Path) -> None:
    before = {**CONFIGURATION, **single(), "/lib/device/old.py": b"X = 1\n"}
    before[paths.BOOT] = BOOT_PY.replace(b"    import pack\n    pack.mount()\n", b"")
    with SerialBoard(tmp_path / "flash.img", before) as board:
        board.wait_for("started online 1")
        summary = deploy(board, program(2))
        assert summary.removed == sorted(path for path in before if path.startswith(pack.PLACES))
        board.wait_for("started online 2")
        assert board.files() == {**CONFIGURATION, **program(2)}
        listed = BoardLink(board.port).execute("import os; print(sorted(os.listdir('/lib')))")
    assert listed.strip() == "['muster.pack', 'of_the_user.py', 'pack.mpy']"


def test_after_a_pulled_cable_the_old_program_runs_and_the_next_run_goes_on(
    deployed: SerialBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = {**program(version=2), paths.MAIN: MAIN_PY + b"\n"}
    copy = BoardLink.copy

    def fail_at_main(link: BoardLink, source: Path, path: str, first: str) -> str:
        if path.startswith(paths.MAIN):
            raise MusterError("the cable is out")
        return copy(link, source, path, first)

    with monkeypatch.context() as patched:
        patched.setattr(BoardLink, "copy", fail_at_main)
        with pytest.raises(MusterError, match="the cable is out"):
            deploy(deployed, new)
    deployed.wait_for("started online 1")
    lines: list[str] = []
    assert deploy(deployed, new, lines).copied == [paths.PACK, paths.MAIN]
    assert [line for line in lines if line.startswith("[")] == [
        f"[1/1] {paths.MAIN} ({len(MAIN_PY) + 1} bytes)"
    ]
    deployed.wait_for("started online 2")
    assert not [path for path in deployed.files() if path.endswith(paths.NEW)]


def test_what_an_abandoned_deployment_left_goes(tmp_path: Path) -> None:
    left = {path + paths.NEW: b"half" for path in program()}
    with SerialBoard(tmp_path / "flash.img", {**CONFIGURATION, **program(), **left}) as board:
        board.wait_for("started online 1")
        assert deploy(board, program()).removed == sorted(left)
        board.wait_for("started online 1")
        assert board.files() == {**CONFIGURATION, **program()}


def test_a_damaged_pack_is_said_and_replaced(tmp_path: Path) -> None:
    damaged = {**program(), paths.PACK: program()[paths.PACK][:5000]}
    with SerialBoard(tmp_path / "flash.img", damaged) as board:
        board.wait_for(f"{paths.PACK} is damaged: deploy the program again")
        assert deploy(board, program()).copied == [paths.PACK]
        board.wait_for("started online 1")


def test_a_file_that_arrives_damaged_is_noticed(
    deployed: SerialBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoardLink, "copy", lambda *_: "0" * 64)
    with pytest.raises(MusterError, match="did not arrive whole"):
        deploy(deployed, program(version=2))
    deployed.wait_for("started online 1")


def test_the_command_with_the_whole_real_program(
    blank: SerialBoard, capsys: pytest.CaptureFixture[str]
) -> None:
    def table() -> dict[str, int]:
        with pytest.raises(SystemExit) as stopped:
            cli.main(["deploy", "--port", blank.port])
        assert stopped.value.code == 0
        rows = [line.split() for line in capsys.readouterr().out.splitlines()]
        return {row[0]: int(row[1]) for row in rows if row and row[0] in ("copied", "same", "removed")}

    number = len(code_files("virtual"))
    assert table() == {"copied": number, "same": 0, "removed": 0}
    # Its boot.py runs, and leaves the prompt to the next deployment.
    blank.wait_for("virtual board: reset")
    blank.wait_for("mounted")
    assert table() == {"copied": 0, "same": number, "removed": 0}
    assert {path: data for path, data in blank.files().items() if path in CONFIGURATION} == CONFIGURATION


APP = {"/app/main.mpy": b"main", "/app/lamp/blue.mpy": b"blue", "/app/page.html": b"<p>"}


def _deploy_app(
    board: SerialBoard, app: dict[str, bytes] | None, code: dict[str, bytes] | None = None
) -> deployment.Summary:
    link = BoardLink(board.port)
    return deployment.deploy(link, report=lambda _: None, build=lambda kind: code or program(), app=app)


def _on_board(board: SerialBoard) -> dict[str, bytes]:
    return {path: data for path, data in board.files().items() if path.startswith("/app/")}


def test_of_an_application_only_what_differs_is_copied_and_what_has_gone_is_removed(
    deployed: SerialBoard,
) -> None:
    assert _deploy_app(deployed, APP).copied == sorted(APP)
    deployed.wait_for("started online 1")
    assert _on_board(deployed) == APP
    new = {"/app/main.mpy": b"other", "/app/page.html": b"<p>"}
    summary = _deploy_app(deployed, new)
    assert (summary.copied, summary.removed) == (["/app/main.mpy"], ["/app/lamp/blue.mpy"])
    deployed.wait_for("started online 1")
    assert _on_board(deployed) == new
    listed = BoardLink(deployed.port).execute("import os; print(sorted(os.listdir('/app')))")
    assert listed.strip() == "['main.mpy', 'page.html']", "the empty folder has gone too"
    assert _deploy_app(deployed, None, program(2)).removed == []  # without --app it stays
    deployed.wait_for("started online 2")
    assert _on_board(deployed) == new


def test_after_a_pulled_cable_the_old_application_is_whole(
    deployed: SerialBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    _deploy_app(deployed, APP)
    deployed.wait_for("started online 1")
    copy = BoardLink.copy

    def fail_at_page(link: BoardLink, source: Path, path: str, first: str) -> str:
        if path.startswith("/app/page"):
            raise MusterError("the cable is out")
        return copy(link, source, path, first)

    new = {**dict.fromkeys(APP, b"new"), "/app/more.mpy": b"new"}
    with monkeypatch.context() as patched:
        patched.setattr(BoardLink, "copy", fail_at_page)
        with pytest.raises(MusterError, match="the cable is out"):
            _deploy_app(deployed, new)
    deployed.wait_for("started online 1")
    found = _on_board(deployed)
    assert {path: found.get(path) for path in APP} == APP and "/app/more.mpy" not in found
    assert _deploy_app(deployed, new).copied == sorted(new)
    deployed.wait_for("started online 1")
    assert _on_board(deployed) == new


def test_where_the_program_is_frozen_only_the_application_is_deployed(tmp_path: Path) -> None:
    # A module in the root of the flash comes as one of the firmware does: before /lib, without a slash.
    frozen = {"/device/__init__.py": b"", "/device/_build.py": b""}
    main = {paths.MAIN: b"print('started')\n" + MAIN_PY}
    with SerialBoard(tmp_path / "flash.img", {**CONFIGURATION, **frozen, **main}) as board:
        board.wait_for("started")
        with pytest.raises(MusterError, match="or deploy an application with --app"):
            deploy(board, program())
        board.wait_for("started")
        assert _deploy_app(board, APP).copied == sorted(APP)
        board.wait_for("started")
        assert board.files() == {**CONFIGURATION, **frozen, **main, **APP}


def test_a_full_flash_is_said_before_anything_is_copied(deployed: SerialBoard) -> None:
    with pytest.raises(MusterError, match="too full"):
        deploy(deployed, pack.packed(program() | {"/lib/device/huge.mpy": bytes(900_000)}))
    deployed.wait_for("started online 1")
    assert set(deployed.files()) == {*CONFIGURATION, *program()}


def test_a_board_of_another_kind_is_refused_untouched(deployed: SerialBoard) -> None:
    before = deployed.files()
    with pytest.raises(MusterError, match="not esp32: nothing was touched") as caught:
        deployment.deploy(BoardLink(deployed.port), "esp32", build=lambda kind: program(2))
    assert caught.value.code == WRONG_USE
    deployed.wait_for("started online 1")
    assert deployed.files() == before


def test_a_board_that_does_not_answer_is_said_in_time(tmp_path: Path) -> None:
    # boot.py as it must not be: Ctrl-C does not get through.
    forever = b"while True:\n  try:\n    while True: pass\n  except KeyboardInterrupt: pass\n"
    with (
        SerialBoard(tmp_path / "flash.img", {paths.BOOT: forever}) as board,
        pytest.raises(MusterError, match="did not answer within 1 s: press its reset button") as caught,
    ):
        BoardLink(board.port, answer_s=1).facts()
    assert caught.value.code == FAILED


def test_no_board_is_exit_code_4(tmp_path: Path) -> None:
    with pytest.raises(MusterError, match="no board on") as caught:
        BoardLink(str(tmp_path / "ttyACM9")).facts()
    assert caught.value.code == NO_DEVICE


def test_the_program_is_compiled_except_boot_and_main() -> None:
    files = code_files("pico_w")
    assert sorted(files) == [paths.BOOT, paths.PACK, "/lib/pack.mpy", paths.PAGE, paths.MAIN]
    modules = pack.read(files[paths.PACK])
    assert {"device/claim/provision.mpy", "umqtt/simple.mpy"} <= set(modules)
    assert all(name.endswith(".mpy") for name in modules)


@pytest.mark.parametrize(
    ("facts", "expected", "kind"),
    [
        (Facts("rp2", "Raspberry Pi Pico W with RP2040", 4096, 0, ""), None, "pico_w"),
        (Facts("rp2", "Raspberry Pi Pico W with RP2040", 4096, 0, ""), "pico_w", "pico_w"),
        (Facts("rp2", "Raspberry Pi Pico 2 W with RP2350", 4096, 0, ""), None, "pico2_w"),
        (Facts("esp32", "Generic ESP32 module with ESP32", 4096, 0, ""), "esp32", "esp32"),
        (Facts("esp32", "Generic ESP32 module with SPIRAM with ESP32", 4096, 0, ""), None, "esp32"),
        (Facts("esp32", "Generic ESP32S3 module with ESP32-S3", 4096, 0, ""), None, "esp32s3"),
        (Facts("esp32", "ESP32C3 module with ESP32C3", 4096, 0, ""), None, "esp32c3"),
    ],
)
def test_kind_is_found(facts: Facts, expected: str | None, kind: str) -> None:
    assert deployment.kind_of(facts, expected) == kind


@pytest.mark.parametrize(
    ("facts", "expected", "why"),
    [
        (Facts("esp32", "LILYGO watch with ESP32", 4096, 0, ""), None, "LILYGO watch"),
        (Facts("esp8266", "ESP module with ESP8266", 4096, 0, ""), None, "ESP module"),
        (Facts("rp2", "Raspberry Pi Pico with RP2040", 4096, 0, ""), None, "no Wi-Fi"),
        (Facts("linux", "linux [GCC 14.2.1] version", 4096, 0, "<VfsPosix>"), None, "not a board"),
        (Facts("rp2", "Raspberry Pi Pico W with RP2040", 4096, 0, ""), "esp32", "not esp32"),
        (Facts("rp2", "Raspberry Pi Pico W with RP2040", 4096, 0, "", 5), None, "other compiled files .5.0."),
        (Facts("rp2", "Raspberry Pi Pico W with RP2040", 4096, 0, "", 774, True), None, "is frozen into"),
    ],
)
def test_kind_is_refused(facts: Facts, expected: str | None, why: str) -> None:
    with pytest.raises(MusterError, match=why) as caught:
        deployment.kind_of(facts, expected)
    assert caught.value.code == WRONG_USE


def test_a_dry_run_names_what_differs_and_the_board_goes_on(deployed: SerialBoard) -> None:
    before = deployed.files()
    link = BoardLink(deployed.port)
    summary = deployment.deploy(
        link, report=lambda _: None, build=lambda _: program(2), app=APP, dry_run=True
    )
    deployed.wait_for("started online 1")
    assert summary.copied == [*sorted(APP), paths.PACK]
    assert deployed.files() == before
    assert (link.facts().mpy, link.facts().frozen) == (6 | 3 << 8, False)


def test_what_is_saved_is_deployed_and_a_mistake_is_waited_out(tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "main.py").write_text("async def main(muster):\n    print('app', 1)\n")
    words = [sys.executable, "-m", "muster", "deploy", "--app", str(folder), "--watch"]
    with SerialBoard(tmp_path / "flash.img", code_files("virtual")) as board:
        with subprocess.Popen(
            [*words, "--port", board.port], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as watching:
            assert watching.stdout is not None
            board.wait_for("app 1")
            _wait_for(watching.stdout, "watching ")
            (folder / "main.py").write_text("async def main(muster):\n    print('app' 2)\n")
            _wait_for(watching.stdout, "main.py, line 2")
            (folder / "main.py").write_text("async def main(muster):\n    print('app', 3)\n")
            board.wait_for("app 3")
            _wait_for(watching.stdout, "copied")
            watching.send_signal(signal.SIGINT)
            assert watching.wait(60) == 0
        assert _on_board(board).keys() == {"/app/main.mpy"}


def _wait_for(lines: IO[str], text: str) -> None:
    said = []
    for line in lines:
        said.append(line)
        if text in line:
            return
    raise AssertionError("".join(said))
