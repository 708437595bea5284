"""The size budget passes on what is there and fails on what is too large, new or gone."""

from pathlib import Path

import pytest

from muster import interpreter
from muster.checks import size
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
    found = size.breaches({"a": 100, "total": 100}, budget)
    assert len(found) == 1
    assert found[0].startswith(sentence)


def test_update_raises_adds_and_removes_and_leaves_the_rest(tmp_path: Path) -> None:
    sizes = {"kept": 100, "grown": 100, "new": 100, "total": 300}
    budget = size.updated(sizes, {"kept": 120, "grown": 90, "gone": 50, "total": 1000})
    assert budget == {"kept": 120, "grown": 112, "new": 112, "total": 1000}
    path = tmp_path / "budget.csv"
    both = {size.FLASH: budget, size.HEAP: {"new": 160, "total": 160}}
    size.write_budget(both, path)
    lines = path.read_text().splitlines()
    assert lines[0] == "module,max_bytes,max_heap"
    assert ("new,112,160" in lines, "kept,120," in lines, lines[-1]) == (True, True, "total,1000,160")
    assert size.read_budget(path) == both
    assert size.breaches(sizes, budget) == []


def test_a_table_of_an_earlier_version_lacks_the_heap(tmp_path: Path) -> None:
    path = tmp_path / "budget.csv"
    path.write_text("module,max_bytes\na,100\nmodule,max_bytes,max_heap\na,112\n")
    budget = size.read_budget(path)
    assert budget == {size.FLASH: {"a": 112}, size.HEAP: {}}
    assert size.breaches({"a": 60}, budget[size.HEAP], size.HEAP)[0].startswith("a has no max_heap")


@pytest.fixture
def budget_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of its own, and measures that take no time."""
    path = tmp_path / "budget.csv"
    size.write_budget({size.FLASH: {"a": 100, "total": 100}, size.HEAP: {"a": 160, "total": 160}}, path)
    for function in (size.read_budget, size.write_budget):
        monkeypatch.setattr(function, "__defaults__", (path,))
    monkeypatch.setattr(size, "measure", lambda: {"a": 100, "total": 100})
    monkeypatch.setattr(size, "measure_heap", lambda: {"a": 160, "total": 160})
    monkeypatch.setattr(interpreter, "missing32", lambda: None)
    return path


def test_a_module_that_takes_more_heap_is_a_breach(
    budget_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert size.main([]) == 0
    monkeypatch.setattr(size, "measure_heap", lambda: {"a": 161, "total": 161})
    assert size.main([]) == 1
    said = capsys.readouterr()
    assert "a is 161 bytes of heap, 1 over its budget of 160" in said.err
    assert "a 100 100 100 % 161 160 100 %" in " ".join(said.out.split())
    assert size.main(["--update"]) == 0
    assert "a,100,192" in budget_file.read_text()


def test_without_the_interpreter_the_heap_is_left_out_aloud(
    budget_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = budget_file.read_text()
    monkeypatch.setattr(interpreter, "missing32", lambda: "there is no 32-bit MicroPython")
    assert size.main(["--update"]) == 0
    said = capsys.readouterr()
    assert said.err == "size: heap is not measured: there is no 32-bit MicroPython\n"
    assert "heap" not in said.out
    assert budget_file.read_text() == before


def test_heap_is_measured_for_each_module_of_an_image() -> None:
    if reason := interpreter.missing32():
        pytest.skip(reason)
    sizes = size.measure_heap()
    flash = size.measure()
    assert sizes.keys() <= flash.keys()
    assert {name for name in flash.keys() - sizes.keys() if not name.endswith("__init__")} == {"pack"}
    assert sizes[size.TOTAL] == sum(sizes.values()) - sizes[size.TOTAL] > 50000
    assert 0 < sizes["device/services/heartbeat"] < 2000
