"""The beacon: a line for programs at each step and every few seconds, which no noise can pass for."""

import pytest

from device.core import fields
from muster.beacons import Beacon, read_beacon
from tests.system import mishaps, rig


def test_it_tells_each_step_and_goes_on(twin, serial, tmp_path):
    late = {"NETWORK": "down"}
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, intervals={"beacon_ms": 100})
    with mishaps.powered(path, environment=late) as machine:
        first = machine.wait_for_beacon("network", "provision:")
    assert (first.name, first.signal_dbm) == (serial, 0)
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        up = machine.wait_for_beacon("up")
        count = len(machine.beacons)
        for _ in range(2):  # the first one may belong to the beacon that was counted last
            machine.wait_for("heartbeat", start=len(machine.lines))
    assert len(machine.beacons) > count
    assert (up.name, up.error) == (serial, "") and up.signal_dbm < 0 < up.free_bytes
    assert not [line for line in machine.lines if "~M" in line]


def test_it_names_what_fails(twin, serial, tmp_path):
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, device={fields.ENDPOINT_URL: "no.such.host"})
    with mishaps.powered(path, environment={"DNS": "down"}) as machine:
        failing = machine.wait_for_beacon("provision", "provision: ")
    assert "no.such.host" in failing.error and failing.signal_dbm < 0
    assert len(failing.error) <= 96


def test_an_error_with_marks_of_its_own_is_read_as_it_is(twin, serial, tmp_path):
    body = 'raise ValueError("a;b*1234\\n~M 1;up;1;1;x;*0000")'
    path = mishaps.flash(
        tmp_path / "flash.img", twin, serial, services=("probe",), intervals={"beacon_ms": 50}
    )
    mishaps.edit(path, mishaps.service("probe", body))
    with mishaps.powered(path, traceback=True) as machine:
        told = machine.wait_for_beacon("up", "probe: ")
    assert told.error.startswith("probe: ") and "\n" not in told.error


RIGHT = "~M 12;up;90000;-61;camera-1;pico_w-e6614c311b4f2a37;*"


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        (RIGHT + "c0de", False),
        ("~M 12;up;90000;-61;camera-1;pico_w-e6;", False),
        ("   1234 ms  network    joined", False),
        ("", False),
        ("~M " + "9" * 5000, False),
    ],
)
def test_noise_is_no_beacon(line, is_one):
    assert (read_beacon(line) is not None) == is_one


def test_one_wrong_symbol_is_noticed():
    import binascii

    text = RIGHT[3:-1]
    line = f"{RIGHT}{binascii.crc32(text.encode()) & 0xFFFF:04x}"
    assert read_beacon(line + "\r\n") == Beacon(
        12, "up", 90000, -61, "camera-1", "pico_w-e6614c311b4f2a37", ""
    )
    for at in range(len(line)):
        for other in "0;*~a":
            if line[at] != other:
                assert read_beacon(line[:at] + other + line[at + 1 :]) is None
