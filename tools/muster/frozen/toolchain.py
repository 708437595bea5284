"""What a build of MicroPython needs on this machine: each missing thing is one sentence with its command."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

from muster.frozen.tree import Tree

_ANSWER_S = 30


class Tool(NamedTuple):
    """A program on PATH: what it is for, and how it is brought."""

    program: str
    use: str
    how: str


def _packages(debian: str, brew: str) -> str:
    return f"`sudo apt-get install {debian}` (Debian, Ubuntu) or `brew install {brew}` (macOS)"


_ARM_PACKAGES = "gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib"
_ARM = "arm-none-eabi-gcc"
_ANY = (
    Tool("make", "which runs MicroPython's build", _packages("make", "make")),
    Tool("gcc", "which compiles mpy-cross", _packages("build-essential", "gcc")),
)
_OF_PORT = {
    "rp2": (
        Tool("cmake", "which configures the build", _packages("cmake", "cmake")),
        Tool(_ARM, "the compiler", _packages(_ARM_PACKAGES, "--cask gcc-arm-embedded")),
    ),
    "esp32": (),
}
_PICOTOOL = (
    "picotool is not on PATH: the build fetches and compiles it, which takes the network, git and a minute "
    "(`picotool` of your system's packages, or github.com/raspberrypi/picotool, saves that)"
)


def missing(tree: Tree) -> list[str]:
    """What has to be brought before a build can begin, a sentence each; empty when all is there."""
    return [*_submodules(tree), *_programs(tree), *(_libraries() if tree.port == "rp2" else _idf(tree))]


def notes(tree: Tree) -> list[str]:
    """What can be there, and makes the build quicker."""
    return [_PICOTOOL] if tree.port == "rp2" and shutil.which("picotool") is None else []


def _submodules(tree: Tree) -> Iterator[str]:
    if names := tree.missing_submodules():
        yield (
            f"MicroPython's submodules {', '.join(names)} are not there: "
            f"`make -C {tree.port_folder} BOARD={tree.board} submodules`, or "
            f"`git -C {tree.path} submodule update --init {' '.join(names)}`"
        )


def _programs(tree: Tree) -> Iterator[str]:
    for tool in (*_ANY, *_OF_PORT[tree.port]):
        if shutil.which(tool.program) is None:
            yield f"{tool.program} is not on PATH, {tool.use}: {tool.how}"


def _libraries() -> Iterator[str]:
    """Debian has the C library in a package that the compiler's only recommends."""
    if shutil.which(_ARM) is None:
        return
    words = [_ARM, "-print-file-name=nano.specs"]
    try:
        said = subprocess.run(words, capture_output=True, text=True, timeout=_ANSWER_S).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    if not os.path.isabs(said):  # the bare name: the compiler does not know where it is
        yield f"{_ARM} has no C library (newlib): {_packages(_ARM_PACKAGES, '--cask gcc-arm-embedded')}"


def _idf(tree: Tree) -> Iterator[str]:
    if shutil.which("idf.py") is not None:
        return
    if folder := os.environ.get("IDF_PATH"):
        yield f"idf.py is not on PATH, but ESP-IDF is in {folder}: `. {folder}/export.sh`"
    else:
        yield (
            f"idf.py is not on PATH: install the ESP-IDF that {tree.port_folder}/README.md names, then "
            "`. esp-idf/export.sh`"
        )
