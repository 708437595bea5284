"""The set-up of a clone is mended by the next `make`, whatever became of the last one.

The Python here is a stub that writes down what it is asked for and makes an environment of itself.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
STUB = """\
#!/bin/sh
echo "$*" >>"$LOG"
for last; do :; done
case "$*" in
    *sys.version_info*) exit "${TOO_OLD:-0}" ;;
    *"-m venv --clear"*) rm -rf "$last" && mkdir -p "$last/bin" && cp "$0" "$last/bin/python" ;;
    *"install -r"*) exit "${PIP_CODE:-0}" ;;
    *muster.umqtt*) mkdir -p build/umqtt ;;
esac
"""
NEW, PACKAGES = "-m venv --clear", "install -r requirements.lock"


class Clone:
    """What the set-up takes of a clone, in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.stub = root.parent / "python-stub"
        (root / "tools").mkdir(parents=True)
        for name in ("tools/set_up.sh", "requirements.lock", "pyproject.toml"):
            shutil.copy(REPO / name, root / name)
        self.stub.write_text(STUB)
        self.stub.chmod(0o755)

    def set_up(self, **settings: str) -> tuple[int, str, str]:
        """(exit code, the words that Python was given, what was said on stderr)."""
        log = self.root.parent / "log"
        log.write_text("")
        result = subprocess.run(
            ["sh", str(self.root / "tools/set_up.sh")],
            env={**os.environ, "LOG": str(log), "PYTHON": str(self.stub), "VENV": ".venv", **settings},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return result.returncode, log.read_text(), result.stderr


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    one = Clone(tmp_path / "a clone (mine)")
    code, asked, _ = one.set_up()
    assert code == 0 and NEW in asked and PACKAGES in asked
    return one


def test_what_is_set_up_is_left_alone(clone: Clone) -> None:
    assert clone.set_up() == (0, "", "")


def test_without_its_environment_it_is_set_up_anew(clone: Clone) -> None:
    shutil.rmtree(clone.root / ".venv")
    code, asked, _ = clone.set_up()
    assert code == 0 and NEW in asked and PACKAGES in asked


def test_an_environment_whose_python_is_gone_is_made_anew(clone: Clone) -> None:
    python = clone.root / ".venv/bin/python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    code, asked, _ = clone.set_up()
    assert code == 0 and NEW in asked


def test_a_moved_clone_is_set_up_anew(clone: Clone) -> None:
    clone.root = clone.root.rename(clone.root.with_name("moved"))
    code, asked, _ = clone.set_up()
    assert code == 0 and NEW in asked and PACKAGES in asked
    assert clone.set_up() == (0, "", "")


def test_new_pins_need_no_new_environment(clone: Clone) -> None:
    with (clone.root / "requirements.lock").open("a") as lock:
        lock.write("one-more==1\n")
    code, asked, _ = clone.set_up()
    assert code == 0 and NEW not in asked and PACKAGES in asked
    assert clone.set_up() == (0, "", "")


def test_an_interrupted_set_up_begins_anew(clone: Clone) -> None:
    with (clone.root / "requirements.lock").open("a") as lock:
        lock.write("one-more==1\n")
    assert clone.set_up(PIP_CODE="137")[0] != 0
    code, asked, _ = clone.set_up()
    assert code == 0 and NEW in asked and PACKAGES in asked


def test_after_make_clean_what_it_removed_comes_back(clone: Clone) -> None:
    shutil.rmtree(clone.root / "build")
    code, asked, _ = clone.set_up()
    assert code == 0 and NEW not in asked and "muster.umqtt --fetch" in asked
    assert clone.set_up() == (0, "", "")


def test_without_a_package_index_the_network_is_named(clone: Clone) -> None:
    shutil.rmtree(clone.root / ".venv")
    code, _, error = clone.set_up(PIP_CODE="1")
    assert code == 1
    assert error.startswith("pip could not install the packages. If it cannot reach the package index: ")


def test_an_old_python_is_named(clone: Clone) -> None:
    shutil.rmtree(clone.root / ".venv")
    code, asked, error = clone.set_up(TOO_OLD="1")
    assert code == 1 and NEW not in asked
    assert error.startswith("Muster needs Python 3.10 or newer as ")


@pytest.mark.parametrize("target", ["demo", "test", "lint", "image"])
def test_every_target_sets_up_first(target: str) -> None:
    if shutil.which("make") is None:
        pytest.skip("there is no `make` on PATH")
    said = subprocess.run(["make", "-n", target], cwd=REPO, capture_output=True, text=True, timeout=60)
    assert "tools/set_up.sh" in said.stdout.splitlines()[0]
