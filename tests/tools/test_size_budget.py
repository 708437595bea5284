"""The size budget passes on what is there and fails on what is too large, new or gone."""

from pathlib import Path

import pytest

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
        ({"total": 500}, "a has no row: add `a,112`"),
        ({"a": 99, "total": 500}, "a is 100 bytes, 1 over its budget of 99"),
        ({"a": 100, "b": 5, "total": 500}, "b is gone"),
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
    size.write_budget(budget, path)
    assert path.read_text().splitlines()[-1] == "total,1000"
    assert size.read_budget(path) == budget
    assert size.breaches(sizes, budget) == []
