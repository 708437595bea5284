"""`muster traceback`: a board's traceback names the functions of the source."""

from pathlib import Path

from cli_in_process import muster
from muster import mpy, short_names
from muster.layout import LIB

TRACEBACK = """\
  96075 ms  bug        Traceback (most recent call last):
  File "asyncio/core.py", line 1, in run_until_complete
  File "device.port.mqtt", line 7, in {frame}
  File "device.no.such", line 7, in {frame}
  File "app/main.py", line 33, in {frame}
MemoryError: {frame}
"""


def test_only_names_of_the_device_are_replaced(tmp_path: Path) -> None:
    short = short_names.of_device().private["_frame"]
    path = tmp_path / "console.txt"
    path.write_text(TRACEBACK.format(frame=short))
    result = muster("traceback", path)
    assert result.returncode == 0, result.stderr
    expected = TRACEBACK.format(frame=short).replace(f'mqtt", line 7, in {short}', 'mqtt", line 7, in _frame')
    assert result.stdout == expected


def test_every_private_function_is_found_again() -> None:
    texts = {path.relative_to(LIB).as_posix(): path.read_text() for path in LIB.rglob("device/**/*.py")}
    made = {source.name: source.text.decode() for source in mpy.device_sources(texts)}
    count = 0
    for name, text in made.items():
        module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for short, long in short_names.long_names()[module].items():
            assert f"def {short}(" in text and f"def {long}(" in texts[name], (module, long)
            count += 1
    assert count > 400
