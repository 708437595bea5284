"""Images that are right already are not built again, and whatever touches one makes it count as unknown."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from device.core import paths
from muster import image
from muster.files import NoSpaceError
from muster.fleet import image_build, image_index
from muster.fleet.image_build import BUILT, IN_USE, KEPT, build_all
from muster.fleet.images import Job, Recipe

NAMES = [f"cam-{number}" for number in range(1, 4)]
RECIPE = Recipe("pico_w", {paths.MAIN: b"print(1)"}, {}, {}, {}, uf2=True)


def jobs(folder: Path, conf: bytes = b"{}") -> list[Job]:
    return [Job(name, {paths.CONF: conf + name.encode()}, folder / f"{name}.img") for name in NAMES]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder with images, one of which a person will touch."""
    assert states(build_all(jobs(tmp_path), RECIPE)) == [BUILT] * 3
    return tmp_path


def states(results: list[image_build.Result]) -> list[str]:
    return [result.state for result in results]


def is_not_needed(*_: object) -> image_build.Result:
    raise AssertionError("nothing is to be built")


def test_kept_images_are_neither_built_nor_read(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [result.digest for result in build_all(jobs(built), RECIPE)]
    monkeypatch.setattr(image_build, "build", is_not_needed)
    again = build_all(jobs(built), RECIPE)
    assert states(again) == [KEPT] * 3 and [result.digest for result in again] == before
    monkeypatch.setattr(image_index, "_builder", lambda board: "another version")
    with pytest.raises(AssertionError, match="nothing is to be built"):
        build_all(jobs(built), RECIPE)


def overwritten(path: Path) -> None:
    """Another byte in its place, and the time of the last change as it was."""
    before = path.stat()
    with open(path, "r+b") as file:
        file.seek(5000)
        file.write(b"!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def copied_over(path: Path) -> None:
    """Replaced by another device's file of the same size, with the times of the old one."""
    before = path.stat()
    path.unlink()
    path.write_bytes(path.with_stem("cam-1").read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    "touch", [overwritten, copied_over, Path.unlink, lambda path: os.truncate(path, 4096)]
)
@pytest.mark.parametrize("suffix", [".img", ".uf2"])
def test_a_changed_file_is_built_again(built: Path, touch: Callable[[Path], None], suffix: str) -> None:
    path = built / f"cam-2{suffix}"
    right = path.read_bytes()
    touch(path)
    assert path.exists() is (touch is not Path.unlink) and (not path.exists() or path.read_bytes() != right)
    build_all(jobs(built), RECIPE)
    assert path.read_bytes() == right


def test_an_image_opened_to_others_is_closed_again(built: Path) -> None:
    (built / "cam-2.img").chmod(0o644)
    assert states(build_all(jobs(built), RECIPE)) == [KEPT] * 3
    assert (built / "cam-2.img").stat().st_mode & 0o777 == 0o600


def test_other_inputs_are_built(built: Path) -> None:
    assert states(build_all(jobs(built, b"{} "), RECIPE)) == [BUILT] * 3
    other = RECIPE._replace(files={paths.MAIN: b"print(2)"})
    assert states(build_all(jobs(built, b"{} "), other)) == [BUILT] * 3
    assert states(build_all(jobs(built), RECIPE)) == [BUILT] * 3


def test_a_booted_image_is_seen_though_the_index_knows_it(built: Path) -> None:
    identity = {f"{paths.CERT}/{paths.PRIVATE_KEY}": b"the only copy"}
    with open(built / "cam-2.img", "r+b") as file:  # in place, as a virtual board does
        file.write(image.build_image(identity, "pico_w"))
    assert states(build_all(jobs(built), RECIPE)) == [KEPT, IN_USE, KEPT]


@pytest.mark.parametrize(
    "damage", [b"", b"[]", b'{"cam-1.img": 7, "cam-2.img": [1, 2, 3, 4], "cam-3.img": []}']
)
def test_a_damaged_index_costs_time_and_nothing_else(built: Path, damage: bytes) -> None:
    (built / image_index.FILE).write_bytes(damage)
    assert states(build_all(jobs(built), RECIPE)) == [KEPT] * 3
    assert image_index.Index(built).find(built / "cam-1.img", inputs_of("cam-1"), True) is not None


def inputs_of(name: str) -> str:
    files = {**RECIPE.files, paths.CONF: b"{}" + name.encode()}
    return image_index.fingerprint(image_index.digests(files), "pico_w")


def test_a_file_system_that_counts_whole_seconds_is_not_believed(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = image_index.stamp
    monkeypatch.setattr(
        image_index, "stamp", lambda path: (*exact(path)[:3], exact(path)[3] // 10**9 * 10**9)
    )
    (built / image_index.FILE).unlink()
    build_all(jobs(built), RECIPE)
    assert image_index.Index(built).find(built / "cam-1.img", inputs_of("cam-1"), True) is None


def test_what_an_interrupted_run_has_built_is_known(tmp_path: Path) -> None:
    def stop(result: image_build.Result) -> None:
        if result.device == "cam-2":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_all(jobs(tmp_path), RECIPE, on_result=stop)
    index = image_index.Index(tmp_path)
    found = [index.find(tmp_path / f"{name}.img", inputs_of(name), True) is not None for name in NAMES]
    assert found == [True, True, False]


def test_a_full_disk_stops_at_the_first_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, done = image_build.write_private, []

    def full(path: Path, content: bytes) -> None:
        if path.name == "cam-2.img":
            raise NoSpaceError("no room")
        write(path, content)

    monkeypatch.setattr(image_build, "write_private", full)
    with pytest.raises(NoSpaceError, match="no room"):
        build_all(jobs(tmp_path), RECIPE, on_result=lambda result: done.append(result.device))
    assert done == ["cam-1"]
    monkeypatch.setattr(image_build, "write_private", write)
    assert states(build_all(jobs(tmp_path), RECIPE)) == [KEPT, BUILT, BUILT]


def test_a_full_disk_reaches_the_parent_process() -> None:
    arrived = pickle.loads(pickle.dumps(NoSpaceError("no room")))
    assert (type(arrived), str(arrived), arrived.code) == (NoSpaceError, "no room", 1)
