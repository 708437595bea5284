"""Constants in their places: what is put there, what is left alone, and that every line keeps its number."""

import pytest

from device.core import paths
from muster import constants

IMPORT = "from device.core import paths\n"
CONF = repr(paths.CONF)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (f"{IMPORT}print(paths.CONF)\n", f"\nprint({CONF})\n"),
        ("from device.core import fields, paths\nprint(fields.loads, paths.CONF)\n", None),
        ("_LIMIT_MS = 5\nprint(_LIMIT_MS)\n", "\nprint(5)\n"),
        ("_LOW = -5\nprint(_LOW)\n", "_LOW = -5\nprint(_LOW)\n"),
        (f"{IMPORT}print(paths, paths.CONF)\n", f"{IMPORT}print(paths, {CONF})\n"),
        (f"{IMPORT}print(paths.nothing)\n", f"{IMPORT}print(paths.nothing)\n"),
        (
            f"{IMPORT}def f(paths):\n    return paths.CONF\n",
            f"{IMPORT}def f(paths):\n    return paths.CONF\n",
        ),
        ("_A = _B = 5\nprint(_A, _B)\n", "_A = _B = 5\nprint(_A, _B)\n"),
        ("_A = 5\ndef f():\n    global _A\n    _A = 6\n", "_A = 5\ndef f():\n    global _A\n    _A = 6\n"),
        ("_A = 5\ndef f(_A):\n    return _A\n", "_A = 5\ndef f(_A):\n    return _A\n"),
        ("def f(:\n", "def f(:\n"),
    ],
)
def test_a_constant_is_put_in_place_only_where_nothing_else_can_be_meant(source, expected) -> None:
    if expected is None:  # one home stays, because it is used for more than constants
        expected = f"from device.core import fields\nprint(fields.loads, {CONF})\n"
    assert constants.in_place(source) == expected
    assert constants.in_place(source).count("\n") == source.count("\n")


def test_what_is_not_used_any_more_is_not_imported() -> None:
    source = f"{IMPORT}print(paths.CONF)\n"
    assert constants.imports(source, "paths")
    assert not constants.imports(constants.in_place(source), "paths")
    assert not constants.imports("def f(:\n", "paths")


def test_names_in_f_strings_stay() -> None:
    source = "from device.core import fields\n_A = 5\nx = f'{fields.DEVICE} {_A}'\n"
    assert constants.in_place(source) == source


def test_a_home_keeps_only_the_constants_that_it_is_asked_for() -> None:
    home = 'MAX_NAME = 128\nTHINGS = "$aws/things/"\n\n\ndef limit():\n    return MAX_NAME\n'
    late = "def f():\n    from device.core import topics\n\n    return topics.THINGS\n"
    early = "from device.core import topics\nprint(topics.MAX_NAME, topics.own)\n"
    others = [constants.in_place(late), constants.in_place(early)]
    unasked = constants.unasked("topics", others)
    assert "MAX_NAME" in unasked and "THINGS" not in unasked, "a late import still asks by name"
    assert (
        constants.in_place(home, unasked) == '\nTHINGS = "$aws/things/"\n\n\ndef limit():\n    return 128\n'
    )
    assert constants.asked("def f(:\n") == frozenset()
