"""`muster doctor` on boards with a serial port: what it says, and that they go on."""

import json

import pytest
from tests.system import rig

from cli_in_process import muster
from device.core import fields, paths
from muster.doctor import share
from muster.doctor.rules import WRONG, Finding
from muster.errors import FAILED, GOOD, MusterError
from muster.image import board_files, read_claim
from muster.twin.server import running_twin
from serial_board import SerialBoard

NAMES = {"wifi": {"known": ["lab"]}, "cloud": {"serial": "camera-1"}}


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    with running_twin(tmp_path_factory.mktemp("twin")) as running:
        yield running


def files(twin, serial, **device):
    documents = rig.documents(twin.port, serial, **{fields.DEVICE: device})
    return board_files("virtual", documents=documents, claim=read_claim(twin.claim_dir, twin.ca_pem_path))


def test_a_board_that_is_well_goes_on_and_its_bundle_names_nobody(twin, tmp_path):
    bundle = tmp_path / "bundle.json"
    with SerialBoard(tmp_path / "flash.img", files(twin, "camera-17")) as board:
        board.wait_for(";up;")
        done = muster("doctor", "--port", board.port, "--share", bundle)
        assert done.returncode == GOOD, done.stdout + done.stderr
        assert "camera-17" in done.stdout and "good" in done.stdout
        board.wait_for("published on")
    text = bundle.read_text()
    facts = json.loads(text)["facts"]
    assert facts["memory"]["free"] and facts["identity"]["active"]["match"] is True
    for name in ("camera-17", "workshop", "localhost", "e6614c311b4f2a37", "127.0.0.1", rig.WIFI_PASSWORD):
        assert name not in text
    assert bundle.stat().st_mode & 0o777 == 0o600


def test_what_is_wrong_is_said_with_what_to_do(twin, tmp_path):
    broken = files(twin, "camera-18")
    broken[f"{paths.BOOTSTRAP}/{paths.PRIVATE_KEY}"] = b""
    with SerialBoard(tmp_path / "flash.img", broken) as board:
        board.wait_for("Trying again in")
        done = muster("doctor", "--port", board.port)
    assert done.returncode == FAILED
    assert f"wrong  of its claim credentials {paths.PRIVATE_KEY} is missing or empty." in done.stdout
    assert "copy the claim credentials there again." in done.stdout


def test_two_boards_with_one_name_are_named(twin, tmp_path):
    with (
        SerialBoard(tmp_path / "one.img", files(twin, "camera-19"), unique_id="01") as one,
        SerialBoard(tmp_path / "two.img", files(twin, "camera-19"), unique_id="02") as two,
    ):
        for board in (one, two):
            board.wait_for(";up;")
        done = muster("doctor", "--port", one.port, "--port", two.port, "-o", "json")
    assert done.returncode == FAILED
    rows = json.loads(done.stdout)["response"]
    for row, other in zip(rows, (two.port, one.port), strict=True):
        assert row["findings"][0]["text"].startswith(f"the board on {other} has the same name, camera-19")


def test_a_board_without_the_program_is_one_sentence(tmp_path):
    with SerialBoard(tmp_path / "flash.img", {"/main.py": b"print('mine')\n"}) as board:
        board.wait_for("mine")
        done = muster("doctor", "--port", board.port)
    assert done.returncode == FAILED and "put it there with `muster deploy`" in done.stderr
    assert muster("doctor", "--port", "a", "--port", "b", "--share", tmp_path / "x").returncode == 2


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN EC PRIVATE KEY-----",
        "key " + "Ab+/" * 20,
        'password: "open sesame"',
    ],
)
def test_a_bundle_with_what_looks_like_a_secret_is_not_written(text):
    with pytest.raises(MusterError, match="looks like a secret"):
        share.bundle({**NAMES, "log": [["warn", "app", text]]}, [])
    assert "all is well" in share.bundle({**NAMES, "log": [["warn", "app", "all is well"]]}, [])


def test_stand_ins_are_stable():
    facts = {
        "wifi": {"known": ["home"], "joined": ["home", "10.0.0.7", -50]},
        "cloud": {"host": "abc-ats.iot.eu-west-1.amazonaws.com", "serial": "SN_AABBCCDDEEFF"},
        "log": [["warn", "network", "home: wrong password"], ["info", "network", "10.0.0.7 and 10.0.0.7"]],
    }
    text = share.bundle(facts, [Finding(WRONG, "home is gone")])
    assert "home" not in text and text.count("<network 1>") == 4
    assert len(set(part for part in text.split('"') if "<address" in part)) == 2
    assert "amazonaws" not in text and "AABB" not in text


def test_without_the_names_free_text_is_left_out():
    facts = {
        "wifi": {"error": "OSError: 5"},
        "cloud": {"host": "x"},
        "memory": {"free": 5},
        "log": [["warn", "network", "my-home: wrong password, 24:0a:c4:00:00:01"]],
    }
    text = share.bundle(facts, [Finding(WRONG, "my-home is gone")])
    assert "my-home" not in text and '"free": 5' in text
    facts.update({"wifi": {"known": []}, "log": [["a", "b", "24:0a:c4:00:00:01 fe80:1:2:3:4::5"]]})
    hidden = share.bundle(facts, [])
    assert "24:0a" not in hidden and "fe80" not in hidden
