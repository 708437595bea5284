"""`muster webflash`: the folder of the browser's flasher, and its server. tests/page looks at the page."""

import asyncio
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from boards import firmware_files
from cli_in_process import muster
from muster.boards import board
from muster.errors import FAILED, GOOD, NO_DEVICE, WRONG_USE
from muster.flashing.web import folder, parts
from muster.flashing.web.server import Server
from muster.image import board_files, build_image, uf2
from muster.registry import Registry
from muster.registry.flashes import FLASHED, Flash

LIMIT_S = 60


def make(line, *more) -> "subprocess.CompletedProcess[str]":
    return muster("webflash", "--home", line.home, "--firmware", line.firmware, *more)


def manifest(place: Path) -> dict:
    return json.loads((place / "manifest.json").read_text())


def test_a_folder_for_esp32s(esp_line) -> None:
    place = esp_line.home / "webflash"
    done = make(esp_line, "-g", "cams", "-o", "json")
    assert done.returncode == GOOD, done.stderr
    assert json.loads(done.stdout)["response"] == {"folder": str(place), "devices": esp_line.names}
    found = manifest(place)
    assert found["boards"] == {
        "esp32": {"title": "ESP32, 4 MiB flash", "flash_bytes": 4 << 20, "chip": "ESP32"}
    }
    assert [device["name"] for device in found["devices"]] == esp_line.names
    second = found["devices"][1]
    assert (second["board"], second["firmware"]) == ("esp32", "1.28")
    contents = [(file["offset"], (place / file["path"]).read_bytes()) for file in second["files"]]
    assert contents == [
        (0x1000, esp_line.firmware.read_bytes()),
        (0x200000, esp_line.image("cam-2").read_bytes()),
    ]
    for file, (_, content) in zip(second["files"], contents, strict=True):
        assert file["size"] == len(content)
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert file["md5"] == hashlib.md5(content).hexdigest()
    assert len(list((place / "images").iterdir())) == 9, "one firmware for all eight"


def test_only_its_owner_can_read_it(esp_line, tmp_path) -> None:
    place = tmp_path / "open"
    place.mkdir(mode=0o755)
    assert make(esp_line, "cam-1", "--out", place).returncode == GOOD
    modes = {
        path: stat.S_IMODE(path.stat().st_mode)
        for path in (place, *place.rglob("*"))
        if not path.is_symlink()
    }
    assert len(modes) > 10
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_a_pico_w_gets_one_uf2_file_with_both(pico_line) -> None:
    done = make(pico_line, "cam-2")
    assert done.returncode == GOOD, done.stderr
    place, facts = pico_line.home / "webflash", board("pico_w")
    (device,) = manifest(place)["devices"]
    (file,) = device["files"]
    assert (file["path"], file["offset"]) == ("images/cam-2-pico_w.uf2", None)
    assert manifest(place)["boards"]["pico_w"]["drive"] == "RPI-RP2"
    found = uf2.parts_of((place / file["path"]).read_bytes(), facts, "it")
    written = uf2.parts_of(pico_line.firmware.read_bytes(), facts, "it")
    assert found == {**written, facts.flash_offset: pico_line.image("cam-2").read_bytes()}


def test_a_firmware_of_odd_length_is_filled_up_as_esptool_does(esp_line) -> None:
    esp_line.firmware.write_bytes(firmware_files.esp(size=100_001))
    assert make(esp_line, "cam-1").returncode == GOOD
    file = manifest(esp_line.home / "webflash")["devices"][0]["files"][0]
    content = (esp_line.home / "webflash" / file["path"]).read_bytes()
    assert content == esp_line.firmware.read_bytes() + b"\xff" * 3


def test_without_firmware_only_the_file_system(esp_line) -> None:
    done = muster("webflash", "--home", esp_line.home, "cam-1")
    assert done.returncode == GOOD and "must have MicroPython already" in done.stderr
    (device,) = manifest(esp_line.home / "webflash")["devices"]
    assert (device["firmware"], len(device["files"])) == (None, 1)


