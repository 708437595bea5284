"""The architecture: host, twin and device with their packages, who calls whom, and the path of a boot."""

from pictures.canvas import (
    AMBER,
    AMBER_WASH,
    BLUE,
    BLUE_WASH,
    FAINT,
    GREEN,
    GREEN_WASH,
    INK,
    PAPER,
    RULE,
    Canvas,
)

# Package: what it does, in lines. A test compares the names with the tree.
HOST = {
    "cli": ("commands, options, output",),
    "fleet": ("groups,", "devices,", "batches"),
    "image": ("images", "of the", "flash"),
    "labels": ("sheets", "of QR", "codes"),
    "flashing": ("esptool,", "UF2,", "checked"),
    "frozen": ("firmware", "with the", "program"),
    "line": ("stations,", "starts,", "ledger"),
    "relay": ("latency,", "loss"),
    "doctor": ("what is", "wrong,", "in words"),
    "cloud": ("needs of AWS", "or the twin"),
    "enrolment": ("who may", "register"),
    "registry": ("groups, devices,", "certificates"),
    "emulated": ("a Pico W,", "real firmware"),
}
TWIN_PARTS = (
    ("MQTT over", "mutual TLS"),
    ("provisioning,", "hook"),
    ("policies,", "templates"),
    ("fault", "injection"),
)
DEVICE = {
    "services": ("provision, mqtt, status, web, heartbeat",),
    "web": ("page,", "log-in"),
    "claim": ("identity,", "unloaded"),
    "runtime": ("session,", "retries"),
    "core": ("rules without I/O: topics, slots, settings",),
    "port": ("flash, Wi-Fi, TLS, MQTT, clock",),
}
BOOT = (
    ("boot.py", "mounts the pack,", "makes the ports"),
    ("Wi-Fi", "joins while the", "program loads"),
    ("identity?", "read from flash,", "with settings"),
    ("claim", "certificate, key,", "RegisterThing"),
    ("trial", "connects as it,", "then commits"),
    ("main.py", "starts services", "in order"),
    ("boot status", "published, and", "acknowledged"),
)
_CLAIMING = (3, 4)

# Widths of the packages that cli calls, by their texts; with the gaps they fill the row.
_SHARES = {
    **{"fleet": 56, "image": 59, "labels": 60, "flashing": 71, "frozen": 59, "line": 57, "doctor": 57},
    "relay": 53,
}

WIDTH, HEIGHT = 1000, 696
_LEFT, _SPLIT, _RIGHT, _EDGE = 24, 556, 668, WIDTH - 24


def draw() -> str:
    """The picture as SVG."""
    canvas = Canvas(
        WIDTH,
        HEIGHT,
        "Architecture of Muster",
        "The host builds images and keeps the registry; the twin or AWS IoT registers boards; the device"
        " provisions itself and publishes its boot status.",
    )
    _host(canvas)
    _twin(canvas)
    _device(canvas)
    _between(canvas)
    _boot(canvas)
    return canvas.svg()


def _panel(canvas: Canvas, x: float, y: float, width: float, height: float, color: str, wash: str) -> None:
    canvas.box(x, y, width, height, fill=wash, edge=color, radius=8)


def _heading(canvas: Canvas, x: float, y: float, name: str, rest: str, color: str) -> None:
    canvas.text(x, y, name, size=16, color=color, bold=True)
    canvas.text(x + 10 * len(name) + 6, y, rest, size=13, color=FAINT)


def _package(
    canvas: Canvas,
    x: float,
    y: float,
    width: float,
    height: float,
    name: str,
    lines: tuple[str, ...],
    edge: str,
    pad: float = 12,
) -> None:
    """A box with the name of a package; one line beside the name, more of them below it."""
    canvas.box(x, y, width, height, fill=PAPER, edge=edge)
    if len(lines) == 1:
        middle = y + height / 2 + 4.5
        canvas.text(x + 12, middle, name, mono=True, bold=True)
        canvas.text(x + width - 12, middle, lines[0], size=12, color=FAINT, anchor="end")
        return
    canvas.text(x + pad, y + 22, name, mono=True, bold=True)
    for at, words in enumerate(lines):
        canvas.text(x + pad, y + 40 + 15 * at, words, size=12, color=FAINT)


def _host(canvas: Canvas) -> None:
    _panel(canvas, _LEFT, 24, _SPLIT - _LEFT, 288, BLUE, BLUE_WASH)
    _heading(canvas, _LEFT + 16, 50, "Host", "the command muster, tools/muster", BLUE)
    inner, width = _LEFT + 16, _SPLIT - _LEFT - 32
    _package(canvas, inner, 64, width, 34, "cli", HOST["cli"], BLUE)
    x = inner
    for name, share in _SHARES.items():
        canvas.arrow([(x + share / 2, 98), (x + share / 2, 122)], color=BLUE)
        _package(canvas, x, 124, share, 82, name, HOST[name], BLUE, pad=4)
        x += share + 4
    first = inner + _SHARES["fleet"] / 2
    canvas.arrow([(first, 206), (first, 230)], color=BLUE)
    x = inner
    for name, share in (("cloud", 112), ("enrolment", 104), ("registry", 128), ("emulated", width - 392)):
        if x > inner and name != "emulated":
            canvas.arrow([(x - 16, 264), (x - 1, 264)], color=BLUE)
        _package(canvas, x, 232, share, 64, name, HOST[name], BLUE)
        x += share + 16


