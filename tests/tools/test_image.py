"""Images: exact size, same bytes for the same input, both readers agree, and what does not fit is said."""

import json
import runpy
import struct

import pytest
from littlefs import LittleFS, LittleFSError
from tests.tools.claims import write_claim

from device.core import fields, paths, startup
from muster import mpy, pack
from muster.boards import Service
from muster.errors import MusterError
from muster.image import (
    board,
    board_files,
    build_image,
    code_files,
    ento_conf,
    names,
    profile,
    read_claim,
    read_image,
    to_uf2,
    verify,
)
from muster.layout import LIB

FILES = {"/a": b"1", "/lib/x/y.mpy": b"y" * 5000, "/lib/x/z.mpy": b"", "/etc/c.json": b"{}" * 80}
BUILD_TIME = 1790000000


BLOCKS = [("pico_w", 212), ("pico2_w", 640), ("esp32", 512), ("esp32s3", 1536), ("virtual", 212)]


@pytest.mark.parametrize(("name", "blocks"), BLOCKS)
def test_image_has_exactly_the_blocks_of_the_board(name, blocks):
    image = build_image(FILES, name)
    assert len(image) == blocks * 4096
    assert read_image(image, name) == dict(sorted(FILES.items()))
    verify(image, FILES, name)


def test_every_board_has_facts_and_a_profile():
    assert names() == ["esp32", "esp32c3", "esp32s3", "pico2_w", "pico_w", "virtual"]
    for name in names():
        assert board(name).name == profile(name).board == name
    assert board("pico_w").flash_offset == 0x12C000
    assert board("esp32").flash_offset == 0x200000


def test_same_files_give_the_same_bytes_in_any_order():
    assert build_image(FILES, "pico_w") == build_image(dict(reversed(FILES.items())), "pico_w")
    assert build_image(FILES, "pico_w") != build_image({**FILES, "/a": b"2"}, "pico_w")


def test_whole_board_is_reproducible_and_knows_its_code():
    files = board_files("pico_w", build_time=BUILD_TIME)
    assert set(files) == {paths.BOOT, paths.MAIN, paths.PACK, paths.PAGE, "/lib/pack.mpy"}
    single = pack.unpacked(files)
    assert {paths.BOOT, paths.MAIN, "/lib/umqtt/simple.mpy", "/lib/device/core/slots.mpy"} <= set(single)
    others = [path for path in single if path.startswith("/lib") and not path.endswith(".mpy")]
    assert others == [paths.PAGE]
    assert build_image(files, "pico_w") == build_image(board_files("pico_w", build_time=BUILD_TIME), "pico_w")
    assert code_files("pico_w", BUILD_TIME + 1) != code_files("pico_w", BUILD_TIME)


def test_what_does_not_fit_is_said():
    with pytest.raises(
        MusterError, match=r"do not fit.*Pico W: at /big.*212 blocks.*largest is /big \(900000"
    ):
        build_image({"/big": bytes(900000), "/a": b""}, "pico_w")
    assert build_image({"/big": bytes(900000)}, "esp32")


def test_an_image_of_another_board_is_refused():
    with pytest.raises(MusterError, match="not an image of ESP32"):
        read_image(build_image(FILES, "pico_w"), "esp32")
    with pytest.raises(MusterError, match="not the flash size of any board"):
        read_image(b"short")
    with pytest.raises(MusterError, match="no readable file system"):
        read_image(bytes(212 * 4096), "pico_w")


def test_a_file_system_damaged_inside_is_said(monkeypatch):
    def damaged(*_):
        raise LittleFSError(-84)

    image = build_image(FILES, "pico_w")
    monkeypatch.setattr(LittleFS, "walk", damaged)
    with pytest.raises(MusterError, match="is damaged: not every file can be read"):
        read_image(image, "pico_w")


def test_verify_finds_a_difference():
    with pytest.raises(MusterError, match="/a differs"):
        verify(build_image({"/a": b"1"}, "pico_w"), {"/a": b"2"}, "pico_w")


def test_unknown_board_is_wrong_use():
    with pytest.raises(
        MusterError,
        match="no board 'arduino': choose one of esp32, esp32c3, esp32s3, pico2_w, pico_w, virtual",
    ):
        board("arduino")


def test_uf2_blocks_follow_the_format():
    image = build_image(FILES, "pico_w")
    uf2 = to_uf2(image, "pico_w")
    count = len(image) // 256
    assert len(uf2) == count * 512
    data = b""
    for number in range(count):
        block = uf2[number * 512 : (number + 1) * 512]
        head = struct.unpack("<8I", block[:32])
        address = 0x1012C000 + number * 256
        assert head == (0x0A324655, 0x9E5D5157, 0x2000, address, 256, number, count, 0xE48BFF56)
        assert block[288:508] == bytes(220) and block[508:] == struct.pack("<I", 0x0AB16F30)
        data += block[32:288]
    assert data == image
    with pytest.raises(MusterError, match="takes no UF2"):
        to_uf2(build_image({}, "esp32"), "esp32")


CHANGES = {(fields.DEVICE, fields.SERIAL_ID): "CAM1", (fields.DEVICE, fields.ENDPOINT_URL): "a.example"}


def test_ento_conf_keeps_unknown_keys_and_starts_unprovisioned():
    base = {"device": {"SERIAL_ID": "old", "note": 1}, "mine": [1]}
    assert ento_conf(base, CHANGES) == {
        "device": {"SERIAL_ID": "CAM1", "note": 1, "ENDPOINT_URL": "a.example", "PROVISION_STATUS": "False"},
        "mine": [1],
    }
    assert base["device"]["SERIAL_ID"] == "old"


