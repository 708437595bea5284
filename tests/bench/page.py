"""docs/benchmarks.md, from the results of one run."""

import datetime
import platform
import subprocess
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

import cryptography
from cryptography.hazmat.backends.openssl import backend

from muster import interpreter, mpy
from muster.layout import REPO
from tests.bench.brokers import mosquitto
from tests.bench.common import Result, Row

HEAD = """\
# Benchmarks

Made by `make bench` (`.venv/bin/python -m tests.bench`), all of it in one run; do not edit. Ours and the peer
were measured in this run, one after the other, on this machine. A ratio is ours divided by the peer's; where
a time, a size or a cost is meant, less is better. Figures are medians. *Before* is what the figure was where
the work on it began; its section says where that was. Some of it, without writing this page:
`make bench ARGS="heap key"`.

![The main figures beside their peers, as bars](pictures/benchmarks.svg)
"""
PACKAGES = ("amqtt", "awsiotsdk", "ecdsa")
SAY_VERSION = """
import sys
version = [str(part) for part in sys.implementation.version if part != ""]
print(".".join(version[:3]) + "".join("-" + part for part in version[3:]) + ", " + sys.version.split("; ")[1])
"""


def table(rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the headings are the first row, every column but the first is right-aligned."""
    headings, *others = rows
    rule = ["---", *["---:"] * (len(headings) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (headings, rule, *others)) + "\n"


def _said(words: list[str]) -> str:
    """The first line of what a command prints; "" when there is no such command, or nothing."""
    try:
        result = subprocess.run(words, capture_output=True, text=True, timeout=30)
    except OSError:
        return ""
    return result.stdout.partition("\n")[0].strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return platform.machine()


def _cores() -> int:
    return Path("/proc/cpuinfo").read_text().count("processor\t")


def _micropython(bits: int) -> str:
    if bits == 32 and interpreter.missing32():
        return "missing"
    return _said([*interpreter.command(bits), "-c", SAY_VERSION])


def circumstances(seconds: float, arguments: str) -> str:
    """Machine, versions, date, command."""
    commit = _said(["git", "-C", str(REPO), "rev-parse", "--short", "HEAD"])
    is_changed = bool(_said(["git", "-C", str(REPO), "status", "--porcelain", "--", "lib", "tools"]))
    program = mosquitto()
    lines = [
        ("command", "`make bench`" + (f" with `ARGS={arguments!r}`" if arguments else "")),
        ("date", f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}, {seconds:.0f} s in all"),
        ("source", (commit or "no git") + (" with changes not committed" if is_changed else "")),
        ("machine", f"{_processor()}, {_cores()} cores, {platform.system()} {platform.machine()}"),
        ("CPython", platform.python_version()),
        ("MicroPython, 64 bits", _micropython(64)),
        ("MicroPython, 32 bits", _micropython(32)),
        ("mpy-cross", mpy.compiler_version()),
        ("cryptography", f"{cryptography.__version__}, {backend.openssl_version_text()}"),
        *((name, metadata.version(name)) for name in PACKAGES),
        ("Mosquitto", _said([program, "-h"]) if program else "not installed"),
    ]
    return table([("circumstance", ""), *lines]).replace("---:", "---")


def render(results: Iterable[Result], seconds: float, arguments: str) -> str:
    """The whole page."""
    results = list(results)
    rows: list[Row] = [row for result in results for row in result.rows]
    parts = [HEAD, table([("figure", "ours", "peer", "ratio", "goal", "before"), *rows])]
    for result in results:
        parts.append(f"## {result.title}\n")
        if result.details:
            parts.append(table(result.details))
        parts.append(result.how + "\n")
    parts += ["## Circumstances\n", circumstances(seconds, arguments)]
    return "\n".join(parts)