def _twin(canvas: Canvas) -> None:
    _panel(canvas, _LEFT, 360, _SPLIT - _LEFT, 136, GREEN, GREEN_WASH)
    _heading(canvas, _LEFT + 16, 385, "Twin", "of AWS IoT, on this computer", GREEN)
    inner, width = _LEFT + 16, _SPLIT - _LEFT - 32
    canvas.box(inner, 396, width, 66, fill=PAPER, edge=GREEN)
    canvas.text(inner + 12, 434, "twin", mono=True, bold=True)
    each = (width - 60) / len(TWIN_PARTS)
    for at, lines in enumerate(TWIN_PARTS):
        x = inner + 60 + at * each
        for row, words in enumerate(lines):
            canvas.text(x + each / 2, 426 + 15 * row, words, size=12, color=FAINT, anchor="middle")
        canvas.line([(x, 408), (x, 450)], color=RULE)
    canvas.text(inner, 483, "or AWS IoT itself: the same topics, the same answers", size=12, color=FAINT)


def _device(canvas: Canvas) -> None:
    _panel(canvas, _RIGHT, 24, _EDGE - _RIGHT, 472, AMBER, AMBER_WASH)
    _heading(canvas, _RIGHT + 16, 50, "Device", "MicroPython, lib/device", AMBER)
    inner, width = _RIGHT + 16, _EDGE - _RIGHT - 32
    lane, middle = inner + width - 8, inner + width / 2 - 10
    row = width - 24  # to the right of it boot.py and main.py reach the ports
    third = (row - 32) / 3
    columns = [inner + number * (third + 16) for number in range(3)]
    canvas.box(inner, 64, width, 34, fill=PAPER, edge=AMBER)
    canvas.text(inner + width / 2, 85.5, "boot.py, then main.py", mono=True, bold=True, anchor="middle")
    for y, name in ((124, "services"), (316, "core"), (392, "port")):
        canvas.box(inner, y, row, 54, fill=PAPER, edge=AMBER)
        canvas.text(inner + 12, y + 22, name, mono=True, bold=True)
        canvas.text(inner + 12, y + 41, DEVICE[name][0], size=12, color=FAINT)
    for x, name in zip(columns, ("claim", "web", "runtime"), strict=True):
        _package(canvas, x, 212, third, 68, name, DEVICE[name], AMBER)
    canvas.arrow([(middle, 98), (middle, 122)], color=AMBER)
    for x in columns:
        canvas.arrow([(x + third / 2, 178), (x + third / 2, 210)], color=AMBER)
        canvas.arrow([(x + third / 2, 280), (x + third / 2, 314)], color=AMBER)
    canvas.arrow([(columns[1] + third, 246), (columns[2] - 2, 246)], color=AMBER)
    canvas.arrow([(middle, 392), (middle, 372)], color=AMBER)
    canvas.arrow([(lane, 98), (lane, 419), (inner + row + 2, 419)], color=AMBER)
    canvas.text(inner, 468, "Pico W, ESP32; the virtual board runs the", size=12, color=FAINT)
    canvas.text(inner, 484, "same program on this computer.", size=12, color=FAINT)


def _between(canvas: Canvas) -> None:
    middle = (_SPLIT + _RIGHT) / 2
    canvas.arrow([(_SPLIT, 165), (_RIGHT, 165)], color=INK)
    canvas.text(middle, 140, "flash image,", size=12, anchor="middle")
    canvas.text(middle, 155, "or files by USB", size=12, anchor="middle")
    canvas.arrow([(_SPLIT, 429), (_RIGHT, 429)], color=INK, both=True)
    canvas.text(middle, 419, "MQTT over TLS", size=12, anchor="middle")
    x = _LEFT + 328
    canvas.arrow([(x, 360), (x, 298)], color=INK, both=True)
    canvas.text(x + 12, 341, "both processes use the same file", size=12)


def _boot(canvas: Canvas) -> None:
    canvas.text(_LEFT, 534, "The path of a boot", size=16, bold=True)
    canvas.text(_LEFT + 182, 534, "from power-on to the acknowledged boot status", size=13, color=FAINT)
    gap = 18
    each = (_EDGE - _LEFT - gap * (len(BOOT) - 1)) / len(BOOT)
    for at, (name, *lines) in enumerate(BOOT):
        x = _LEFT + at * (each + gap)
        edge, wash = (GREEN, GREEN_WASH) if at in _CLAIMING else (AMBER, AMBER_WASH)
        canvas.box(x, 566, each, 78, fill=wash, edge=edge)
        canvas.text(x + 10, 589, name, bold=True, color=edge)
        for row, words in enumerate(lines):
            canvas.text(x + 10, 610 + 16 * row, words, size=12)
        if at:
            canvas.arrow([(x - gap, 605), (x - 1, 605)])
    start, end = _LEFT + 2.5 * each + 2 * gap, _LEFT + 5.5 * each + 5 * gap
    canvas.arrow([(start, 644), (start, 674), (end, 674), (end, 646)])
    middle = (start + end) / 2
    canvas.text(
        middle, 666, "the board has an identity: every later boot", size=12, color=FAINT, anchor="middle"
    )
    middle = _LEFT + 4 * each + 3.5 * gap
    canvas.text(middle, 557, "the board has none: once", size=12, color=GREEN, anchor="middle")
