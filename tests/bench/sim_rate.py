"""A simulated fleet of a thousand devices, beside AWS's SDK doing the same for as many."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from muster.errors import MusterError
from muster.layout import REPO
from tests.bench.brokers import process, processor_s, settle, twin_command, twin_port
from tests.bench.common import Bench, Result, Row, Tell, ratio

COUNT = 1000
PARALLEL = 50
LIMIT_S = 600
PEER = "(AWS SDK)"

HOW = f"""\
`muster sim --count {COUNT} --parallel {PARALLEL}` against the twin that it starts, once; every device got
through at the first try, or there would be no figure. A simulated device runs the board's core (settings,
journal, slots, handshake, P-256 key and signing request in Python) over Python's TLS, in one thread. The peer
is AWS's SDK for Python on a twin of its own, {PARALLEL} threads in one process: the same calls for as many
devices, the key by `cryptography`; it keeps no journal, no slots and nothing of the identity. *CPU* of the
client is the processor time of the simulator's or the SDK's process while the devices are at work, *of the
twin* that of the twin's process meanwhile. The rates are those of client and twin on the same cores. The
table gives the time that each step of a simulated device took, with {PARALLEL} of them at once."""


def _json(words: list[str]) -> Any:
    """What a Python module prints. Raises MusterError with its last words when it fails."""
    command = [sys.executable, "-m", *words]
    result = subprocess.run(command, capture_output=True, text=True, cwd=REPO, timeout=LIMIT_S)
    if result.returncode:
        raise MusterError(f"{words[0]} failed: {(result.stderr.strip().splitlines() or ['no word'])[-1]}")
    return json.loads(result.stdout)


def _sdk(home: Path) -> tuple[float, float, float]:
    """(devices a second, ms of the client for each, ms of the twin for each) of AWS's SDK."""
    with process(twin_command(home), twin_port) as (pid, port):
        settle(pid)
        before_s = processor_s(pid)
        words = ["tests.bench.sdk_fleet", str(home), str(port), str(COUNT), str(PARALLEL)]
        seen = _json(words)
        twin_s = processor_s(pid) - before_s
    return COUNT / seen["seconds"], seen["cpu_s"] * 1000 / COUNT, twin_s * 1000 / COUNT


def measure(bench: Bench, tell: Tell) -> Result:
    """Both fleets, one after the other."""
    tell(f"{COUNT} simulated devices")
    words = ["muster", "sim", "--count", str(COUNT), "--parallel", str(PARALLEL), "-o", "json"]
    ours = _json(words)["response"]
    if ours["done"] != COUNT or ours["errors"]:
        raise MusterError(f"the simulated fleet had failure: {ours['errors'][:1]}; is the machine busy?")
    tell(f"{COUNT} devices by AWS's SDK")
    rate, client_ms, twin_ms = _sdk(bench.folder / "sdk")
    figures = (
        ("devices a second", ours["devicesPerSecond"], rate, ""),
        ("CPU for each, client", ours["cpuMsPerDevice"], client_ms, " ms"),
        ("CPU for each, twin", ours["twinCpuMsPerDevice"], twin_ms, " ms"),
    )
    rows = [
        Row(
            f"fleet of {COUNT}, simulated: {what}",
            f"{mine:.1f}{unit}",
            f"{peer:.1f}{unit} {PEER}",
            ratio(mine, peer),
        )
        for what, mine, peer, unit in figures
    ]
    details = [("step of a simulated device", "p50, ms", "p95, ms", "p99, ms")]
    details += [
        (row["step"], *(f"{row[f'p{part}Ms']:.1f}" for part in (50, 95, 99))) for row in ours["times"]
    ]
    return Result("A fleet of a thousand", rows, HOW, details)
