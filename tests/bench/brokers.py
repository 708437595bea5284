"""The twin and Mosquitto as processes of their own, and how much processor time they take."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

START_S = 30
QUIET_S = 0.3


def processor_s(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """The memory of a process that is in RAM."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has ended")


def settle(pid: int) -> None:
    """Wait until a process has little to do: the twin makes RSA keys ahead, and after a round refills."""
    end_s = time.monotonic() + START_S
    while time.monotonic() < end_s:
        before_s = processor_s(pid)
        time.sleep(QUIET_S)
        if processor_s(pid) - before_s < QUIET_S / 10:
            return


@contextmanager
def process(command: list[str], port: Callable[["subprocess.Popen[str]"], int]) -> Iterator[tuple[int, int]]:
    """(pid, port) of a broker that is ready, for the length of the block."""
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield running.pid, port(running)
    finally:
        running.terminate()
        running.communicate(timeout=START_S)


def twin_command(home: Path) -> list[str]:
    """The words that start a twin on a free port."""
    return [
        sys.executable,
        "-m",
        "muster",
        "twin",
        "run",
        "--no-throttle",
        "--mqtt-port",
        "0",
        "--home",
        str(home),
    ]


def twin_port(running: "subprocess.Popen[str]") -> int:
    """The port in the line that a twin prints when it is ready."""
    assert running.stdout is not None
    return int(running.stdout.readline().rsplit(":", 1)[1])


def mosquitto() -> str | None:
    """The program, or None where it is not installed."""
    return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")


def mosquitto_command(program: str, home: Path, folder: Path) -> tuple[list[str], int]:
    """(words that start it, port) with the twin's CA and server certificate; its settings go to `folder`."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    lines = [
        f"listener {port} 127.0.0.1",
        f"cafile {home / 'ca.pem'}",
        f"certfile {home / 'server.pem'}",
        f"keyfile {home / 'server.key'}",
        "require_certificate true",
        "allow_anonymous true",
        "persistence false",
        "set_tcp_nodelay true",
        "log_dest none",
        *(["user root"] if os.getuid() == 0 else []),
    ]
    config = folder / "mosquitto.conf"
    config.write_text("\n".join([*lines, ""]))
    return [program, "-c", str(config)], port


def listening(port: int) -> Callable[["subprocess.Popen[str]"], int]:
    """What waits until `port` takes connections, and returns it."""

    def wait(running: "subprocess.Popen[str]") -> int:
        end_s = time.monotonic() + START_S
        while time.monotonic() < end_s and running.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return port
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("mosquitto did not start")

    return wait