def test_a_firmware_of_another_board_is_refused(esp_line, tmp_path) -> None:
    (tmp_path / "pico.uf2").write_bytes(firmware_files.pico())
    done = muster("webflash", "--home", esp_line.home, "cam-1", "--firmware", tmp_path / "pico.uf2")
    assert done.returncode == WRONG_USE and "no firmware for ESP32" in done.stderr
    done = make(esp_line, "cam-1", "--firmware", esp_line.firmware)
    assert done.returncode == WRONG_USE and "there is another --firmware" in done.stderr
    assert not (esp_line.home / "webflash").exists()


def test_a_board_that_would_not_run_is_not_offered(pico_line) -> None:
    without = build_image(board_files("pico_w", frozen=True), "pico_w")
    pico_line.image("cam-2").write_bytes(without)
    done = make(pico_line, "cam-2")
    assert done.returncode == WRONG_USE and "has no program, and none is frozen into" in done.stderr
    assert not (pico_line.home / "webflash" / "manifest.json").exists()


def test_only_the_firmware_that_is_meant(esp_line) -> None:
    digest = hashlib.sha256(esp_line.firmware.read_bytes()).hexdigest()
    done = make(esp_line, "cam-1", "--firmware-sha256", "0" * 64)
    assert done.returncode == WRONG_USE and f"its SHA-256 is {digest}" in done.stderr
    words = ("--firmware-sha256", "0" * 64, "--firmware-sha256", digest.upper())
    assert make(esp_line, "cam-1", *words).returncode == GOOD


def test_a_device_that_has_its_board_is_left_out(esp_line) -> None:
    registry = Registry(esp_line.home)
    registry.flashes.put(Flash("cam-1", "24:0a:c4:00:00:01", "esp32", "0" * 64, None, FLASHED, 0))
    registry.close()
    done = make(esp_line, "cam-1", "cam-2")
    assert done.returncode == GOOD and "1 device left out: on a board already (--again)" in done.stderr
    place = esp_line.home / "webflash"
    assert [device["name"] for device in manifest(place)["devices"]] == ["cam-2"]
    assert make(esp_line, "cam-1").returncode == NO_DEVICE
    assert make(esp_line, "cam-1", "--again").returncode == GOOD
    assert [device["name"] for device in manifest(place)["devices"]] == ["cam-1"]


def test_nothing_of_an_earlier_selection_stays(esp_line) -> None:
    place = esp_line.home / "webflash"
    assert make(esp_line, "cam-1").returncode == GOOD
    kept = place / "images/firmware-esp32-0x1000.bin"
    before = kept.stat().st_ino
    assert make(esp_line, "cam-2").returncode == GOOD
    assert sorted(path.name for path in (place / "images").iterdir()) == ["cam-2-esp32.img", kept.name]
    assert kept.stat().st_ino == before, "what is right is not written again"


def test_a_folder_with_other_files_is_left_alone(esp_line, tmp_path) -> None:
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out" / "thesis.txt"
    mine.write_text("mine")
    done = make(esp_line, "cam-1", "--out", tmp_path / "out")
    assert done.returncode == WRONG_USE and "holds other files, such as thesis.txt" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def test_a_folder_that_is_not_complete_is_not_served(esp_line) -> None:
    place = esp_line.home / "webflash"
    assert make(esp_line, "cam-1").returncode == GOOD
    esp_line.image("cam-2").write_bytes(b"half an image")
    assert make(esp_line, "cam-2").returncode != GOOD
    assert not (place / "manifest.json").exists()
    done = muster("webflash", "--home", esp_line.home, "--serve", "--port", 0)
    assert done.returncode == WRONG_USE and f"{place} holds no page" in done.stderr


def test_devices_must_be_chosen(esp_line) -> None:
    done = muster("webflash", "--home", esp_line.home)
    assert done.returncode == WRONG_USE and "Name devices" in done.stderr


def test_esptool_js_is_what_espressif_published() -> None:
    for name, digest in parts.ESPTOOL_JS_SHA256.items():
        assert hashlib.sha256((parts.ESPTOOL_JS / name).read_bytes()).hexdigest() == digest, name
    assert {path.name for path in parts.ESPTOOL_JS.iterdir()} == set(parts.ESPTOOL_JS_SHA256)


