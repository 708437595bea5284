"""`muster board tables` and `muster board table`: the database of an image, whole and damaged."""

import json
from pathlib import Path

import pytest
from tests.cli_in_process import muster

from device.core import paths, records
from muster.image import build_image, mount, tables


def _log(documents: dict[str, dict[str, object]]) -> bytes:
    return b"".join(records.make(records.PUT, key, records.text(documents[key])) for key in documents)


FIRST = {f"{number:02}:00": {"celsius": number, "place": "söuth"} for number in range(5)}
LAST = {"02:00": {"celsius": -2}, "05:00": {"celsius": 5}}
ALL = {key: FIRST[key] for key in FIRST if key not in ("02:00", "01:00")} | LAST


def _files() -> dict[str, bytes]:
    tail = _log({"02:00": LAST["02:00"]}) + records.make(records.DELETE, "01:00")
    return {
        f"{paths.TABLES}/readings.000b": _log(FIRST),
        f"{paths.TABLES}/readings.tail": tail + _log({"05:00": LAST["05:00"]}),
        f"{paths.TABLES}/words.tail": _log({"a": {}}),
        f"{paths.TABLES}/No table.tail": b"x",
        f"{paths.TABLES}/readings": b"x",
    }


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "flash.img"
    path.write_bytes(build_image(_files(), "virtual"))
    return path


def test_tables_are_listed(image: Path) -> None:
    result = muster("board", "tables", "--image", image)
    size = len(_log(ALL))
    assert (
        result.stdout == f"table\tdocuments\tbytes\nreadings\t5\t{size}\nwords\t1\t{len(_log({'a': {}}))}\n"
    )
    answer = json.loads(muster("board", "tables", "--image", image, "--output", "json").stdout)
    assert [one["table"] for one in answer["response"]["tables"]] == ["readings", "words"]


def test_documents_are_printed_the_oldest_first(image: Path) -> None:
    result = muster("board", "table", "readings", "--image", image)
    head, *rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert head == ["key", "document"] and result.stderr == ""
    assert [(key, json.loads(document)) for key, document in rows] == list(ALL.items())
    answer = json.loads(muster("board", "table", "readings", "--image", image, "--output", "json").stdout)
    assert answer["response"]["documents"] == [{"key": key, "document": ALL[key]} for key in ALL]


def test_what_is_not_there_is_said(image: Path, tmp_path: Path) -> None:
    result = muster("board", "table", "other", "--image", image)
    assert result.returncode == 1
    assert "there is no table 'other' in" in result.stderr and "muster board tables --image" in result.stderr
    empty = tmp_path / "empty.img"
    empty.write_bytes(build_image({"/main.py": b""}, "virtual"))
    assert muster("board", "tables", "--image", empty).stderr == "muster: there are no tables in the image\n"


def test_damage_is_counted(tmp_path: Path) -> None:
    files = _files()
    name = f"{paths.TABLES}/readings.000b"
    files[name] = files[name].replace(b'"celsius":3', b'"celsius":4')
    path = tmp_path / "flash.img"
    path.write_bytes(build_image(files, "virtual"))
    result = muster("board", "table", "readings", "--image", path)
    assert result.stdout.count("\n") == 5 and "03:00" not in result.stdout
    assert result.stderr == "muster: 1 damaged record skipped\n"


def test_a_table_truncated_at_every_byte_is_read() -> None:
    name = f"{paths.TABLES}/readings.000b"
    whole = _files()[name]
    lengths = [len(_log(dict(list(FIRST.items())[:count]))) for count in range(6)]
    for end in range(len(whole) + 1):
        found = tables.read(mount(build_image({name: whole[:end]}, "virtual")))
        there = dict(tables.documents(found["readings"]))
        count = max(at for at in range(6) if lengths[at] <= end)
        assert there == dict(list(FIRST.items())[:count]), end
        assert found["readings"].damaged == (end not in lengths)
