"""The files of this folder once more, unchanged, on MicroPython with 64 and with 32 bits."""

import os
import subprocess
from pathlib import Path

import pytest

from muster import interpreter
from muster.errors import MusterError
from muster.layout import LIB

HERE = Path(__file__).resolve().parent
FILES = sorted(path.stem for path in HERE.glob("test_*.py") if path != Path(__file__))
TIMEOUT_S = 300  # the slowest file makes P-256 keys; on one busy core


def run_on_micropython(bits: int, names: list[str], folder: Path = HERE) -> subprocess.CompletedProcess[str]:
    """Run the test files `names` of `folder` on the interpreter with `bits` bits, or skip and say why."""
    try:
        command = interpreter.command(bits)
    except MusterError as error:
        pytest.skip(str(error))
    if bits == 32 and (reason := interpreter.missing32()):
        pytest.skip(reason)
    # The 32-bit build's own heap is that of a small computer; a board's is checked by the bench.
    environment = {**os.environ, "MICROPYPATH": f"{LIB}:{HERE}:{folder}:.frozen"}
    return subprocess.run(
        [*command, "-X", "heapsize=8m", str(HERE / "micropython_runner.py"), *names],
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("name", FILES)
def test_file(name: str, bits: int) -> None:
    result = run_on_micropython(bits, [name])
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def test_a():\n    assert 1 == 2\n", "FAIL test_small.test_a: AssertionError"),
        ("import no_such_module\n", "FAIL test_small.import: ImportError"),
        ("def check_a():\n    pass\n", "FAIL test_small: no tests in it"),
    ],
)
def test_runner_can_fail(text: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "test_small.py").write_text(text)
    result = run_on_micropython(64, ["test_small"], tmp_path)
    assert result.returncode == 1
    assert expected in result.stdout


def test_runner_counts(tmp_path: Path) -> None:
    (tmp_path / "test_small.py").write_text("def test_a():\n    pass\n\n\ndef test_b():\n    pass\n")
    result = run_on_micropython(64, ["test_small"], tmp_path)
    assert (result.returncode, result.stdout) == (0, "2 passed, 0 failed\n")
