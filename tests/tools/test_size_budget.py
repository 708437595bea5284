"""The size budgets pass on what is there and fail on what is too large, new or gone."""

from pathlib import Path

import pytest

from muster import interpreter
from muster.boards import flashed, profile
from muster.checks import board_size, size
from muster.checks.budget import FLASH, HEAP, TOTAL, Budget
from muster.errors import MusterError


def write(lib: Path, name: str, text: str) -> None:
    path = lib / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_measures_compiled_bytes_and_their_sum(tmp_path: Path) -> None:
    write(tmp_path, "device/a.py", "X = 1\n")
    write(tmp_path, "device/b.py", "def f(x):\n    return x + 1\n")
    sizes = size.measure(tmp_path)
    assert list(sizes) == ["device/a", "device/b", "total"]
    assert 0 < sizes["device/a"] < sizes["device/b"]
    assert sizes["total"] == sizes["device/a"] + sizes["device/b"]


def test_a_mistake_in_a_module_is_named(tmp_path: Path) -> None:
    write(tmp_path, "device/a.py", "def f(:\n")
    with pytest.raises(MusterError, match=r"device/a\.py"):
        size.measure(tmp_path)


@pytest.mark.parametrize(
    ("budget", "sentence"),
    [
        ({"total": 500}, "a has no max_bytes in firmware/size_budget.csv: 112 would do"),
        ({"a": 99, "total": 500}, "a is 100 bytes, 1 over its budget of 99"),
        ({"a": 100, "b": 5, "total": 500}, "b has a max_bytes in firmware/size_budget.csv but is gone"),
        ({"a": 100, "total": 99}, "total is 100 bytes"),
    ],
)
def test_each_breach_is_a_sentence(budget: dict[str, int], sentence: str) -> None:
    found = size.BUDGET.breaches({"a": 100, "total": 100}, budget)
    assert len(found) == 1
    assert found[0].startswith(sentence)


def table(path: Path, row: str = "module", air: float = 1.1) -> Budget:
    return Budget(path, row, air)


def test_update_raises_adds_and_removes_and_leaves_the_rest(tmp_path: Path) -> None:
    sizes = {"kept": 100, "grown": 100, "new": 100, "total": 300}
    budget = table(tmp_path / "budget.csv")
    limits = budget.updated(sizes, {"kept": 120, "grown": 90, "gone": 50, "total": 1000})
    assert limits == {"kept": 120, "grown": 112, "new": 112, "total": 1000}
    both = {FLASH: limits, HEAP: {"new": 160, "total": 160}}
    budget.write(both)
    lines = budget.path.read_text().splitlines()
    assert lines[0] == "module,max_bytes,max_heap"
    assert ("new,112,160" in lines, "kept,120," in lines, lines[-1]) == (True, True, "total,1000,160")
    assert budget.read() == both
    assert budget.breaches(sizes, limits) == []


def test_a_table_of_an_earlier_version_lacks_the_heap(tmp_path: Path) -> None:
    budget = table(tmp_path / "budget.csv")
    budget.path.write_text("module,max_bytes\na,100\nmodule,max_bytes,max_heap\na,112\n")
    limits = budget.read()
    assert limits == {FLASH: {"a": 112}, HEAP: {}}
    assert budget.breaches({"a": 60}, limits[HEAP], HEAP)[0].startswith("a has no max_heap")


@pytest.fixture
def budget_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tables of its own, and measures that take no time."""
    for module, name, row in ((size, "a", "module"), (board_size, "pico_w small", "board")):
        budget = table(tmp_path / f"{row}.csv", row, module.BUDGET.air)
        budget.write({FLASH: {name: 100}, HEAP: {name: 160}})
        monkeypatch.setattr(module, "BUDGET", budget)
        monkeypatch.setattr(module, "measure", lambda name=name: {name: 100})
        monkeypatch.setattr(module, "measure_heap", lambda name=name: {name: 160})
    monkeypatch.setattr(interpreter, "missing32", lambda: None)
    return tmp_path / "module.csv"


def test_a_module_that_takes_more_heap_is_a_breach(
    budget_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert size.main([]) == 0
    monkeypatch.setattr(size, "measure_heap", lambda: {"a": 161})
    assert size.main([]) == 1
    said = capsys.readouterr()
    assert "a is 161 bytes of heap, 1 over its budget of 160" in said.err
    assert "a 100 100 100 % 161 160 100 %" in " ".join(said.out.split())
    assert size.main(["--update"]) == 0
    assert "a,100,192" in budget_file.read_text()


@pytest.mark.parametrize(
    ("measure", "sentence"),
    [
        ("measure", "pico_w small is 101 bytes, 1 over its budget of 100: make it smaller"),
        ("measure_heap", "pico_w small is 161 bytes of heap, 1 over its budget of 160: make it smaller"),
    ],
)
def test_a_board_that_is_over_its_budget_is_a_breach(
    budget_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    measure: str,
    sentence: str,
) -> None:
    number = 101 if measure == "measure" else 161
    monkeypatch.setattr(board_size, measure, lambda: {"pico_w small": number})
    assert size.main([]) == 1
    assert sentence in capsys.readouterr().err
    assert size.main(["--update"]) == 0
    limits = {"measure": "pico_w small,112,160", "measure_heap": "pico_w small,100,176"}
    assert budget_file.with_name("board.csv").read_text().splitlines()[1] == limits[measure]
    assert size.main([]) == 0


def test_a_board_that_is_new_has_no_budget_yet(
    budget_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(board_size, "measure", lambda: {"pico_w full": 100})
    assert size.main([]) == 1
    said = capsys.readouterr().err
    assert "pico_w full has no max_bytes in firmware/board.csv" in said
    assert "pico_w small has a max_bytes in firmware/board.csv but is gone" in said


def test_each_board_has_a_row_for_the_program_of_its_own_profile() -> None:
    assert board_size.BUDGET.read().keys() == {FLASH, HEAP}
    rows = {f"{name} {profile(name).build}" for name in flashed()}
    for limits in board_size.BUDGET.read().values():
        assert limits.keys() == rows
    sizes = board_size.measure()
    assert sizes.keys() == rows
    assert sizes["pico_w small"] < sizes["pico2_w full"]
    assert board_size.BUDGET.breaches(sizes, board_size.BUDGET.read()[FLASH]) == []


def test_without_the_interpreter_the_heap_is_left_out_aloud(
    budget_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [budget_file, budget_file.with_name("board.csv")]
    before = [file.read_text() for file in files]
    monkeypatch.setattr(interpreter, "missing32", lambda: "there is no 32-bit MicroPython")
    assert size.main(["--update"]) == 0
    said = capsys.readouterr()
    assert said.err == "size: heap is not measured: there is no 32-bit MicroPython\n"
    assert "heap" not in said.out
    assert [file.read_text() for file in files] == before


def test_heap_is_measured_for_each_module_of_an_image() -> None:
    if reason := interpreter.missing32():
        pytest.skip(reason)
    sizes = size.measure_heap()
    flash = size.measure()
    assert sizes.keys() <= flash.keys()
    assert {name for name in flash.keys() - sizes.keys() if not name.endswith("__init__")} == {"pack"}
    assert sizes[TOTAL] == sum(sizes.values()) - sizes[TOTAL] > 50000
    assert 0 < sizes["device/services/heartbeat"] < 2000


def test_the_heap_of_a_board_is_that_of_its_own_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := interpreter.missing32():
        pytest.skip(reason)
    monkeypatch.setattr(board_size, "flashed", lambda: ("pico_w", "pico2_w"))
    small, full = board_size.measure_heap().values()
    assert 100000 < small < full - 30000
