"""The page of `muster webflash` in a real browser: esptool-js writes a chip behind a serial port of ours."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from boards import firmware_files
from boards.esp_port import EspOnPort, PagePort
from muster.boards import board
from muster.flashing import firmware
from muster.flashing.web import folder
from muster.flashing.web.server import Server
from muster.image import build_image
from tests.page.looking import complaints, tab_to

MAC, OTHER_MAC = "24:0a:c4:00:00:01", "24:0a:c4:00:00:02"
ESP, C3 = board("esp32"), board("esp32c3")
C3_FIRMWARE = firmware_files.esp("ESP32C3 module", chip_id=5)
ODD = 199_999  # bytes of a firmware that are not whole words


@contextlib.contextmanager
def served(place: Path) -> Iterator[str]:
    """The address of the page, served from a thread: playwright has the loop of this one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    server = Server(place, 0)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result()
    try:
        yield server.url
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def image_of(name: str, kind: str) -> bytes:
    return build_image({"/name": name.encode()}, kind)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for two ESP32s, a Pico W and an ESP32-C3."""
    where = tmp_path_factory.mktemp("webflash")
    devices = []
    for name, kind in (("cam-1", "esp32"), ("cam-2", "esp32"), ("cam-3", "pico_w"), ("cam-4", "esp32c3")):
        path = where / f"{name}.img"
        path.write_bytes(image_of(name, kind))
        devices.append(folder.Device(name, kind, path))
    (where / "esp.bin").write_bytes(firmware_files.esp(size=ODD))
    (where / "pico.uf2").write_bytes(firmware_files.pico())
    (where / "c3.bin").write_bytes(C3_FIRMWARE)
    files = {"esp32": "esp.bin", "pico_w": "pico.uf2", "esp32c3": "c3.bin"}
    found = {kind: firmware.read(where / name, board(kind)) for kind, name in files.items()}
    folder.build(where / "page", devices, found)
    return where / "page"


@pytest.fixture(scope="module")
def url(place: Path) -> Iterator[str]:
    with served(place) as address:
        yield address


@pytest.fixture
def port() -> PagePort:
    """An ESP32 of the right kind is plugged in."""
    return PagePort(EspOnPort(MAC))


@pytest.fixture
def shown(opened: Callable[..., Any], url: str, port: PagePort) -> Callable[..., Any]:
    """shown(**options of the context) -> the page, which sees `port`."""

    def show(**options: Any) -> Any:
        page = opened(url, port.attach, **options)
        page.wait_for_selector("#started:not([hidden])")
        return page

    return show


def write(page: Any, waits_for: str) -> str:
    """Connect and write; what the page says when it is over."""
    page.click("#write")
    page.wait_for_selector(waits_for)
    page.wait_for_selector("#work", state="hidden")
    return "".join(page.inner_text(f"#{kind}") for kind in ("good", "said", "trouble"))


def asked(page) -> str:
    """Connect a board about which there is a doubt; the question."""
    page.click("#write")
    page.wait_for_selector("#ask[open]")
    return page.inner_text("#question")


def is_on(chip: EspOnPort, name: str) -> bool:
    """Whether firmware and the image of this device are on its flash, and it has started with them."""
    image = chip.flash[ESP.flash_offset :][: ESP.size]
    return (
        chip.flash[0x1000:][:ODD] == firmware_files.esp(size=ODD)
        and image == image_of(name, "esp32")
        and chip.starts > 0
    )


def test_two_boards_one_after_the_other_each_with_its_own_image(shown, port) -> None:
    page = shown()
    assert page.inner_text("#count") == "0 of 4 written"
    said = write(page, "#good:has-text('cam-1')")
    assert is_on(port.chip, "cam-1") and f"the board {MAC} restarts" in said
    assert page.inner_text("#device") == "cam-2", "the next one is offered"
    port.chip = EspOnPort(OTHER_MAC)
    write(page, "#good:has-text('cam-2')")
    assert is_on(port.chip, "cam-2")
    page.reload()
    page.wait_for_selector("#started:not([hidden])")
    assert (page.inner_text("#count"), page.inner_text("#device")) == ("2 of 4 written", "cam-3")


def test_a_chip_that_says_its_kind_itself(shown, port) -> None:
    """Its firmware begins at another place of the flash."""
    port.chip = EspOnPort(MAC, "esp32c3")
    page = shown()
    page.click("#devices button:has-text('cam-4')")
    write(page, "#good:has-text('cam-4')")
    assert port.chip.flash[: len(C3_FIRMWARE)] == C3_FIRMWARE and port.chip.starts == 1
    assert port.chip.flash[C3.flash_offset :][: C3.size] == image_of("cam-4", "esp32c3")


def test_what_it_says_meanwhile(shown, port) -> None:
    page = shown()
    page.evaluate(
        """() => {
            window.seen = [];
            const look = () => window.seen.push(document.getElementById("doing").textContent);
            new MutationObserver(look).observe(document.getElementById("doing"), { childList: true });
        }"""
    )
    write(page, "#good:has-text('cam-1')")
    seen = page.evaluate("window.seen")
    assert seen[0] == "Connecting to cam-1 …" and seen[-1] == "Verifying cam-1 …"
    parts = [int(text.split()[2]) for text in seen if text.startswith("Writing")]
    assert parts[0] == 0 and parts[-1] > 90 and len(set(parts)) > 15


@pytest.mark.parametrize(
    ("chip", "words"),
    [
        (lambda: EspOnPort(MAC, "esp32c3"), "has an ESP32-C3, the image is for an ESP32"),
        (lambda: EspOnPort(MAC, "esp8266"), "has an ESP8266"),
        (lambda: EspOnPort(MAC, flash_bytes=8 << 20), "has 8MB of flash, the image is for 4MB"),
        (lambda: EspOnPort(MAC, has_boot=False), "does not answer in its loader: hold its BOOT button"),
    ],
    ids=["esp32c3", "esp8266", "larger flash", "no boot line"],
)
def test_a_board_of_another_kind_is_refused(shown, port, chip, words) -> None:
    port.chip = chip()
    page = shown()
    assert words in write(page, "#trouble:not([hidden])")
    assert not port.chip.written and port.chip.starts > 0, "its program runs again"
    port.chip = EspOnPort(OTHER_MAC)
    write(page, "#good:has-text('cam-1')")
    assert is_on(port.chip, "cam-1")


def test_a_flash_that_does_not_keep_what_is_written(shown, port) -> None:
    port.chip = EspOnPort(MAC, wrong_bytes=(0x1234,))
    assert "does not keep" in write(shown(), "#trouble:not([hidden])")


def test_a_chip_with_an_encrypted_flash_is_left_alone(shown, port) -> None:
    port.chip.fuse(0x3FF5A000, 1 << 20)
    assert "encrypts its flash" in write(shown(), "#trouble:not([hidden])")
    assert not port.chip.written


def test_unplugged_in_the_middle_and_written_again(shown, port) -> None:
    port.chip = EspOnPort(MAC, unplug_at=100_000)
    page = shown()
    assert "was unplugged" in write(page, "#trouble:not([hidden])")
    assert 0 < port.chip.written <= 100_000 and port.chip.starts == 0
    assert (page.inner_text("#device"), page.inner_text("#state")) == ("cam-1", "begun")
    port.chip = EspOnPort(MAC, flash=port.chip.flash)
    write(page, "#good:has-text('cam-1')")
    assert is_on(port.chip, "cam-1")


def test_a_begun_device_goes_to_another_board_only_when_somebody_wants_it(shown, port) -> None:
    port.chip = EspOnPort(MAC, unplug_at=100_000)
    page = shown()
    write(page, "#trouble:not([hidden])")
    port.chip = EspOnPort(OTHER_MAC)
    assert f"cam-1 is on the board {MAC}, at least in part" in asked(page)
    page.keyboard.press("Escape")
    page.wait_for_selector("#said:has-text('Nothing was written')")
    assert not port.chip.written
    page.click("#write")
    page.click("#go-on")
    page.wait_for_selector("#good:has-text('cam-1')")
    page.wait_for_selector("#work", state="hidden")
    assert is_on(port.chip, "cam-1")


def test_a_board_that_was_written_is_not_written_by_accident(shown, port) -> None:
    """It is still plugged in when the next device is written."""
    page = shown()
    write(page, "#good:has-text('cam-1')")
    assert "This board is cam-1. It would become cam-2" in asked(page)
    page.click("#leave")
    page.wait_for_selector("#said:has-text('Nothing was written')")
    assert port.chip.flash[ESP.flash_offset :][: ESP.size] == image_of("cam-1", "esp32")


def test_unplugged_while_somebody_is_asked(shown, port) -> None:
    page = shown()
    write(page, "#good:has-text('cam-1')")
    asked(page)
    page.evaluate("espUnplug()")
    page.wait_for_selector("#trouble:has-text('was unplugged')")
    page.wait_for_selector("#ask", state="hidden")
    port.chip = EspOnPort(OTHER_MAC)
    write(page, "#good:has-text('cam-2')")
    assert is_on(port.chip, "cam-2")


def test_a_device_that_was_written_is_asked_about(shown, port) -> None:
    page = shown()
    write(page, "#good:has-text('cam-1')")
    page.click("#devices button:has-text('cam-1')")
    assert "This board is cam-1 already. Written again, it loses its key" in asked(page)
    page.click("#leave")
    page.wait_for_selector("#work", state="hidden")


def test_a_port_that_another_program_has_and_no_port_at_all(shown, port) -> None:
    port.is_taken = True
    page = shown()
    assert "cannot be opened: end the program that uses it" in write(page, "#trouble:not([hidden])")
    port.is_taken = False
    port.chip = None
    assert "No port was chosen" in write(page, "#said:has-text('chosen')")
    assert page.inner_text("#state") == "to do"


def test_a_browser_without_web_serial_says_which_have_it(opened, url) -> None:
    page = opened(url, lambda page: page.add_init_script("delete Navigator.prototype.serial"))
    page.wait_for_selector("#unable:not([hidden])")
    assert "Chrome, Edge or Opera" in page.inner_text("#unable") and not page.is_visible("#write")
    page.click("#devices button:has-text('cam-3')")
    assert page.is_visible("#download") and not page.is_visible("#unable"), "no port is needed for a Pico W"


def test_opened_as_a_file_it_says_how_to_open_it(opened, place) -> None:
    page = opened((place / "index.html").as_uri())
    assert "muster webflash --serve" in page.inner_text("#not-started")
    assert not page.is_visible("#started")


def test_what_somebody_has_spoilt_in_the_browser_does_no_harm(opened, url, port) -> None:
    for text in ("5", "{", "null", "[]"):
        spoil = f"localStorage.setItem('muster.webflash', {text!r})"
        page = opened(url, lambda page, spoil=spoil: page.add_init_script(spoil))
        page.wait_for_selector("#count:has-text('0 of 4 written')")


def test_a_pico_w_gets_one_file(shown, place, port) -> None:
    page = shown()
    page.click("#devices button:has-text('cam-3')")
    text = page.inner_text("#by-drive")
    assert "Hold BOOTSEL" in text and "RPI-RP2" in text and not page.is_visible("#by-port")
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "cam-3-pico_w.uf2"
    assert Path(download.value.path()).read_bytes() == (place / "images/cam-3-pico_w.uf2").read_bytes()
    page.click("#done")
    assert page.inner_text("#count") == "1 of 4 written"
    page.click("#devices button:has-text('cam-3')")
    page.click("#download")
    page.wait_for_selector("#ask[open]")
    page.click("#leave")
    assert page.inner_text("#state").startswith("written")


def test_a_damaged_image_is_not_written(opened, place, port, tmp_path) -> None:
    with served(place) as address:
        page = opened(address, port.attach)
        page.route("**/images/cam-1-*", lambda route: route.fulfill(body="half"))
        page.wait_for_selector("#started:not([hidden])")
        assert "is damaged" in write(page, "#trouble:not([hidden])")
    assert not port.chip.written


@pytest.mark.parametrize(("scheme", "width"), [("light", 320), ("dark", 1280)])
def test_axe_has_no_complaint(shown, port, scheme, width) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}, "bypass_csp": True}
    page = shown(**options)
    assert complaints(page) == []
    write(page, "#good:has-text('cam-1')")
    asked(page)
    assert complaints(page) == []
    page.click("#leave")
    page.wait_for_selector("#work", state="hidden")
    port.is_taken = True
    write(page, "#trouble:not([hidden])")
    page.click("#devices button:has-text('cam-3')")
    assert complaints(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "it scrolls sideways"


def test_all_of_it_with_the_keyboard_only(shown, port) -> None:
    page = shown()
    tab_to(page, "write")
    page.keyboard.press("Enter")
    page.wait_for_selector("#good:has-text('cam-1')")
    page.wait_for_selector("#work", state="hidden")
    tab_to(page, "cam-3")
    page.keyboard.press("Enter")
    assert page.inner_text("#device") == "cam-3"
    assert "cam-3" in page.evaluate("document.activeElement.innerText"), "the focus stays"
