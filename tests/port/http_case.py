"""Requests of device.port.http under MicroPython to servers on this computer."""

import contextlib
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.port import micro
from tests.port.tls_peer import LIMIT_S, Authority

CLIENT = micro.HERE / "http_client.py"
QUICK = {"connect_ms": 2000, "tls_ms": 2000, "answer_ms": 1000}
Outcome = dict[str, Any]
Script = Callable[[socket.socket], None]


class Case:
    """What the client has and is told; `authority` signs the servers' certificates."""

    def __init__(self, home: Path, bits: int) -> None:
        self.bits = bits
        self.home = home
        self.authority = Authority(home)
        self.roots = [self.authority.path]
        self.blocks = 128
        self.intervals: dict[str, int] = dict(QUICK)

    def context(self, **options: Any) -> ssl.SSLContext:
        """A server's TLS context without client certificates; options are those of Authority.issue."""
        name = options.pop("name", "localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.authority.issue(name, **options))
        return context

    def run(self, *requests: Outcome) -> list[Outcome]:
        """What each request came to."""
        told = {"roots": [str(root) for root in self.roots], "requests": requests, "blocks": self.blocks}
        path = self.home / "orders.json"
        path.write_text(json.dumps(told))
        result = subprocess.run(
            [*micro.command(self.bits), "-X", "heapsize=32m", str(CLIENT), str(path)],
            env=micro.environment(intervals=self.intervals, MUSTER_BOARD_JOIN_MS="0"),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        outcomes = [json.loads(line) for line in result.stdout.splitlines()]
        assert not any("bug" in outcome for outcome in outcomes), result.stdout + result.stderr
        assert not any(outcome["left"] for outcome in outcomes), "a part of a file was left"
        return outcomes


def heard(plain: socket.socket) -> bytes:
    """The head of a request."""
    found = b""
    while b"\r\n\r\n" not in found:
        part = plain.recv(4096)
        if not part:
            break
        found += part
    return found


def said(data: bytes) -> Script:
    """Answer a request with these bytes and close."""

    def script(plain: socket.socket) -> None:
        heard(plain)
        plain.sendall(data)

    return script


@contextlib.contextmanager
def serving(script: Script, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of a server that follows the script on each connection, one after the other."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # a client soon notices that nobody reads
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.settimeout(LIMIT_S)

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            plain.settimeout(LIMIT_S)
            with contextlib.suppress(OSError, ValueError):
                if context is not None:
                    plain = context.wrap_socket(plain, server_side=True)
                script(plain)
                with contextlib.suppress(OSError):
                    plain.shutdown(socket.SHUT_WR)  # what was sent is not lost to a reset
                    while plain.recv(65536):
                        pass
            plain.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(LIMIT_S)
        listener.close()
