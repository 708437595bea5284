"""Short names for arguments: what is renamed, what is left alone, and that the program means the same."""

import ast
import textwrap

import pytest

from muster import arguments, mpy, short_names
from muster.edits import edited
from muster.layout import LIB
from muster.parsing import parsed


def short(source: str, *by_name: str) -> str:
    source = textwrap.dedent(source)
    return edited(source, arguments.edits(list(ast.walk(parsed(source))), by_name))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(self, limit, data):\n    return data[limit]\n", "def f(self, a, b):\n    return b[a]\n"),
        ("def f(limit, a):\n    return a + limit\n", "def f(b, a):\n    return a + b\n"),
        ("f = lambda limit: limit + a\n", "f = lambda b: b + a\n"),
        ("def f(limit=limit):\n    limit += 1\n", "def f(a=limit):\n    a += 1\n"),
        ("def f(data):\n    return g(data=data), x.data\n", "def f(a):\n    return g(data=a), x.data\n"),
        (
            "def f(limit):\n    def g():\n        return limit\n",
            "def f(a):\n    def g():\n        return a\n",
        ),
        (
            "def f(one):\n    def g(two, one):\n        return one, two\n",
            "def f(a):\n    def g(b, a):\n        return a, b\n",
        ),
        ("def f(äöü, data):\n    return 'ä', äöü, data\n", "def f(a, b):\n    return 'ä', a, b\n"),
        ("def f(data):\n    return [data for data in data]\n", "def f(a):\n    return [a for a in a]\n"),
    ],
)
def test_an_argument_gets_a_name_that_is_free_in_its_function(source: str, expected: str) -> None:
    assert short(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "def f(self, _, x):\n    return self, _, x\n",
        "def f(data):\n    def g():\n        nonlocal data\n        data = 1\n    return data\n",
        "def f(data):\n    import data\n",
        "def f(error):\n    try:\n        g()\n    except OSError as error:\n        pass\n",
        "def f(data):\n    return f'{data}'\n",
        "def f(data):\n    class G:\n        data = data\n    return G\n",
        "def f(data):\n    def data():\n        pass\n",
        "def f(*data, **more):\n    return data, more\n",
    ],
)
def test_what_cannot_be_renamed_safely_stays(source: str) -> None:
    assert short(source) == source


def test_what_some_module_passes_by_name_stays() -> None:
    source = "def f(data, limit):\n    return data, limit\n"
    assert arguments.passed_by_name(list(ast.walk(parsed("f(1, limit=2)\nf(**{})\n")))) == {"limit"}
    assert short(source, "limit") == "def f(a, limit):\n    return a, limit\n"
    assert short_names.shortened("device/core/a.py", "def f(:\n") == "def f(:\n", "the compiler tells"


def test_a_renamed_program_answers_the_same() -> None:
    source = """
    def outer(first, second=3, *rest):
        def inner(second, third=second):
            return [(first, second, third, z) for z in rest if (lambda first: first)(z)]
        return inner(first), second
    """
    before: dict = {}
    after: dict = {}
    exec(textwrap.dedent(source), before)
    exec(short(source), after)
    assert "first" not in short(source)
    assert (
        after["outer"](1, 2, 5, 0, 7)
        == before["outer"](1, 2, 5, 0, 7)
        == (
            [(1, 1, 2, 5), (1, 1, 2, 7)],
            2,
        )
    )


def test_each_line_of_the_device_stays_in_its_place_and_an_application_may_use_all_names() -> None:
    texts = {path.relative_to(LIB).as_posix(): path.read_text() for path in LIB.rglob("*.py")}
    made = {source.name: source.text.decode() for source in mpy.device_sources(texts)}
    for name, text in made.items():
        assert text.count("\n") == texts[name].count("\n")
    assert "def shake_hands(a, b):" in made["device/port/tls.py"]
    assert set(made) >= arguments.FOR_APPLICATIONS
    assert "async def publish(self, topic, payload, qos=1):" in made["device/runtime/muster.py"]
