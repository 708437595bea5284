"""What `muster image` and `muster images` refuse, and what they warn of; in this process."""

from pathlib import Path

import pytest

from device.core import paths
from muster.errors import FAILED, GOOD, WRONG_USE
from muster.fleet import image_build
from muster.fleet.image_build import Result
from muster.fleet.images import Job, Recipe
from muster.image import read_image
from muster.twin import home as twin_home
from muster.twin.settings import Home, Settings
from tools.fleet.cli_runner import Tool

AWS = "abc123-ats.iot.eu-west-1.amazonaws.com"
NUMBER = 12


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    tool = Tool(tmp_path, monkeypatch)
    tool.good("add", "group", "lab")
    tool.good("add", "devices", "-g", "lab", "--count", str(NUMBER), "--prefix", "cam-")
    return tool


@pytest.fixture
def twin(fleet: Tool) -> Tool:
    twin_home.prepare(fleet.home, Settings(authority_key="ec", claim_key="ec"))
    return fleet


def test_the_twins_credentials_do_not_go_to_aws(twin: Tool) -> None:
    refused = twin("images", "cam-1", "--endpoint", AWS)
    assert (refused.code, refused.output) == (WRONG_USE, "")
    assert "the root CA is a twin's" in refused.error and "--claim FOLDER" in refused.error
    assert not (twin.home / "images").exists()
    claim, ca = Home(twin.home).claim_dir, Home(twin.home).ca_pem
    words = ("image", "--out", "f.img", "--serial", "a", "--claim", str(claim), "--ca", str(ca), "--endpoint")
    assert "belongs to AWS" in twin(*words, AWS).error and not (twin.folder / "f.img").exists()
    good = twin.good(*words, "localhost")
    assert good.error == ""


def test_the_twins_credentials_go_to_the_twin(twin: Tool) -> None:
    made = twin.good("images", "cam-1", "--endpoint", "localhost")
    assert "1 image for virtual board" in made.output and "(1 built)" in made.output
    assert made.error.splitlines()[0] == "muster: no networks are known to the boards (--wifi FILE)"
    files = read_image((twin.home / "images/cam-1-virtual.img").read_bytes())
    assert files[f"{paths.BOOTSTRAP}/{paths.ROOT_CA}"] == Home(twin.home).ca_pem.read_bytes()


def test_a_thousand_failures_are_not_a_thousand_lines(fleet: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(job: Job, _: Recipe) -> Result:
        return Result(job.device, job.path, image_build.FAILED, error="it is broken")

    monkeypatch.setattr(image_build, "build", fail)
    failed = fleet("images", "--all", "--endpoint", "a.example")
    assert failed.code == FAILED
    told = [line for line in failed.error.splitlines() if "it is broken" in line]
    assert len(told) == 10 and told[0] == "muster: cam-1: it is broken"
    assert failed.error.splitlines()[-2:] == [
        "muster: and 2 more",
        f"muster: {NUMBER} of {NUMBER} images failed; the same command continues with them",
    ]


def test_a_board_without_configuration_is_told(fleet: Tool) -> None:
    bare = fleet.good("image", "--out", "f.img")
    assert "there is no ento.conf in it (--serial and --endpoint, or --conf)" in bare.error
    assert "there are no claim credentials in it (--claim)" in bare.error
    fleet("board", "ls", "--image", "f.img")
    told = fleet.good("image", "--out", "f.img", "--serial", "a", "--endpoint", "a.example")
    assert "ento.conf" not in told.error


@pytest.mark.parametrize("epoch", ["1577836799", "4102444800", "9" * 20])
def test_the_clock_of_a_board_begins_in_this_century(
    fleet: Tool, monkeypatch: pytest.MonkeyPatch, epoch: str
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    refused = fleet("image", "--out", "f.img")
    assert refused.code == FAILED and not (fleet.folder / "f.img").exists()
    assert "SOURCE_DATE_EPOCH must be Unix seconds of the years 2020 to 2099" in refused.error
    assert fleet("image", "--out", "f.img", "--build-time", epoch).code == WRONG_USE
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "4102444799")
    assert fleet("image", "--out", "f.img").code == GOOD