def test_ento_conf_refuses_what_the_board_would_refuse():
    with pytest.raises(MusterError, match="the board would refuse.*ENDPOINT_URL is an ARN"):
        ento_conf({}, {**CHANGES, (fields.DEVICE, fields.ENDPOINT_URL): "arn:aws:iot:x"})


@pytest.fixture
def claim(tmp_path):
    """A claim directory with a key and its certificate, which serves as the root CA too."""
    folder = tmp_path / "claim"
    write_claim(folder)
    return folder


def test_claim_credentials_go_to_the_bootstrap_directory(claim, tmp_path):
    files = read_claim(claim)
    assert sorted(files) == [f"{paths.BOOTSTRAP}/{name}" for name in sorted(p.name for p in claim.iterdir())]
    (claim / paths.ROOT_CA).rename(tmp_path / "ca.pem")
    assert read_claim(claim, tmp_path / "ca.pem") == files
    with pytest.raises(MusterError, match="cannot be read"):
        read_claim(claim)


def test_claim_key_of_another_certificate_is_refused(claim, tmp_path):
    write_claim(tmp_path / "other")
    (claim / paths.PRIVATE_KEY).write_bytes((tmp_path / "other" / paths.PRIVATE_KEY).read_bytes())
    with pytest.raises(MusterError, match="not that of the certificate"):
        read_claim(claim)
    (claim / paths.PRIVATE_KEY).write_text("MARKER no key")
    with pytest.raises(MusterError, match="unencrypted PEM key") as caught:
        read_claim(claim)
    assert "MARKER" not in str(caught.value)


def test_extra_files_win(claim):
    files = board_files(
        "virtual",
        documents={paths.WIFI: {"networks": []}},
        claim=read_claim(claim),
        extra={paths.MAIN: b"print(1)"},
        build_time=BUILD_TIME,
    )
    assert files[paths.MAIN] == b"print(1)"
    assert json.loads(files[paths.WIFI]) == {"networks": []}
    assert f"{paths.BOOTSTRAP}/{paths.PRIVATE_KEY}" in files


@pytest.mark.parametrize("name", ["esp32", "pico_w"])
def test_an_image_holds_the_facts_of_its_own_board_and_no_module_that_says_nothing(name, tmp_path):
    files = pack.unpacked(code_files(name, BUILD_TIME))
    other = {"esp32": "pico_w", "pico_w": "esp32"}[name]
    facts = build_facts(profile(name), tmp_path)
    assert (facts["BOARD"], facts["ESCAPE_PIN"]) == (name, board(name).escape_pin)
    assert facts["WATCHDOG_MS"] == board(name).watchdog_ms
    assert facts["JOIN_OPTIONS"] == board(name).join_options
    others = pack.unpacked(code_files(other, BUILD_TIME))
    assert files.keys() == others.keys()
    assert [path for path in files if files[path] != others[path]] == ["/lib/device/_build.mpy"]
    assert not [path for path in files if path.startswith("/lib/device/") and "__init__" in path]
    assert (LIB / "device/core/__init__.py").exists(), "there is something to leave out"


def build_facts(of, folder):
    """The names in the `_build` of an image."""
    return runpy.run_path(str(written(folder, "_build.py", mpy.build_module(of, BUILD_TIME).text.decode())))


def written(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


SERVICE = """
from device.runtime.service import Service


class Lamp(Service):
    IN_SAFE_MODE = True
    NEEDS = {needs}

    async def run(self):
        NEEDS = ("nothing",)


SERVICE = Lamp
"""


def lib_with(folder, needs, more=""):
    """A lib folder with the two services lamp and door, and nothing else."""
    written(
        folder, "device/services/lamp.py", SERVICE.replace("{needs}", needs).replace("True", more or "True")
    )
    written(folder, "device/services/door.py", "class Door:\n    IN_CLOUD: bool = True\n")
    written(folder, "device/services/__init__.py", '"""Services."""\n')
    return folder


def test_a_service_is_built_in_by_being_there_with_what_it_says_of_itself(tmp_path):
    made = profile("pico_w", lib=lib_with(tmp_path / "lib", '("mqtt", "door")'))
    assert made.services == (
        Service("door", (), in_cloud=True, in_safe_mode=False),
        Service("lamp", ("mqtt", "door"), in_cloud=False, in_safe_mode=True),
    )
    assert [path.name for path in made.modules] == ["door.py", "lamp.py"]
    facts = build_facts(made, tmp_path)
    assert facts["SERVICES"] == (("door", (), True, False), ("lamp", ("mqtt", "door"), False, True))
    plan, off, _ = startup.plan({}, facts["SERVICES"])
    assert plan == [("door", []), ("lamp", ["door"])], "mqtt is not in this image"
    plan, off, _ = startup.plan({"cloud": False}, facts["SERVICES"])
    assert (plan, sorted(off)) == ([], ["door", "lamp"])


@pytest.mark.parametrize(
    ("needs", "switch", "sentence"),
    [
        ('OTHERS + ("mqtt",)', "", r"lamp\.py: NEEDS, IN_CLOUD and IN_SAFE_MODE must be plain literals"),
        ('("mqtt"', "", r"lamp\.py does not compile: line 7: "),
        ('"mqtt"', "", r"lamp\.py: NEEDS must be a tuple of names"),
        ("(mqtt,)", "", r"must be plain literals"),
        ("(7,)", "", r"NEEDS must be a tuple of names"),
        ("()", "'yes'", r"IN_CLOUD and IN_SAFE_MODE must be True or False"),
    ],
)
def test_what_a_service_says_of_itself_must_be_readable_without_running_it(tmp_path, needs, switch, sentence):
    with pytest.raises(MusterError, match=sentence) as caught:
        profile("pico_w", lib=lib_with(tmp_path, needs, switch))
    assert "\n" not in str(caught.value)
