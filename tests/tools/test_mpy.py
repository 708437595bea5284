"""Compiling for the board, the pieces fetched from registries, and the interpreters."""

import hashlib
import subprocess
import sys
import time

import pytest

from muster import interpreter, microdot, mpy, umqtt
from muster.boards import Selection
from muster.errors import MusterError
from muster.image import profile
from muster.interpreter import debian
from muster.mpy import Source

BUILD_TIME = 1790000000


def test_compiled_holds_every_module_of_the_profile_and_the_build_facts():
    files = mpy.compiled(profile("pico_w"), BUILD_TIME)
    assert {"/lib/device/core/failures.mpy", "/lib/umqtt/simple.mpy", "/lib/device/_build.mpy"} <= set(files)
    assert all(data[:2] == b"M\x06" for data in files.values())
    assert mpy.compiled(profile("pico_w"), BUILD_TIME) == files


def test_build_module_says_what_runs(tmp_path):
    source = mpy.build_module(profile("esp32"), BUILD_TIME)
    (tmp_path / "_build.mpy").write_bytes(mpy.compile_module(source, tmp_path))
    words = [
        *interpreter.command64(),
        "-c",
        "import _build; print(_build.BOARD, _build.BUILD_TIME, _build.TLS_SESSIONS, _build.TLS_HEAP_BYTES)",
    ]
    result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["esp32", str(BUILD_TIME), "2", "0"]


def test_a_pico_w_has_memory_for_one_tls_session():
    text = mpy.build_module(profile("pico_w"), BUILD_TIME).text
    assert b"TLS_SESSIONS = 1\n" in text and b"TLS_HEAP_BYTES = 45000\n" in text


def test_a_mistake_in_a_module_is_one_sentence_with_its_line(tmp_path):
    with pytest.raises(MusterError, match=r"device/x\.py does not compile.*line 2.*SyntaxError"):
        mpy.compile_module(Source("device/x.py", b"a = 1\nb = = 2\n"), tmp_path)


def test_only_what_changed_is_compiled_again(tmp_path, monkeypatch):
    source = Source("device/x.py", b"x = 1\n")
    first = mpy.compile_module(source, tmp_path)
    monkeypatch.setattr(mpy, "_compiler", lambda: "/nowhere/mpy-cross")
    assert mpy.compile_module(source, tmp_path) == first
    with pytest.raises(FileNotFoundError):
        mpy.compile_module(source._replace(text=b"x = 2\n"), tmp_path)


def test_a_folder_that_cannot_be_written_serves_all_the_same(tmp_path, monkeypatch):
    source = Source("device/x.py", b"a = 1\n")
    kept = mpy.compile_module(source, tmp_path)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.utime", refuse)  # for root too, who may write everywhere
    monkeypatch.setattr("muster.files.write", refuse)
    assert mpy.compile_module(source, tmp_path) == kept
    assert mpy.compile_module(source, tmp_path / "other") == kept


def test_options_and_name_are_part_of_what_is_kept(tmp_path):
    source = Source("device/x.py", b"assert 0\n")
    with_asserts = mpy.compile_module(source._replace(options=mpy.KEEP_ASSERTS), tmp_path)
    assert mpy.compile_module(source, tmp_path) != with_asserts
    assert mpy.compile_module(source._replace(name="device/y.py"), tmp_path) != mpy.compile_module(
        source, tmp_path
    )


def test_tracebacks_name_a_module_by_a_name_that_the_board_has_anyway(tmp_path):
    source = Source("device/services/log.py", b"x = 1\n")
    assert source.traced == "device.services.log"
    assert Source("device/core/__init__.py", b"").traced == "device.core"
    assert b"device.services.log" in mpy.compile_module(source, tmp_path)
    shown = mpy.compile_module(source._replace(shown="app/main.py"), tmp_path)
    assert b"app/main.py" in shown and b"device" not in shown


def test_umqtt_keeps_its_asserts():
    source = (umqtt.fetch() / "umqtt/simple.py").read_bytes()
    kept = mpy.compiled(profile("virtual"), BUILD_TIME)["/lib/umqtt/simple.mpy"]
    assert kept == mpy.compile_module(Source("umqtt/simple.py", source, ()))
    assert kept != mpy.compile_module(Source("umqtt/simple.py", source, ("-O1",)))


def test_stale_files_are_forgotten(tmp_path):
    mpy.compile_module(Source("device/old.py", b"x = 1\n"), tmp_path)
    (old,) = tmp_path.rglob("*.mpy")
    mpy.compile_module(Source("device/new.py", b"x = 1\n"), tmp_path)
    long_ago = time.time() - 30 * 86400
    import os

    os.utime(old, (long_ago, long_ago))
    mpy._forget(tmp_path)
    assert [path.name.split("-")[0] for path in tmp_path.rglob("*.mpy")] == ["new"]


