"""Boards on a production line: the same image for all, and a claim ID of its own for each."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from device.core import claim_ids, fields, paths
from tests.system import mishaps, rig

GROUP = "cameras"
CONFIG = json.dumps({"services": {"cloud": {"serialize": "factory"}}}).encode()


def _muster(home: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "muster", *words, "--home", str(home)]


@pytest.fixture
def factory(tmp_path):
    """The folder with the files for images, of a `muster factory` that runs."""
    home = tmp_path / "home"
    subprocess.run(_muster(home, "add", "group", GROUP), check=True, capture_output=True, timeout=60)
    words = _muster(home, "factory", "-g", GROUP, "--host", "localhost", "--bind", "127.0.0.1", "--port", "0")
    words += [
        "--token-file",
        str(tmp_path / "token.txt"),
        "--files",
        str(tmp_path / "files"),
        "--product",
        "P1",
    ]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ})
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("factory ready https://localhost:")
        yield tmp_path / "files"
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert (tmp_path / "token.txt").read_text().strip() not in said


def _image(path, files, **changes):
    """An image that is the same for each board, but for the hardware number of the virtual one."""
    told = json.loads((files / "factory.json").read_bytes())
    told.update(changes)
    documents = {paths.WIFI: rig.documents(1, "x")[paths.WIFI]}
    extra = {
        **mishaps.told(intervals=mishaps.PATIENT),
        paths.CONFIG: CONFIG,
        paths.FACTORY: json.dumps(told).encode(),
        paths.FACTORY_ROOT: (files / "factory.pem").read_bytes(),
    }
    path.write_bytes(rig.build(documents, extra=extra))
    return path, told[fields.TOKEN]


def test_each_board_gets_its_claim_id(tmp_path, factory):
    claims = set()
    for number in range(2):
        path, token = _image(tmp_path / f"{number}.img", factory)
        board = {"environment": {"UNIQUE_ID": f"e6614c311b4f2a3{number}"}}
        for _ in range(2):
            with mishaps.powered(path, **board) as machine:
                line = machine.wait_for("serialize  claim ID ")
                mishaps.still_runs(machine)
            assert token not in machine.console
        files = rig.on_flash(path)
        device = json.loads(files[paths.DEVICE])
        assert claim_ids.shown(device[fields.CLAIM]) in line and device[fields.PRODUCT] == "P1"
        assert paths.FACTORY not in files and paths.FACTORY_ROOT not in files, "they are for the factory only"
        claims.add(device[fields.CLAIM])
    assert len(claims) == 2
    again, _ = _image(tmp_path / "again.img", factory)  # a board whose flash was written again
    with mishaps.powered(again, environment={"UNIQUE_ID": "e6614c311b4f2a30"}) as machine:
        machine.wait_for("serialize  claim ID ")
    assert json.loads(rig.on_flash(again)[paths.DEVICE])[fields.CLAIM] in claims


def test_a_wrong_token_is_said_and_tried_again(tmp_path, factory):
    path, _ = _image(tmp_path / "flash.img", factory, token="x" * 20)
    with mishaps.powered(path) as machine:
        mishaps.complaint(
            machine, "serialize", "the factory gives no claim ID (401: wrong token)", "again in"
        )
        mishaps.still_runs(machine)
    assert paths.DEVICE not in rig.on_flash(path) and paths.FACTORY in rig.on_flash(path)


def test_a_server_that_is_not_the_factory_gets_no_token(tmp_path, factory):
    path, _ = _image(tmp_path / "flash.img", factory)
    mishaps.edit(path, {paths.FACTORY_ROOT: None})
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "serialize", "the board has no root CA", paths.ROOTS)
