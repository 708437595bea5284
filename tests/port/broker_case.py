"""One conversation between device.port.mqtt under MicroPython and a scripted server."""

import json
import ssl
import subprocess
from pathlib import Path
from typing import Any

from tests.port import micro
from tests.port.tls_peer import Authority, Script, Server, server_context

CLIENT = micro.HERE / "mqtt_client.py"
QUICK_ANSWER = {"answer_ms": 1000}  # for what happens once connected
QUICK = {"connect_ms": 2000, "tls_ms": 2000, **QUICK_ANSWER}
Outcome = dict[str, Any]


class Case:
    """Certificates for both sides in `home`, and what the client is told to do."""

    def __init__(self, home: Path, bits: int = 64) -> None:
        self.bits = bits
        self.home = home
        self.authority = Authority(home)
        self.server = self.authority.issue("localhost")
        self.certificate, self.key = self.authority.issue("board")
        self.ca = self.client_ca = self.authority.path
        self.host = "localhost"
        self.port: int | None = None  # the server's own, unless a test says otherwise
        self.newest = ssl.TLSVersion.TLSv1_2
        self.intervals: dict[str, int] = {}
        self.board: dict[str, str] = {}  # settings of the virtual board
        self.silent = False
        self.errors: list[Exception] = []

    def run(self, script: Script, *orders: list[Any]) -> list[Outcome]:
        """What the client printed: how connecting ended, then a document for each order and message."""
        context = None if self.silent else server_context(self.server, self.client_ca, self.newest)
        with Server(context, script) as server:
            outcomes = self._client(self.port or server.port, orders)
        self.errors = server.errors
        return outcomes

    def _client(self, port: int, orders: tuple[list[Any], ...]) -> list[Outcome]:
        path = self.home / "orders.json"
        files = {"ca": self.ca, "certificate": self.certificate, "key": self.key}
        told = {
            **{name: str(value) for name, value in files.items()},
            "host": self.host,
            "port": port,
            "client_id": "SN-1",
            "do": orders,
        }
        path.write_text(json.dumps(told))
        result = subprocess.run(
            [*micro.command(self.bits), "-X", "heapsize=32m", str(CLIENT), str(path)],
            env=micro.environment(intervals=self.intervals, MUSTER_BOARD_JOIN_MS="0", **self.board),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        outcomes = [json.loads(line) for line in result.stdout.splitlines()]
        assert not any("bug" in outcome for outcome in outcomes), result.stdout + result.stderr
        return outcomes


def failure(outcome: Outcome, kind: str, *words: str, refused: bool = False, lost: bool = False) -> None:
    """The outcome is a Failure of this kind with these words; `refused` by the server, `lost` on the way."""
    assert outcome.get("kind") == kind, outcome
    assert (outcome["refused"], outcome["lost"]) == (refused, lost), outcome
    assert "\n" not in outcome["failure"]
    for word in words:
        assert word in outcome["failure"], outcome