def test_the_page_runs_nothing_but_its_own_files() -> None:
    page = parts.page()[parts.INDEX].decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
    assert not re.findall(r"<script[^>]*>[^<]|<style| style=| on[a-z]+=", page)
    assert not re.findall(r'(?:src|href)="(?:[a-z]+:)?//', page)
    ours = b"".join(parts.page()[name] for name in ("flasher.js", "memory.js", "esp.js")).decode()
    assert "innerHTML" not in ours and "eval" not in ours


class Served:
    """The server of a folder, and a client that writes its requests by itself."""

    def __init__(self, place: Path) -> None:
        self.server = Server(place, 0)

    def ask(self, path: str, host: str | None = None) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body) of a path below that of the page, or of an absolute one."""
        return asyncio.run(self._ask(path, host))

    async def _ask(self, path: str, host: str | None) -> tuple[int, dict[str, str], bytes]:
        await self.server.start()
        try:
            return await asyncio.to_thread(get, self.server.url, path, host)
        finally:
            await self.server.stop()


def get(url: str, path: str, host: str | None = None) -> tuple[int, dict[str, str], bytes]:
    place, _, rest = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(place, timeout=LIMIT_S)
    try:
        connection.putrequest("GET", path if path.startswith("/") else f"/{rest}{path}", skip_host=True)
        connection.putheader("Host", host or place)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


@pytest.fixture
def served(esp_line) -> Iterator[Served]:
    assert make(esp_line, "cam-1").returncode == GOOD
    yield Served(esp_line.home / "webflash")


def test_the_server_gives_the_page_and_the_images(served, esp_line) -> None:
    status, headers, body = served.ask("")
    assert (status, headers["Content-Type"]) == (200, "text/html") and b"<h1>Write boards" in body
    assert headers["Cache-Control"] == "no-store" and headers["Referrer-Policy"] == "no-referrer"
    assert served.ask("flasher.js")[1]["Content-Type"] == "text/javascript"
    assert served.ask("images/cam-1-esp32.img")[2] == esp_line.image("cam-1").read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/manifest.json",
        "/x/manifest.json",
        "images/",
        "../registry.db",
        "%2e%2e/registry.db",
        "images/..%2f..%2fregistry.db",
        "images//cam-1-esp32.img",
        "secret.txt",
        "images/link.img",
    ],
)
def test_it_gives_nothing_else(esp_line, path) -> None:
    assert make(esp_line, "cam-1").returncode == GOOD
    place = esp_line.home / "webflash"
    (place / "secret.txt").write_text("not of the page")
    (place / "images" / "link.img").symlink_to(esp_line.home / "registry.db")
    assert (esp_line.home / "registry.db").exists()
    assert Served(place).ask(path)[0] == 404


def test_another_name_of_this_computer_is_refused(served) -> None:
    """A page of another site whose name leads here: DNS rebinding."""
    assert served.ask("manifest.json", "evil.example")[0] == 403
    assert served.ask("manifest.json")[0] == 200


def test_it_listens_on_this_computer_only(served) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{22}/", asyncio.run(started(served.server)))


async def started(server: Server) -> str:
    await server.start()
    await server.stop()
    return server.url


def test_serve_prints_the_address_and_ends_at_ctrl_c(esp_line) -> None:
    words = [sys.executable, "-m", "muster", "webflash", "cam-1", "--serve", "--port", "0"]
    environment = {**os.environ, "MUSTER_HOME": str(esp_line.home)}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = next(line.split()[2] for line in process.stdout if line.startswith("webflash ready"))
        assert json.loads(get(url, "manifest.json")[2])["devices"][0]["name"] == "cam-1"
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == GOOD
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_port_that_is_taken(esp_line) -> None:
    assert make(esp_line, "cam-1").returncode == GOOD
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = muster("webflash", "--home", esp_line.home, "--serve", "--port", port)
    assert done.returncode == FAILED and f"port {port} cannot be used" in done.stderr


def test_check_says_how_to_make_one(tmp_path) -> None:
    with pytest.raises(Exception, match="make one with `muster webflash"):
        folder.check(tmp_path)
