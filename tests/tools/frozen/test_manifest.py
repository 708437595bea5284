"""The manifest of each board and profile, as MicroPython's own manifestfile evaluates it."""

import ast
import os
from pathlib import Path

import pytest

from boards import micropython_tree
from muster import mpy
from muster.boards import BUILD_PROFILES, Selection, board, flashed
from muster.errors import MusterError
from muster.frozen import manifest, tree
from muster.frozen.program import program
from muster.frozen.record import Record, find
from muster.layout import LIB

BUILD_TIME = 1790000000
# What a firmware of these boards brings beside frozen modules: its own modules in C, and those of asyncio.
BUILT_IN = {
    *("__main__", "_thread", "aesio", "array", "asyncio", "binascii", "builtins", "collections", "cryptolib"),
    *("deflate", "errno", "esp", "esp32", "gc", "hashlib", "io", "json", "machine", "math", "micropython"),
    *("network", "os", "random", "re", "requests", "rp2", "select", "socket", "ssl", "struct", "sys", "time"),
    *("tls", "uctypes", "vfs"),
}
each_program = pytest.mark.parametrize(
    ("name", "build"), [(name, build) for name in flashed() for build in BUILD_PROFILES]
)


def evaluated(source: tree.Tree, name: str, build: str, folder: Path) -> list[manifest.Target]:
    """What is frozen into a firmware of `source` for the board `name`."""
    sources = program(name, Selection(build), BUILD_TIME).sources
    return manifest.evaluated(source, manifest.write(source, sources, folder))


def missing(targets: list[manifest.Target], place: Path) -> set[str]:
    """The modules that those of the device import and that are neither frozen nor built in."""
    frozen = {target.path for target in targets}
    there = {path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in frozen}
    there |= {name.rpartition(".")[0] for name in there}
    wanted = set()
    for target in targets:
        if target.file == place / target.path and target.path.startswith(("device/", "pack.")):
            for node in ast.walk(ast.parse(target.file.read_text())):
                if isinstance(node, ast.Import):
                    wanted |= {name.name for name in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    below = {f"{node.module}.{name.name}" for name in node.names}
                    modules = {one for one in below if (LIB / f"{one.replace('.', '/')}.py").exists()}
                    wanted |= {node.module} | modules
    return {name for name in wanted if name not in there and name.partition(".")[0] not in BUILT_IN}


def check(targets: list[manifest.Target], name: str, place: Path, build: str) -> None:
    """Assert what the manifest as it was once documented got wrong, and the rest."""
    paths = [target.path for target in targets]
    assert len(paths) == len(set(paths)), "the generated C would define a module twice"
    by_path = {target.path: target for target in targets}
    assert by_path[mpy.BUILD_MODULE].file == place / mpy.BUILD_MODULE
    assert "ntptime.py" in by_path and "pack.py" in by_path and "umqtt/simple.py" in by_path
    assert (by_path["umqtt/simple.py"].file == place / "umqtt/simple.py") == name.startswith("pico")
    assert not {"boot.py", "main.py"} & set(by_path), "a frozen one cannot be replaced"
    assert {one.opt for one in targets if one.path.startswith("device/")} == {1}
    assert ("device/services/shadow.py" in by_path) == (build == "full")
    ports = {"device/port/access_point.py", "device/port/http.py", "device/port/listening.py"}
    gone = {f"device.port.{Path(path).stem}" for path in ports - set(by_path)}
    assert missing(targets, place) <= gone


@micropython_tree.needs_manifestfile
@each_program
def test_each_module_is_frozen_once_and_what_it_imports_is_there(
    name: str, build: str, tmp_path: Path
) -> None:
    source = tree.opened(micropython_tree.tree(tmp_path / "mp"), name)
    targets = evaluated(source, name, build, tmp_path / "new")
    check(targets, name, tmp_path / "new" / "program", build)
    said = find([(tmp_path / "new/program" / mpy.BUILD_MODULE).read_bytes()])
    assert said == program(name, Selection(build)).record and (said.board, said.build) == (name, build)


@pytest.mark.skipif(
    not os.environ.get("MICROPYTHON"),
    reason="the manifests were not tried with MicroPython's own source: MICROPYTHON=path names it",
)
def test_the_same_with_the_source_of_micropython_itself(tmp_path: Path) -> None:
    for name in flashed():
        for build in BUILD_PROFILES:
            source, folder = tree.opened(Path(os.environ["MICROPYTHON"]), name), tmp_path / name / build
            check(evaluated(source, name, build, folder), name, folder / "program", build)


@micropython_tree.needs_manifestfile
def test_a_module_that_would_be_frozen_twice_is_named(tmp_path: Path) -> None:
    path = micropython_tree.tree(tmp_path / "mp")
    (path / "ports/rp2/modules/microdot.py").write_text("")
    with pytest.raises(MusterError, match=r"microdot\.py would be frozen twice"):
        evaluated(tree.opened(path, "pico_w"), "pico_w", "full", tmp_path / "new")


@micropython_tree.needs_manifestfile
def test_micropython_s_own_words_say_what_its_manifest_lacks(tmp_path: Path) -> None:
    path = micropython_tree.tree(tmp_path / "mp")
    (path / "lib/micropython-lib/micropython/net/ntptime/manifest.py").unlink()
    with pytest.raises(MusterError, match=r"cannot evaluate .*'ntptime' not found"):
        evaluated(tree.opened(path, "pico_w"), "pico_w", "full", tmp_path / "new")


def test_what_is_not_frozen_is_named(tmp_path: Path) -> None:
    ours = [manifest.Target("device/_build.py", tmp_path / "device/_build.py", 1)]
    with pytest.raises(MusterError, match=r"ntptime\.py would not be frozen"):
        manifest.check(ours, tmp_path, {"device/_build.py"})
    clock = manifest.Target("ntptime.py", Path("/mp/ntptime.py"), 3)
    manifest.check([*ours, clock], tmp_path, {"device/_build.py"})
    with pytest.raises(MusterError, match=r"device/_build\.py would not be frozen"):
        manifest.check([ours[0]._replace(file=Path("/mp/_build.py")), clock], tmp_path, set())


@each_program
def test_every_constant_is_utf_8(name: str, build: str) -> None:
    # MicroPython's mpy-tool, which freezes, cannot read another one; mpy-cross alone can.
    for source in program(name, Selection(build)).sources:
        for node in ast.walk(ast.parse(source.text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert node.value.encode(errors="replace") == node.value.encode(errors="surrogatepass"), (
                    f"{source.name}:{node.lineno}: {node.value!r}"
                )


def test_the_record_tells_one_program_from_another() -> None:
    first = program("pico_w", Selection("full"), BUILD_TIME)
    assert first.record == program("pico_w", Selection("full"), BUILD_TIME + 1).record, "the same sources"
    others = [Selection("small"), Selection("full", ("heartbeat",))]
    digests = {program("pico_w", selection).record.digest for selection in others}
    assert len(digests | {first.record.digest}) == 3
    record = Record("pico_w", "full", ("heartbeat", "logs"), "0.1.0", "0123456789abcdef")
    assert find([b"\0\0", b"\xff" + record.text().encode() + b"\0"]) == record
    assert str(record) == "full without heartbeat, logs, 0.1.0 01234567"
    assert find([b"muster-frozen 1;pico_w;full;;0.1.0;01234567;"]) is None


def test_every_board_with_a_firmware_has_a_port_that_is_known(tmp_path: Path) -> None:
    for name in flashed():
        assert board(name).platform in ("rp2", "esp32")
    with pytest.raises(MusterError, match="has no firmware of its own"):
        tree.opened(tmp_path, "virtual")
