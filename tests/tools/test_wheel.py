"""The wheel alone, in an empty folder elsewhere: demo, images, twin and virtual board, without a checkout."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.core import fields, paths
from muster import umqtt, web_password
from muster.flashing.web import parts
from muster.image import board_files, build_image
from muster.layout import REPO, UMQTT


class Installed:
    """`muster` from the wheel, in an environment that sees this one's dependencies but not its checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "an empty folder"
        self.cache = folder / "cache"
        self._bin = folder / "venv" / "bin"
        self.folder.mkdir()
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
        wheel = folder / "wheel"
        here = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq"]
        building = [*here, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", wheel, REPO]
        subprocess.run(building, check=True, timeout=300)
        (made,) = wheel.glob("muster-*.whl")
        installing = [*here, "--python", self._bin / "python", "install", "--no-deps", "--no-index", made]
        subprocess.run([*installing, "--no-compile"], check=True, timeout=300)
        (packages,) = (folder / "venv").glob("lib/python*/site-packages")
        # Lines of .pth files found this way are not followed, so the checkout stays out of sight.
        (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        shutil.copytree(
            umqtt.fetch(), self.cache / "muster" / UMQTT.name
        )  # as fetched; tests need no network
        interpreters = Path(sys.executable).parent  # where pip puts MicroPython
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("MUSTER", "PYTHON", "SOURCE_DATE"))
            },
            **{"XDG_CACHE_HOME": str(self.cache), "XDG_DATA_HOME": str(folder / "data")},
            "PATH": f"{self._bin}:{interpreters}:{os.environ['PATH']}",
        }

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._bin / "muster", *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        words = (str(self._bin / "muster"), *words)
        return subprocess.Popen(words, cwd=self.folder, env=self.environment, text=True, **pipes)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    folder = tmp_path_factory.mktemp("wheel")
    yield Installed(folder)
    shutil.rmtree(folder)


def test_it_is_the_package_that_runs(installed: Installed) -> None:
    code = "import muster.layout as l; print(l.IS_INSTALLED, l.REPO, l.BUILD, l.command())"
    python = installed.folder.parent / "venv/bin/python"
    words = [python, "-c", code]
    shown = subprocess.run(
        words, env=installed.environment, capture_output=True, text=True, check=True
    ).stdout
    assert shown.startswith("True ") and str(REPO) not in shown
    assert shown.split()[-2:] == [f"{installed.cache}/muster", "muster"]


def test_the_demo_runs_from_anywhere(installed: Installed) -> None:
    shown = installed("demo")
    assert shown.returncode == 0, shown.stderr
    assert "The twin received" in shown.stdout and "  muster board ls --image " in shown.stdout
    assert (installed.cache / "muster/demo/flash.img").exists()
    assert not list(installed.folder.iterdir())


def test_the_page_of_the_flasher_is_in_it(installed: Installed) -> None:
    code = "from muster.flashing.web import parts; print(*sorted(parts.page()))"
    words = [str(installed.folder.parent / "venv/bin/python"), "-c", code]
    asked = subprocess.run(words, env=installed.environment, capture_output=True, text=True, check=True)
    assert asked.stdout.split() == sorted(parts.NAMES)


def test_an_image_is_that_of_the_checkout(installed: Installed) -> None:
    (installed.folder / "password.txt").write_text("abcd-efgh-jkmn\n")
    words = ("image", "--board", "pico_w", "--out", "f.img", "--build-time", "1790000000")
    built = installed(*words, "--web-password-file", "password.txt")
    assert built.returncode == 0, built.stderr
    web = {fields.PASSWORD: web_password.hashed("abcd-efgh-jkmn", "")}
    files = board_files("pico_w", documents={paths.WEB: web}, build_time=1790000000)
    own = build_image(files, "pico_w")
    assert (installed.folder / "f.img").read_bytes() == own
    listed = installed("board", "ls", "--image", "f.img")
    assert "/lib/muster.pack" in listed.stdout.replace("//", "/"), listed.stderr


def test_the_board_clock_begins_at_the_commit_of_the_source(installed: Installed) -> None:
    git = shutil.which("git")
    words = [git or "git", "-C", str(REPO), "log", "-1", "--format=%ct"]
    committed = subprocess.run(words, capture_output=True, text=True).stdout if git else ""
    if not committed:
        pytest.skip("there is no git to ask when the source was committed")
    code = "from muster import mpy; print(mpy.default_build_time())"
    words = [str(installed.folder.parent / "venv/bin/python"), "-c", code]
    asked = subprocess.run(words, env=installed.environment, capture_output=True, text=True, check=True)
    assert asked.stdout == committed


def test_a_twin_and_a_board_run(installed: Installed) -> None:
    with installed.start("twin", "run", "--mqtt-port", "0", "--home", "twin") as twin:
        assert twin.stdout is not None
        assert twin.stdout.readline().startswith("twin ready mqtts://localhost:")
        twin.send_signal(signal.SIGINT)
        twin.communicate(timeout=60)
    (installed.folder / "boot.img").write_bytes(build_image({"/main.py": b"print('hello')"}, "virtual"))
    ran = installed("board", "run", "--image", "boot.img")
    assert (ran.returncode, ran.stdout) == (0, "hello\n"), ran.stderr
