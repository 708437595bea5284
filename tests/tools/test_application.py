"""The folder of an application on the host: what comes of it, and what is refused, with file and line."""

import ast
import re
from pathlib import Path

import pytest

from cli_in_process import muster
from device.core import paths
from muster import application
from muster.errors import WRONG_USE, MusterError
from muster.image import read_image
from muster.layout import LIB, REPO

MAIN = "async def main(muster):\n    pass\n"
SENSOR = REPO / "examples/sensor"


def _folder(tmp_path: Path, **files: str) -> Path:
    """A folder with these files, `_` in a name for its dot."""
    folder = tmp_path / "app"
    for name, text in {"main_py": MAIN, **files}.items():
        path = folder / name.replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_modules_are_compiled_and_other_files_stay(tmp_path):
    folder = _folder(
        tmp_path, **{"lamp/blue_py": "X = 1\n", "page_html": "<p>", ".hidden_py": "x", "a_txt": ""}
    )
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__/main.cpython-311.pyc").write_bytes(b"x")
    files = application.files_of(folder)
    assert sorted(files) == ["/app/a.txt", "/app/lamp/blue.mpy", "/app/main.mpy", "/app/page.html"]
    assert files["/app/page.html"] == b"<p>"
    assert b"app/main.py" in files["/app/main.mpy"], "the name for tracebacks"
    assert application.files_of(folder) == files


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"main_py": "x = 1\nasync def main(:\n"}, r"app/main\.py, line 2: "),
        ({"main_py": "x = 1\n"}, r"app/main\.py has no `async def main\(muster\)`"),
        ({"main_py": "\ndef main(muster):\n    pass\n"}, "line 2: main must be asynchronous"),
        ({"main_py": "async def main():\n    pass\n"}, "line 1: main gets one argument"),
        ({"main_py": "async def main(a, b):\n    pass\n"}, "line 1: main gets one argument"),
        ({"lamp_py": "\n\nmatch 1:\n    case 1:\n        pass\n"}, r"lamp\.py, line 3: .*\(MicroPython\)"),
        ({"json_py": ""}, "the board has its own module json"),
        ({"main/x_py": ""}, "the board has its own module main"),
        ({"lamp_py": "x = '\0'\n"}, r"app/lamp\.py"),
    ],
)  # fmt: skip
def test_what_a_board_could_not_run_is_refused(tmp_path, files, why):
    with pytest.raises(MusterError, match=why):
        application.files_of(_folder(tmp_path, **files))


@pytest.mark.parametrize(
    "text",
    ["from other import main\n", "async def main(muster, again=3): pass\n", "async def main(*all): pass\n"],
)
def test_other_ways_to_have_a_main(tmp_path, text):
    assert "/app/main.mpy" in application.files_of(_folder(tmp_path, main_py=text))


def test_a_folder_without_main_is_wrong_use(tmp_path):
    with pytest.raises(MusterError, match="contains no application") as caught:
        application.files_of(tmp_path)
    assert caught.value.code == WRONG_USE


def test_names_that_the_program_imports_are_reserved():
    """Also those that it imports late, when the application's folder is in the path."""
    found = set()
    for path in LIB.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {name.split(".")[0] for name in names}
    assert found - application.RESERVED <= {""}


def _application(image: Path) -> dict[str, bytes]:
    files = read_image(image.read_bytes(), "virtual")
    return {path: data for path, data in files.items() if path.startswith(paths.APP)}


def test_image_and_its_profile(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    words = ("image", "--serial", "a", "--endpoint", "localhost", "--out", tmp_path / "a.img")
    assert muster(*words, "--app", SENSOR).returncode == 0
    assert _application(tmp_path / "a.img") == application.files_of(SENSOR)
    assert muster("profile", "add", "hall", "--app", SENSOR).returncode == 0
    assert muster(*words[:-1], tmp_path / "b.img", "--profile", "hall").returncode == 0
    assert _application(tmp_path / "b.img") == application.files_of(SENSOR)


def test_a_mistake_is_said_by_the_command(tmp_path):
    folder = _folder(tmp_path, main_py="def main(\n")
    for words in (("image", "--out", tmp_path / "a.img"), ("deploy",), ("demo",)):
        result = muster(*words, "--app", folder)
        assert result.returncode == 1
        assert re.search(r"main\.py, line 1: ", result.stderr), result.stderr


def test_the_example_can_be_read_in_a_minute():
    for path in SENSOR.glob("*.py"):
        assert len(path.read_text().splitlines()) <= 40
