"""Firmware files: what is of another board, too old, damaged or not the file that was meant is refused."""

import hashlib

import pytest

from boards import firmware_files
from muster.boards import board
from muster.errors import WRONG_USE, MusterError
from muster.flashing import firmware
from muster.image import uf2

PICO, ESP32 = board("pico_w"), board("esp32")


def _refusal(tmp_path, data, facts, **more):
    path = tmp_path / "firmware"
    path.write_bytes(data)
    with pytest.raises(MusterError) as refused:
        firmware.read(path, facts, **more)
    assert refused.value.code == WRONG_USE
    return str(refused.value)


@pytest.mark.parametrize(
    ("data", "facts", "offset"),
    [
        (firmware_files.esp(), ESP32, 0x1000),
        (firmware_files.esp("Generic ESP32 module with SPIRAM"), ESP32, 0x1000),
        (firmware_files.pico(version="1.29.0-preview.7.gabc"), PICO, 0),
    ],
)
def test_right_firmware_is_read_whole(tmp_path, data, facts, offset):
    path = tmp_path / "firmware"
    path.write_bytes(data)
    found = firmware.read(path, facts, hashlib.sha256(data).hexdigest().upper())
    assert found.version in ("1.28", "1.29")
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert list(found.parts) == [offset]
    content = (
        data if facts is ESP32 else b"".join(data[at + 32 : at + 288] for at in range(0, len(data), 512))
    )
    assert found.parts[offset] == content


@pytest.mark.parametrize(
    ("data", "facts", "said"),
    [
        (firmware_files.esp("Generic ESP32 module with OTA"), ESP32, "with OTA', not for ESP32"),
        (firmware_files.esp("Some watch"), ESP32, "'Some watch', not for"),
        (
            firmware_files.esp(version="1.24.1"),
            ESP32,
            "is MicroPython 1.24, ESP32, 4 MiB flash needs 1.26",
        ),
        (firmware_files.esp(chip_id=9), ESP32, "is for another chip"),
        (firmware_files.esp(size=3 << 20), ESP32, "inside the file system"),
        (firmware_files.esp()[24:], ESP32, "that is a .bin file"),
        (firmware_files.pico(), ESP32, "that is a .bin file"),
        (firmware_files.pico("Raspberry Pi Pico"), PICO, "'Raspberry Pi Pico', not for"),
        (firmware_files.pico(version="1.23.0"), PICO, "needs 1.24 or newer"),
        (firmware_files.pico()[:-512], PICO, "390 of 391 blocks"),
        (firmware_files.pico()[:-100], PICO, "not a multiple of 512"),
        (firmware_files.pico()[:512] + b"\0" * 512, PICO, "no UF2 block at byte 512"),
        (firmware_files.esp(), PICO, "no UF2"),
        (uf2.joined({0: b"nothing" * 100}, PICO), PICO, "is no firmware of MicroPython"),
        (uf2.joined({0x12BF00: b"\0" * 512}, PICO), PICO, "is no firmware"),
        (b"", PICO, "no UF2"),
        (b"", ESP32, "no firmware"),
    ],
)
def test_wrong_firmware_is_refused(tmp_path, data, facts, said):
    assert said in _refusal(tmp_path, data, facts)


def test_another_file_than_the_one_that_is_meant_is_refused(tmp_path):
    said = _refusal(tmp_path, firmware_files.pico(), PICO, sha256="0" * 64)
    assert hashlib.sha256(firmware_files.pico()).hexdigest() in said


def test_missing_file_is_said(tmp_path):
    with pytest.raises(MusterError, match="No such file"):
        firmware.read(tmp_path / "none", PICO)


def test_blocks_of_other_chips_are_passed_over():
    other = uf2.joined({0: b"x" * 256}, PICO).replace(PICO.uf2_family.to_bytes(4, "little"), b"abcd")
    parts = {0: b"a" * 512, PICO.flash_offset: b"b" * 256}
    assert uf2.parts_of(other + uf2.joined(parts, PICO), PICO, "it") == parts


def test_block_outside_the_flash_is_refused():
    with pytest.raises(MusterError, match="writes to 0x10200000"):
        uf2.parts_of(uf2.joined({PICO.flash_bytes: b"x" * 256}, PICO), PICO, "it")
