"""`muster images`: what it prints, its exit codes, and what interruptions leave."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.cli_in_process import muster

from device.core import fields, paths
from muster import image
from muster.enrolment import secrets
from muster.errors import FAILED, GOOD, NO_DEVICE, PARTLY_DONE, WRONG_USE
from muster.fleet import devices, groups
from muster.registry import Registry
from muster.registry.fleet import RETIRED

ENDPOINT = ("--endpoint", "a.example", "--build-time", "1790000000")
MANY, FIRST = 160, 8  # images of the run that is interrupted, and how many of them are there by then


def make_home(home, count):
    registry = Registry(home)
    vault = secrets.Vault(home)
    for group in ("lab", "empty"):
        groups.add(registry, vault, group, 0)
    with registry.transaction():
        for number in range(1, count + 1):
            devices.add(registry, "lab", f"cam-{number}", 0)
    registry.close()
    return home


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "home", 3)


def command(home, *words):
    return [sys.executable, "-m", "muster", "images", *map(str, words), "--home", str(home)]


def run(home, *words, **environment):
    environment = {**os.environ, **environment}
    for name in ("MUSTER_HOME", "MUSTER_PROFILE"):
        environment.pop(name, None)
    return subprocess.run(command(home, *words), env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture
def inside(monkeypatch):
    """As `run`, in this process: for what starts no workers."""
    for name in ("MUSTER_HOME", "MUSTER_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return lambda home, *words: muster("images", *words, "--home", home)


def images_in(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.img")}


def test_images_go_to_the_home_and_a_second_run_keeps_them(home):
    result = run(home, "--all", "--board", "pico_w", *ENDPOINT)
    assert result.returncode == GOOD, result.stderr
    assert sorted(images_in(home / "images")) == [f"cam-{number}-pico_w.img" for number in (1, 2, 3)]
    assert "3 images for Raspberry Pi Pico W" in result.stdout and "(3 built)" in result.stdout
    assert "no networks" in result.stderr and "cannot provision yet" in result.stderr
    again = run(home, "--group", "lab", "--board", "pico_w", *ENDPOINT, "-o", "json")
    told = json.loads(again.stdout)["response"]["images"]
    assert [one["state"] for one in told] == ["kept", "kept", "kept"]
    assert told[0]["device"] == "cam-1" and len(told[0]["sha256"]) == 64
    registry = Registry(home)
    assert [event.event for event in registry.devices.history("cam-1")] == ["created", "image"]
    registry.close()


def test_same_bytes_whatever_the_surroundings(home, tmp_path):
    first = run(home, "--all", *ENDPOINT, "--out-dir", tmp_path / "a", TZ="UTC", PYTHONHASHSEED="1")
    second = run(
        home,
        *("cam-3", "cam-1", "cam-2", *ENDPOINT, "--out-dir", tmp_path / "b", "--jobs", 1),
        TZ="Asia/Kathmandu",
        PYTHONHASHSEED="77",
        LC_ALL="C",
    )
    assert first.returncode == second.returncode == GOOD, first.stderr + second.stderr
    assert images_in(tmp_path / "a") == images_in(tmp_path / "b")
    assert len(images_in(tmp_path / "a")) == 3


def test_options_reach_the_image(home, tmp_path):
    (tmp_path / "c.json").write_text(
        json.dumps({fields.DEVICE: {fields.ENDPOINT_URL: "from.file"}, fields.MQTT: {fields.PORT: 1}})
    )
    (tmp_path / "about.json").write_text('{"ports": 16}')
    words = ["--conf", tmp_path / "c.json", "--port", 8884, "--template", "T", "--topic-prefix", "p"]
    words += ["--keys", "device", "--product", "P", "--test-device", "--with-uf2"]
    words += ["--add", f"{paths.DEVICE}={tmp_path / 'about.json'}"]
    result = run(home, "cam-2", "--board", "pico_w", "--out-dir", tmp_path, *words)
    assert result.returncode == GOOD, result.stderr
    assert (tmp_path / "cam-2-pico_w.uf2").exists()
    files = image.read_image((tmp_path / "cam-2-pico_w.img").read_bytes(), "pico_w")
    conf, about = json.loads(files[paths.CONF]), json.loads(files[paths.DEVICE])
    assert conf[fields.DEVICE][fields.ENDPOINT_URL] == "from.file"
    assert conf[fields.MQTT] == {fields.PORT: 8884, fields.TOPIC_PREFIX: "p"}
    assert conf[fields.PROVISIONING][fields.TEMPLATE] == "T"
    assert conf[fields.PROVISIONING][fields.KEYS] == fields.KEYS_DEVICE
    assert (about[fields.PRODUCT], about[fields.TEST], about["ports"]) == ("P", 1, 16)


def test_dry_run_makes_nothing(home, inside):
    result = inside(home, "--all", *ENDPOINT, "--dry-run")
    assert result.returncode == GOOD and "cam-1-virtual.img: would be built" in result.stdout
    assert not (home / "images").exists()


def test_retired_devices_are_passed_over(home):
    registry = Registry(home)
    registry.devices.set_state("cam-2", RETIRED)
    registry.close()
    result = run(home, "--all", *ENDPOINT)
    assert result.returncode == GOOD and "1 retired device passed over" in result.stderr
    assert sorted(images_in(home / "images")) == ["cam-1-virtual.img", "cam-3-virtual.img"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["cam-1"], WRONG_USE, "give --endpoint HOST"),
        (["cam-1", "--all", *ENDPOINT], WRONG_USE, "in one way"),
        (["--group", "lab", "--batch", "b", *ENDPOINT], WRONG_USE, "in one way"),
        (["cam-1", "--serial", "x", *ENDPOINT], WRONG_USE, "No such option '--serial'"),
        ([*ENDPOINT], WRONG_USE, "Name devices, or choose them by --group, --batch or --all; for one"),
        (["cam-1", "--product", "x" * 65, *ENDPOINT], WRONG_USE, "'--product': must have 1 to 64 printable"),
        (["cam-1", "--product", "a\nb", *ENDPOINT], WRONG_USE, "'--product': must have 1 to 64 printable"),
        (["cam-1", "--with-uf2", *ENDPOINT], WRONG_USE, "takes no UF2"),
        (["cam-1", "--add", f"{paths.CONF}={__file__}", *ENDPOINT], WRONG_USE, "give yours with --conf"),
        (["cam-1", "--add", f"{paths.WEB}={__file__}", *ENDPOINT], FAILED, "must be a JSON object"),
        (["cam-1", "--jobs", "0", *ENDPOINT], WRONG_USE, "--jobs"),
        (["cam.1", *ENDPOINT], WRONG_USE, "'.' at character 4"),
        (["cam-8", *ENDPOINT], NO_DEVICE, "there is no device 'cam-8'"),
        (["--group", "nogroup", *ENDPOINT], FAILED, "there is no group 'nogroup'"),
        (["--group", "empty", *ENDPOINT], FAILED, "no devices in the group 'empty' yet"),
        (["--batch", "b", *ENDPOINT], FAILED, "the batch 'b' has no devices"),
        (["--all", "--endpoint", "a b"], FAILED, "the board would refuse"),
    ],
)
def test_wrong_use_is_one_sentence(home, inside, words, code, said):
    result = inside(home, *words)
    assert (result.returncode, result.stdout) == (code, "")
    assert said in result.stderr and "Traceback" not in result.stderr
    assert not (home / "images").exists()


def test_some_that_fail_are_named_and_the_rest_is_made(home):
    (home / "images" / "cam-2-virtual.img").mkdir(parents=True)
    result = run(home, "--all", *ENDPOINT)
    assert result.returncode == PARTLY_DONE
    assert "cam-2: " in result.stderr and "1 of 3 images failed" in result.stderr
    (home / "images" / "cam-2-virtual.img").rmdir()
    assert run(home, "--all", *ENDPOINT).returncode == GOOD
    (home / "other" / "cam-2-virtual.img").mkdir(parents=True)
    assert run(home, "cam-2", *ENDPOINT, "--out-dir", home / "other").returncode == FAILED


def workers_of(pid):
    """The processes that a process started, and those that they started."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # ended meanwhile
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def start_and_wait_for_images(home, count):
    """A run with many images to make, of which `count` are there."""
    process = subprocess.Popen(
        command(home, "--all", *ENDPOINT, "--jobs", 2, "-o", "json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    end_s = time.monotonic() + 60
    while len(list((home / "images").glob("*.img"))) < count:
        assert process.poll() is None and time.monotonic() < end_s
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_leaves_whole_images_and_goes_on(tmp_path, signal_number):
    home = make_home(tmp_path / "home", MANY)
    process = start_and_wait_for_images(home, FIRST)
    workers = workers_of(process.pid)
    assert workers
    in_order = signal_number != signal.SIGKILL
    if in_order:
        os.killpg(process.pid, signal_number)  # as a terminal and a build server do
    else:
        process.send_signal(signal_number)
    output, error = (told.decode() for told in process.communicate(timeout=60))
    end_s = time.monotonic() + 30
    while any(os.path.exists(f"/proc/{pid}/exe") for pid in workers):
        assert time.monotonic() < end_s, "a process was left behind"
        time.sleep(0.01)
    if in_order:
        assert process.returncode == 128 + signal_number
        assert f"of {MANY} images are done, the same command continues" in error
        assert json.loads(output)["status"] == "failed"
        assert "Traceback" not in error and "leaked" not in error
        assert not list((home / "images").glob(".*.part"))
    there = images_in(home / "images")
    assert FIRST <= len(there) < MANY
    result = run(home, "--all", *ENDPOINT, "-o", "json")
    assert result.returncode == GOOD, result.stderr
    states = {one["device"]: one["state"] for one in json.loads(result.stdout)["response"]["images"]}
    assert len(states) == MANY
    assert {states[name.removesuffix("-virtual.img")] for name in there} == {"kept"}
    shutil.rmtree(home)  # pytest keeps what tests leave, and this is 140 MB


def test_a_worker_that_is_killed_is_said(tmp_path):
    home = make_home(tmp_path / "home", MANY)
    process = start_and_wait_for_images(home, FIRST)
    below = [workers_of(pid) for pid in workers_of(process.pid)]
    os.kill(min(set().union(*below)), signal.SIGKILL)  # one that the fork server started
    error = process.communicate(timeout=60)[1].decode()
    assert process.returncode == PARTLY_DONE, error
    assert "killed (was there too little memory?)" in error and "the same command continues" in error
    assert "Traceback (most recent call last)" not in error
    assert run(home, "--all", *ENDPOINT).returncode == GOOD
    shutil.rmtree(home)