def test_umqtt_is_the_published_module():
    folder = umqtt.fetch()
    assert hashlib.sha256((folder / "umqtt/simple.py").read_bytes()).hexdigest() == umqtt.MODULE_SHA256
    assert (folder / "umqtt/__init__.py").exists()


def test_umqtt_of_another_hash_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(umqtt, "_download", lambda requirement: b"something else")
    with pytest.raises(MusterError, match="wrong SHA-256"):
        umqtt.fetch(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_changed_umqtt_is_fetched_again(tmp_path, monkeypatch):
    good = (umqtt.fetch() / "umqtt/simple.py").read_bytes()
    monkeypatch.setattr(umqtt, "_download", lambda requirement: b"")
    monkeypatch.setattr(umqtt, "_module_of", lambda archive: good)
    umqtt.fetch(tmp_path)
    (tmp_path / "umqtt/simple.py").write_bytes(b"changed")
    assert not umqtt.present(tmp_path)
    umqtt.fetch(tmp_path)
    assert umqtt.present(tmp_path)


def test_no_package_index_is_one_sentence(tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "Traceback\nno route to host\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(MusterError, match="could not be downloaded: no route to host"):
        umqtt.fetch(tmp_path)


MIRROR = "https://mirror.example/debian"
ONE_LINE = f"# comment\ndeb [arch=amd64 signed-by=/k.gpg] {MIRROR} trixie main\n"
DEB822 = f"""Types: deb
# URIs: https://wrong.example/debian
URIs: {MIRROR}-security
Suites: x

Types: deb
URIs:
 https://other.example/ubuntu
 {MIRROR}/
Suites: x
"""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("sources.list", ONE_LINE, MIRROR),
        ("sources.list.d/a.list", ONE_LINE, MIRROR),
        ("sources.list.d/a.sources", DEB822, MIRROR + "/"),
        (
            "sources.list.d/a.sources",
            "URIs: mirror+file:///etc/apt/debian.list\n",
            "mirror+file:///etc/apt/debian.list",
        ),
    ],
)
def test_mirror_is_read_from_both_kinds_of_apt_sources(tmp_path, name, text, expected):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / name).write_text(text)
    assert debian.mirror(tmp_path) == expected


def test_no_debian_mirror_is_a_reason_to_skip(tmp_path):
    (tmp_path / "sources.list").write_text("deb https://other.example/ubuntu noble main\n")
    with pytest.raises(MusterError, match="name no Debian archive"):
        debian.mirror(tmp_path)


def test_absent_32_bit_interpreter_is_one_sentence(tmp_path):
    with pytest.raises(MusterError, match="--fetch"):
        interpreter.command32(tmp_path)


def test_fetch_is_quick_when_present(tmp_path, monkeypatch):
    monkeypatch.setattr(debian, "_run", lambda *_: pytest.fail("nothing is to be fetched"))
    assert debian.fetch(tmp_path) == tmp_path


def test_interpreters_are_new_enough():
    assert interpreter.version(interpreter.command64()) >= interpreter.OLDEST
    if interpreter.missing32():
        pytest.skip(interpreter.missing32())
    assert interpreter.version(interpreter.command32()) >= interpreter.OLDEST


def test_the_compiler_does_not_need_images():
    code = (
        "import sys, muster.program; print([name for name in sys.modules if name.startswith('muster.image')])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n", "one imports the other, not each the other"


def test_microdot_is_the_published_file_less_what_nothing_calls():
    text = microdot.published().decode()
    known = {(owner, name) for owner, name, _ in microdot.defined(text)}
    unused = {(owner, name) for owner, names in microdot.UNUSED.items() for name in names.split()}
    assert unused <= known
    left = microdot.source().decode()
    assert {(owner, name) for owner, name, _ in microdot.defined(left)} == known - {
        (owner, name) for owner, name in known if (owner, name) in unused or ("", owner) in unused
    }
    assert set(left.splitlines()) <= set(text.splitlines())


def test_another_microdot_is_refused(monkeypatch):
    monkeypatch.setattr(microdot, "MODULE_SHA256", "0" * 64)
    with pytest.raises(MusterError, match="not the published version 2.7.0"):
        microdot.source()


def test_an_image_without_web_has_neither_microdot_nor_a_page():
    usual, without = profile("virtual"), profile("virtual", selection=Selection(without=("web",)))
    assert "/lib/microdot.mpy" in mpy.compiled(usual, BUILD_TIME)
    assert "/lib/microdot.mpy" not in mpy.compiled(without, BUILD_TIME)
