"""A client of the board's web page, as good or as bad as a test wants it."""

import contextlib
import http.client
import json
import re
import socket
import time
from typing import Any

from device.core import fields, paths
from muster import web_password
from muster.virtual import VirtualBoard

PASSWORD = "correct horse battery"
HASH = web_password.hashed(PASSWORD, "test")
WEB = {paths.WEB: json.dumps({fields.PASSWORD: HASH}).encode()}  # {path on flash: web.json with it}
LIMIT_S = 60
_PAGE = re.compile(r"web +page at http://127\.0\.0\.1:(\d+)/")


def port_of(machine: VirtualBoard, start: int = 0) -> int:
    """The port of the board's page, once it says it."""
    found = _PAGE.search(machine.wait_for(_PAGE, LIMIT_S, start=start))
    assert found
    return int(found[1])


class Browser:
    """Asks for pages, and keeps cookie and token once it is logged in."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.headers: dict[str, str] = {}

    def ask(
        self, method: str, path: str, sent: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers with small letters, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
        body = None if sent is None else sent if isinstance(sent, bytes) else json.dumps(sent).encode()
        own = {"Content-Type": "application/json"} if body is not None else {}
        with contextlib.closing(connection):
            connection.request(method, path, body, {**own, **self.headers, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def get(self, path: str, **headers: str) -> Any:
        """The JSON of an answer that went well."""
        status, _, body = self.ask("GET", path, headers=headers)
        assert status == 200, (path, status, body)
        return json.loads(body)

    def post(self, path: str, sent: object = None, **headers: str) -> int:
        """The status of a change."""
        return self.ask("POST", path, {} if sent is None else sent, headers)[0]

    def log_in(self, password: str = PASSWORD) -> "Browser":
        """Log in; every later request brings cookie and token."""
        status, headers, body = self.ask("POST", "/api/login", {"password": password})
        assert status == 200, (status, body)
        cookie = headers["set-cookie"]
        assert re.fullmatch(r"muster=[0-9a-f]{32}; HttpOnly; SameSite=Strict; Path=/", cookie)
        self.headers = {"Cookie": cookie.split(";")[0], "X-Muster-Token": json.loads(body)["token"]}
        return self

    def raw(self, data: bytes, limit_s: float = LIMIT_S) -> bytes:
        """Everything that the board answers to these bytes until it closes."""
        with socket.create_connection(("127.0.0.1", self.port), limit_s) as plug:
            with contextlib.suppress(OSError):  # it may close before it has read all
                plug.sendall(data)
            return rest_of(plug)


def rest_of(plug: socket.socket) -> bytes:
    """What comes until the board closes; fails when it does not."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while data := plug.recv(4096):
            found += data
    return found


def drip(plug: socket.socket, data: bytes, pause_s: float) -> None:
    """Send byte by byte, until all is sent or the board closes."""
    with contextlib.suppress(OSError):
        for byte in data:
            plug.sendall(bytes([byte]))
            time.sleep(pause_s)
