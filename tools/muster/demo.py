"""The demo: one virtual board, one twin, and what happened between them."""

import re
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography import x509
from rich.console import Console
from rich.table import Table

from device.core import fields, paths, slots, topics
from muster import image
from muster.layout import BUILD, command, shown
from muster.twin.server import RunningTwin, running_twin
from muster.virtual import VirtualBoard

HOME = BUILD / "demo"
BOARD = "virtual"
SERIAL = "camera-0001"
_LINE = re.compile(r"^\s*(\d+) ms  (\S+)\s+(.*)$")
_LAST = f"{fields.PROVISION_STATUS} is {fields.TRUE}"
_TIMEOUT_S = 60
_JOINED = ("network", "joined")
_RESULTS = ("joined", "umqtt.simple from", "identity ", "connected to", "published on", "set by NTP")


@dataclass(frozen=True)
class Step:
    """One line of the board's console: when, who, what; for what is begun there, how long it took."""

    at_ms: int
    service: str
    text: str
    took_ms: int | None = None


def steps(console: str) -> list[Step]:
    """The steps in a board's console; other lines are passed over.

    Services work side by side, so a step ends with the next line of its own service. Whoever connects waits
    for Wi-Fi first: that time belongs to joining alone.
    """
    found = (_LINE.match(line) for line in console.splitlines())
    said = [Step(int(match[1]), match[2], match[3]) for match in found if match]
    return [replace(step, took_ms=_took_ms(step, said[at + 1 :])) for at, step in enumerate(said)]


def _took_ms(step: Step, later: list[Step]) -> int | None:
    """Milliseconds from a line to the end of what it announces; None for a line that tells a result."""
    if step.text.startswith(_RESULTS):
        return None
    end = next((line for line in later if line.service == step.service), None)
    if end is None:
        return None
    joined = [line.at_ms for line in later[: later.index(end)] if (line.service, line.text) == _JOINED]
    return end.at_ms - max([step.at_ms, *joined])


def _flash(twin: RunningTwin, path: Path, key_mode: str) -> int:
    """Write the board's image; the number of files in it."""
    documents: dict[str, dict[str, Any]] = {
        paths.CONF: {
            fields.DEVICE: {
                fields.SERIAL_ID: SERIAL,
                fields.ENDPOINT_URL: twin.host,
                fields.PROVISION_STATUS: fields.FALSE,
            },
            fields.MQTT: {fields.PORT: twin.port},
            fields.PROVISIONING: {fields.KEYS: key_mode},
        },
        paths.WIFI: {fields.NETWORKS: [{fields.SSID: "workshop", fields.PASSWORD: "any will do"}]},
    }
    claim = image.read_claim(twin.claim_dir, twin.ca_pem_path)
    files = image.board_files(BOARD, documents=documents, claim=claim)
    path.write_bytes(image.build_image(files, BOARD))
    return len(files)


def run(console: Console, key_mode: str) -> None:
    """Provision a fresh board and show the summary. Raises MusterError when it does not come about."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    console.print("[bold]One board, one cloud on this machine, no account.[/bold]\n")
    with running_twin(HOME / "twin") as twin:
        console.print(f"The twin of AWS IoT accepts connections: mqtts://{twin.host}:{twin.port}")
        path = HOME / "flash.img"
        count = _flash(twin, path, key_mode)
        console.print(f"The flash is made: {count} files in {path.stat().st_size // 4096} blocks, LittleFS")
        console.print("The board is switched on. Its console:\n")

        def show(line: str) -> None:
            console.print("  " + line, style="dim", markup=False, soft_wrap=True)

        board = VirtualBoard(path, on_line=show).start()
        try:
            board.wait_for(_LAST, _TIMEOUT_S)
            message = twin.wait_for_publish(topics.booted(topics.DEFAULT_PREFIX, SERIAL), _TIMEOUT_S)
        finally:
            board.stop()
    _summary(console, board.console, image.read_image(path.read_bytes(), BOARD))
    received = time.strftime("%H:%M:%S", time.localtime(message.received_s))
    console.print(f"\n[bold]The twin received[/bold] at {received} on {message.topic}")
    console.print(f"  {message.payload.decode()}", markup=False)
    console.print(
        f"\nThe board's flash stays in {shown(path)}. Look into it, or boot it again:\n"
        f"  {command()} board ls --image {shown(path)}\n"
        f"  {command()} --help",
    )


def _summary(console: Console, printed: str, files: dict[str, bytes]) -> None:
    """Tables of the steps and of the flash."""
    table = Table(title="\nSteps", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("at ms", justify="right")
    table.add_column("took ms", justify="right")
    table.add_column("service")
    table.add_column("step", overflow="fold")
    for step in steps(printed):
        took = "" if step.took_ms is None else str(step.took_ms)
        table.add_row(str(step.at_ms), took, step.service, step.text)
    console.print(table)

    slot = {name: files[f"{paths.CERT}/{name}"] for name in (*slots.FILES, paths.IDENTITY)}
    value = slots.document(slot)
    assert value is not None  # the board has connected with it
    identity = slots.opened(value)
    certificate = x509.load_pem_x509_certificate(slot[paths.CERTIFICATE])
    console.print(f"\n[bold]Thing name[/bold]      {identity.thing_name}")
    console.print(f"[bold]Certificate id[/bold]  {identity.certificate_id}")
    console.print(f"[bold]Valid until[/bold]     {certificate.not_valid_after_utc:%Y-%m-%d}")

    table = Table(title="\nOn the flash (bytes)", title_justify="left", title_style="bold", box=None)
    table.show_header = False
    table.add_column(justify="right")
    table.add_column()
    for name in sorted(files):
        if name.startswith(paths.BASE):
            table.add_row(str(len(files[name])), name)
    code = [data for name, data in files.items() if not name.startswith(paths.BASE)]
    table.add_row(str(sum(map(len, code))), f"{paths.BOOT}, {paths.MAIN} and {paths.LIB} ({len(code)} files)")
    console.print(table)
