"""The one writer of files: whole or not there, the mode from the first byte, nothing left behind."""

import ast
import errno
import os
import stat
import time
from pathlib import Path

import pytest

from muster import files
from muster.errors import FAILED, MusterError
from muster.layout import REPO
from syntax import python_files


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_written_and_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    files.write(path, b"one", mode=0o640)
    assert (path.read_bytes(), mode_of(path)) == (b"one", 0o640)
    files.write_private(path, b"two", sync=True)
    assert (path.read_bytes(), mode_of(path)) == (b"two", 0o600)
    assert os.listdir(path.parent) == ["file"]


def test_of_several_that_create_a_file_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "key"
    files.write(path, b"first", replace=False)
    with pytest.raises(FileExistsError):
        files.write(path, b"second", replace=False)
    assert path.read_bytes() == b"first" and os.listdir(tmp_path) == ["key"]


@pytest.mark.parametrize("where", ["replace", "link", "fsync"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.EIO, "bad disk"), MemoryError()])
def test_whatever_stops_it_the_old_file_stays_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, error: BaseException
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def stop(*_: object) -> None:
        raise error

    monkeypatch.setattr(*{"replace": (Path, "replace")}.get(where, (os, where)), stop)
    with pytest.raises(type(error)):
        files.write(path, b"new", replace=where != "link", sync=where == "fsync")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]


def test_a_synced_file_and_its_name_are_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(stat.S_ISDIR(os.fstat(handle).st_mode)))
    files.write(tmp_path / "quick", b"")
    assert synced == []
    files.write(tmp_path / "safe", b"", sync=True)
    assert synced == [False, True]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_an_error_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(files.NoSpaceError, match="file cannot be written .*: make room") as caught:
        files.write_private(tmp_path / "file", b"")
    assert caught.value.code == FAILED


def test_what_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(MusterError, match=r"file/x cannot be written \(.*\): choose another place\.$"):
        files.write_private(tmp_path / "file" / "x", b"")


def test_parts_of_killed_processes_are_removed_when_they_are_old(tmp_path: Path) -> None:
    for name, age_s in ((".old.1.part", 7200), (".new.2.part", 60), ("kept.part", 7200)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    files.forget_parts(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".new.2.part", "kept.part"]


def puts_in_place(node: ast.AST) -> bool:
    """Whether a call moves a file over another: Path.replace has one argument, str.replace has two."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    if node.func.attr == "replace" and not node.keywords and len(node.args) == 1:
        return True
    of_os = isinstance(node.func.value, ast.Name) and node.func.value.id == "os"
    return of_os and node.func.attr in ("replace", "rename", "link")


def test_there_is_one_writer() -> None:
    found = {
        str(path)
        for path, tree in python_files(REPO, "tools")
        for node in ast.walk(tree)
        if puts_in_place(node)
    }
    assert found == {"tools/muster/files.py"}


def test_files_that_belong_together_are_all_written_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    files.write_together([(key, b"1", 0o600), (certificate, b"1", 0o644)])
    assert (key.stat().st_mode & 0o777, certificate.stat().st_mode & 0o777) == (0o600, 0o644)
    with pytest.raises(OSError):
        files.write_together([(key, b"2", 0o600), (tmp_path / "none" / "certificate", b"2", 0o644)])
    assert (key.read_bytes(), certificate.read_bytes()) == (b"1", b"1")

    def cut(part: Path, path: Path) -> None:
        raise OSError("cut")

    monkeypatch.setattr(Path, "replace", cut)
    with pytest.raises(OSError):
        files.write_together([(key, b"2", 0o600), (certificate, b"2", 0o644)])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"key": b"1"}
