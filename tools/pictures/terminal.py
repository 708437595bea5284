"""What `muster demo` shows, as a picture of a terminal: a real run, with fixed times, ports and ids."""

import io
import itertools
import re

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from device.core import fields
from muster import demo

WIDTH = 100
# A dark window reads on light and dark pages alike.
THEME = TerminalTheme(
    (24, 30, 38),
    (226, 232, 240),
    [(24, 30, 38), (248, 113, 113), (74, 222, 128), (250, 204, 21)]
    + [(96, 165, 250), (232, 121, 249), (34, 211, 238), (226, 232, 240)],
    [(100, 116, 139), (252, 165, 165), (134, 239, 172), (253, 224, 71)]
    + [(147, 197, 253), (240, 171, 252), (103, 232, 249), (255, 255, 255)],
)
# rich's own page, without the fonts that it would load from a server.
PAGE = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" width="{width}" height="{height}"\
 role="img" xmlns="http://www.w3.org/2000/svg">
<title>muster demo</title>
<desc>A virtual board provisions itself against the local twin and publishes its boot status.</desc>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", \
monospace; font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: ui-sans-serif, system-ui, "Segoe UI", \
Helvetica, Arial, "DejaVu Sans", sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" \
height="{terminal_height}"/>\
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
_TIMES_MS = (7, 21, 43, 45, 46, 117, 119, 175, 184, 186, 214, 231, 236, 249, 262, 318, 320, 334, 339, 341)
_EVENT = re.compile(r"^(\s*)(\d+)( ms  )(\S+ +)(.*)$")
_NAMED = re.compile(r"^([A-Z][a-z]+ [a-z]+ {2,}|[A-Z][a-z]+ {2,})(\S.*)$")  # `Thing name   camera-0001`
_SAME = (
    (re.compile(r"localhost:\d+"), "localhost:8883"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:51823"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "4f6a0c1e93b7d2588ac5e1700d3f9b264f6a0c1e93b7d2588ac5e1700d3f9b26"),
    (re.compile(r"\bclaim ID \S+, new"), "claim ID JT08F-FQXWQ-$, new"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "12:00:00"),
    (re.compile(r"\b20\d\d-\d\d-\d\d\b"), "2049-12-31"),
    (re.compile(r"^  \S.*?( board ls | --help$)"), r"  .venv/bin/muster\1"),
    (re.compile(r"\S+/(demo/flash\.img)"), r"build/\1"),
)


def draw() -> str:
    """The picture as SVG, of a run that is made for it."""
    said = io.StringIO()
    demo.run(Console(file=said, width=WIDTH), fields.KEYS_CLOUD)
    return of_run(said.getvalue())


def of_run(said: str) -> str:
    """The picture of what a demo has printed."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text("$ make demo", "bold green"), Text(""), sep="\n")
    for line in stable(said):
        console.print(_styled(line), soft_wrap=False)
    return console.export_svg(
        title="muster demo", theme=THEME, code_format=PAGE, font_aspect_ratio=0.602, unique_id="demo"
    )


def stable(said: str) -> list[str]:
    """The lines with times, ports, ids and dates that are the same for every run."""
    times = itertools.chain(_TIMES_MS, itertools.count(_TIMES_MS[-1] + 15, 15))
    lines = []
    for line in said.strip("\n").split("\n"):
        for pattern, fixed in _SAME:
            line = pattern.sub(fixed, line)
        if event := _EVENT.match(line):
            width = len(event[1] + event[2])
            line = f"{next(times):{width}}{event[3]}{event[4]}{event[5]}"
        lines.append(line.rstrip())
    return lines


def _styled(line: str) -> Text:
    event = _EVENT.match(line)
    if not event:
        named = _NAMED.match(line)
        return Text.assemble((named[1], "bright_black"), named[2]) if named else Text(line, _style(line))
    last = "bold green" if "published on" in line else ""
    return Text.assemble(
        (event[1] + event[2] + event[3], "bright_black"), (event[4], "cyan"), (event[5], last)
    )


def _style(line: str) -> str:
    if line.startswith(("One board", "The twin received")):
        return "bold"
    return "cyan" if "muster " in line and line.startswith("  ") else ""
