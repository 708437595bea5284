"""Short names for what is private: which get one, who may share it, and that lines stay where they are."""

import ast

import pytest

from muster import mpy, private_names
from muster import short_names as names
from muster.edits import edited
from muster.layout import LIB
from muster.parsing import parsed

ONE = "class A:\n    def __init__(self):\n        self._first = self._second = 1\n"
OTHER = "class B:\n    def __init__(self):\n        self._third = 1\n"


def nodes(source: str) -> list[ast.AST]:
    return list(ast.walk(parsed(source)))


def short_names(sources: dict[str, str]) -> dict[str, str]:
    return private_names.short_names({name: nodes(source) for name, source in sources.items()})


def test_unrelated_modules_share_short_names() -> None:
    found = short_names({"one": ONE, "other": OTHER})
    assert sorted(found) == ["_first", "_second", "_third"]
    assert found["_first"] != found["_second"] and found["_third"] in (found["_first"], found["_second"])


@pytest.mark.parametrize(
    "derived",
    [
        "from one import A\nclass C(A):\n    def f(self):\n        self._third = 1\n",
        "from device import one\nclass C(one.A):\n    def f(self):\n        self._third = 1\n",
    ],
)
def test_a_class_never_shares_with_what_it_inherits_from(derived: str) -> None:
    for modules in ({"one": ONE, "device.one": ONE}, {"between": "", "one": ONE, "device.one": ONE}):
        found = short_names({**modules, "derived": derived})
        assert len(set(found.values())) == len(found) == 3


def test_nor_with_a_base_of_its_base() -> None:
    between = "from one import A\nclass B(A):\n    pass\n"
    derived = "from between import B\nclass C(B):\n    def f(self):\n        self._third = 1\n"
    found = short_names({"one": ONE, "between": between, "derived": derived})
    assert len(set(found.values())) == len(found) == 3


@pytest.mark.parametrize(
    "more",
    [
        "def f(a):\n    return a._first\n",
        "def f():\n    _first = 2\n",
        "def f(self):\n    return getattr(self, '_first')\n",
        "from a import _first\n",
        "def f(_first):\n    return _first\n",
    ],
)
def test_what_has_another_use_keeps_its_name(more: str) -> None:
    assert sorted(short_names({"one": ONE, "more": more})) == ["_second"]


def test_only_attributes_of_self_are_renamed() -> None:
    short = {"_first": "_a", "_än": "_b"}
    source = "def f(self, it):\n    'ä'; self._first = self._än + it._first + self._other\n"
    found = edited(source, private_names.edits(nodes(source), short))
    assert found == source.replace("self._first", "self._a").replace("_än", "_b")


FUNCTIONS = """\
class A:
    async def _fetch(self):
        return _checked(await self._ask())

    def _ask(self):
        return map(_checked, "ä")


def _checked(value):
    return value
"""


def test_functions_and_methods_are_renamed_where_they_are_made_and_used() -> None:
    short = short_names({"one": FUNCTIONS})
    assert sorted(short) == ["_ask", "_checked", "_fetch"] and len(set(short.values())) == 3
    expected = FUNCTIONS
    for name, instead in short.items():
        expected = expected.replace(name, instead)
    assert edited(FUNCTIONS, private_names.edits(nodes(FUNCTIONS), short)) == expected


@pytest.mark.parametrize(
    "more",
    ["from one import _checked\n", "import one\none._checked(1)\n", "'_checked'\n"],
)
def test_a_function_that_others_use_keeps_its_name(more: str) -> None:
    assert sorted(short_names({"one": FUNCTIONS, "more": more})) == ["_ask", "_fetch"]


VARIABLES = """\
from a import b as _given
_FIRST, _SECOND = 1, "ä"
if _given:
    _third = None


class _Own:
    def f(self):
        global _third, _FIRST
        _third = [_FIRST for _ in _SECOND]
        return _Own, _given
"""


def test_variables_and_classes_are_renamed_where_they_are_made_and_used() -> None:
    short = short_names({"one": VARIABLES})
    assert sorted(short) == ["_FIRST", "_Own", "_SECOND", "_given", "_third"]
    assert len(set(short.values())) == len(short)
    expected = VARIABLES
    for name, instead in short.items():
        expected = expected.replace(name, instead)
    assert edited(VARIABLES, private_names.edits(nodes(VARIABLES), short)) == expected


@pytest.mark.parametrize(
    "more", ["from one import _FIRST\n", "import one\none._FIRST\n", "def f(_FIRST):\n    pass\n"]
)
def test_a_variable_that_others_use_keeps_its_name(more: str) -> None:
    assert sorted(short_names({"one": VARIABLES, "more": more})) == ["_Own", "_SECOND", "_given", "_third"]


def test_the_device_keeps_its_lines_and_needs_few_names() -> None:
    texts = {path.relative_to(LIB).as_posix(): path.read_text() for path in LIB.rglob("*.py")}
    made = {source.name: source.text.decode() for source in mpy.device_sources(texts)}
    assert all(text.count("\n") == texts[name].count("\n") for name, text in made.items())
    short = names.of_device().private
    assert len(short) > 500 and len(set(short.values())) < 40
    assert not any(
        f"self.{name}" in text.replace("(", " ").split() for name in short for text in made.values()
    )
