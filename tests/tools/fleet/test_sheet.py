"""Files that name devices, as people and spreadsheets make them."""

from pathlib import Path

import pytest

from muster.errors import WRONG_USE, MusterError
from muster.fleet import sheet


def read(folder: Path, content: bytes) -> sheet.Sheet:
    path = folder / "names"
    path.write_bytes(content)
    return sheet.read(path)


@pytest.mark.parametrize(
    "content",
    [
        b"a-1\nb-2\n",
        b"a-1\nb-2",
        b"a-1\r\nb-2\r\n",
        b"a-1\rb-2\r",
        b"\xef\xbb\xbfa-1\nb-2\n",
        b"\n\n a-1 \n\t\nb-2\n\n",
        "a-1\r\nb-2\r\n".encode("utf-16"),
        b"name\na-1\nb-2\n",
        b"\xef\xbb\xbfName\r\na-1\r\nb-2",
        b'"name"\n"a-1"\n"b-2"\n',
        b"name,,\na-1,,\n,,\nb-2,,\n",
    ],
)
def test_names_are_read_in_whatever_dress(tmp_path: Path, content: bytes) -> None:
    found = read(tmp_path, content)
    assert [row.name for row in found.rows] == ["a-1", "b-2"]
    assert not found.faults and not found.columns


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_has_columns(tmp_path: Path, delimiter: str) -> None:
    text = 'name,Colour,size\na-1,"red, dark;\tor so",\n\nb-2,,4\nc-3\n'
    if delimiter != ",":
        text = 'name,Colour,size\na-1,"red# dark;\tor so",\n\nb-2,,4\nc-3\n'.replace(",", delimiter).replace(
            "#", ","
        )
    found = read(tmp_path, text.encode())
    assert found.columns == ("Colour", "size")
    assert found.rows == [
        sheet.Row(2, "a-1", {"Colour": "red, dark;\tor so"}),
        sheet.Row(4, "b-2", {"size": "4"}),
        sheet.Row(5, "c-3", {}),
    ]


def test_lines_are_counted_in_the_file_as_it_is_shown(tmp_path: Path) -> None:
    found = read(tmp_path, b'name,note\r\na-1,"two\r\nlines"\r\n\r\nb.2,\r\n')
    assert [fault.line for fault in found.faults] == [5]


def test_everything_wrong_is_told_with_its_line(tmp_path: Path) -> None:
    found = read(tmp_path, b"name,x\na-1,\na.2,1\na--3,\na-1,2\n,5\na-4,1,2\na-5,1,\n")
    assert found.faults == [
        sheet.Fault(3, "the name 'a.2' has '.' at character 2"),
        sheet.Fault(4, "the name 'a--3' has two dashes together at character 3"),
        sheet.Fault(5, "a-1 is in line 2 already"),
        sheet.Fault(6, "the name is missing"),
        sheet.Fault(7, "has 3 cells, the first line 2"),
    ]
    assert [row.name for row in found.rows] == ["a-1", "a-5"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a-1,b-2\n", "its first line has several columns"),
        (b"serial;name\na-1;x\n", "its first line has several columns"),
        (b"a-1\nb-\xff2\n", "line 2: this is not UTF-8 text"),
        (b"name,x,X\n", "two columns are called 'X'"),
        (b"name,Name\n", "two columns are called 'Name'"),
        (b"name,,x\n", "a column has no title"),
        (b'name,x\na-1,"open\n', "line 2: unexpected end of data"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(MusterError, match=why) as refused:
        read(tmp_path, content)
    assert refused.value.code == WRONG_USE


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(MusterError, match="nowhere cannot be read .No such file"):
        sheet.read(tmp_path / "nowhere")


def test_a_great_many_faults_are_cut_short() -> None:
    faults = [sheet.Fault(line, "is wrong") for line in range(200, 0, -1)]
    text = sheet.listed(faults)
    assert text.startswith("  line 1: is wrong\n  line 2:")
    assert text.endswith("  line 20: is wrong\n  and 180 more")
