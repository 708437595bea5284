"""A server that answers as a board does (lib/device/web), with what a test wants it to say.

It is as strict as the board: a session is a cookie, changes need the token, the host must be an address.
"""

import copy
import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from muster import page

PASSWORD = "marker-7Q4K-HWRD-ZX2P"
WIFI_PASSWORD = "marker wifi password"
NOW = 1764000000
PUBLIC = ("board", "claim", "steps", "problems", "services", "session")

CALM: dict[str, Any] = {
    "board": {"kind": "pico_w", "name": "pico_w-e6614c311b7e6f35", "serial": "camera-0001", "version": "1.0"}
    | {"up_s": 7380, "unix": NOW},
    "claim": {"id": "JT08FFQXWQ", "shown": "JT08F-FQXWQ", "product": "", "claimed": True},
    "steps": [
        {"name": "network", "state": "done", "text": "joined its Wi-Fi, 192.168.1.7"},
        {"name": "time", "state": "done", "text": "set by a time server"},
        {"name": "serialize", "state": "done", "text": ""},
        {"name": "provision", "state": "done", "text": "has its identity"},
        {"name": "mqtt", "state": "done", "text": "connected"},
        {"name": "status", "state": "done", "text": "sent at this start"},
    ],
    "problems": [],
    "services": [
        {"name": "network", "built": True, "wanted": True, "state": "running", "text": ""},
        {"name": "web", "built": True, "wanted": True, "state": "running", "text": ""},
        {"name": "provision", "built": True, "wanted": True, "state": "done", "text": ""},
        {"name": "mqtt", "built": True, "wanted": True, "state": "running", "text": ""},
        {"name": "url", "built": False, "wanted": False, "state": "off", "text": ""},
        {"name": "shadow", "built": True, "wanted": False, "state": "off", "text": ""},
    ],
    "session": {"logged_in": False, "has_password": True, "setup": False},
    "identity": {"thing": "camera-0001", "endpoint": "abc123-ats.iot.eu-west-1.amazonaws.com"}
    | {"certificate": "4f6a0c1e93b7d2588ac5e1700d3f9b264f6a0c1e93b7d2588ac5e1700d3f9b26"}
    | {"subject": "CN=AWS IoT Certificate", "from": NOW - 86400, "until": 2524607999, "renews": 0},
    "network": {"ssid": "workshop", "address": "192.168.1.7", "rssi": -58, "known": ["workshop", "attic"]}
    | {"access_point": False},
    "memory": {"free": 98304, "largest": 65536, "flash_free": 655360, "flash_size": 868352}
    | {"tables": {"readings": 312}},
    "restarts": [{"unix": NOW - 7380, "cause": "power-on", "text": ""}]
    + [{"unix": 0, "cause": "watchdog", "text": "the loop has not turned for 5 s in app"}],
    "app": {"state": "running", "error": ""},
}
TROUBLED_STEPS = [
    {"name": "network", "state": "done", "text": "joined its Wi-Fi, 192.168.1.7"},
    {"name": "time", "state": "working", "text": "asking a time server"},
    {"name": "serialize", "state": "off", "text": ""},
    {"name": "provision", "state": "failed", "text": "the claim certificate was refused; next try in 40 s"},
    {"name": "mqtt", "state": "waiting", "text": "for the identity"},
    {"name": "status", "state": "waiting", "text": "for the cloud"},
]
TROUBLES = [
    "the claim certificate was refused: it is revoked or not active. Put new claim credentials on the board",
    "config.json is no JSON object, so all services run; correct it and restart",
]
CRASH = 'Traceback (most recent call last):\n  File "/app/main.py", line 12, in main\nValueError: no sensor'
NETWORKS = [
    ("workshop", -58, False),
    ("guest", -71, True),
    ("workshop", -80, False),
    ("<b>next door", -84, False),
]
LOG = [
    [1, "info", "network", "joined workshop, 192.168.1.7", 812],
    [2, "info", "mqtt", "connected", 3204],
    [3, "warn", "app", "the sensor did not answer", 9120],
]


class Contract:
    """The board's answers. `state` is the whole JSON; tests change it, also while the server runs."""

    def __init__(self) -> None:
        self.state = copy.deepcopy(CALM)
        self.log = copy.deepcopy(LOG)
        self.networks = [{"ssid": ssid, "rssi": rssi, "open": is_open} for ssid, rssi, is_open in NETWORKS]
        self.session = self.token = ""
        self.asked: list[tuple[str, str, Any]] = []  # (method, path, body) of every request
        self.answers: dict[str, tuple[int, Any, dict[str, str]]] = {}  # path -> answer in place of its own
        self.raw: bytes | None = None  # in place of every answer below /api
        self.host = ""

    def answer(self, method: str, path: str, body: Any, headers: Any) -> tuple[int, Any, dict[str, str]]:
        """(status, JSON, headers) of a request below /api/."""
        self.asked.append((method, path, body))
        if headers.get("Host") != self.host:
            return 421, {"error": "this is not the name of the board"}, {}
        if path in self.answers:
            return self.answers[path]
        is_inside = bool(self.session) and f"muster={self.session}" in headers.get("Cookie", "")
        if method == "POST" and path == "login":
            return self._login(body)
        if (method, path) == ("GET", "claim"):
            return 200, self._shown(False, is_inside), {}
        if (method, path) == ("POST", "poll"):
            return 200, {}, {}
        if not is_inside:
            return 401, {"error": "log in first"}, {}
        return self._get(path) if method == "GET" else self._change(path, body, headers)

    def _login(self, body: Any) -> tuple[int, Any, dict[str, str]]:
        if body != {"password": PASSWORD}:
            return 403, {"error": "the password is wrong"}, {}
        self.session, self.token = secrets.token_hex(16), secrets.token_hex(16)
        cookie = f"muster={self.session}; HttpOnly; SameSite=Strict; Path=/"
        return 200, {"token": self.token}, {"Set-Cookie": cookie}

    def _shown(self, everything: bool, is_inside: bool) -> dict[str, Any]:
        value = {name: part for name, part in self.state.items() if everything or name in PUBLIC}
        return value | {"session": {**self.state["session"], "logged_in": is_inside}}

    def _get(self, path: str) -> tuple[int, Any, dict[str, str]]:
        if path == "status":
            return 200, self._shown(True, True), {}
        if path == "networks":
            return 200, {"networks": self.networks}, {}
        if path.startswith("log?after="):
            after = int(path.removeprefix("log?after="))
            last = self.log[-1][0] if self.log else 0
            return 200, {"lines": [line for line in self.log if line[0] > after], "next": last}, {}
        return 404, {"error": "there is no such page"}, {}

    def _change(self, path: str, body: Any, headers: Any) -> tuple[int, Any, dict[str, str]]:
        if headers.get("X-Muster-Token") != self.token:
            return 403, {"error": "the token is missing: load the page again"}, {}
        known = self.state["network"]["known"]
        if path == "wifi":
            known.insert(0, body["ssid"])
        elif path == "wifi/forget":
            known.remove(body["ssid"])
        elif path == "release" and body["confirm"] != self.state["board"]["serial"]:
            return 400, {"error": "confirm is not the serial"}, {}
        elif path in ("logout", "restart", "release"):
            self.session = ""
        return 200, {}, {}


class _Handler(BaseHTTPRequestHandler):
    contract: Contract

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.path.startswith("/api/"):
            self._api(None)
        elif self.path == "/":
            self._send(200, page.built(), {"Content-Type": "text/html", "Content-Encoding": "gzip"})
        else:
            self._send(404, b"", {})

    def do_POST(self) -> None:
        self._api(json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0)))))

    def _api(self, body: Any) -> None:
        status, value, headers = self.contract.answer(
            self.command, self.path.removeprefix("/api/"), body, self.headers
        )
        data = self.contract.raw if self.contract.raw is not None else json.dumps(value).encode()
        self._send(status, data, {"Content-Type": "application/json", **headers})

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


class Server:
    """`with Server() as board: board.url, board.contract`; `stop` and `start` switch it off and on."""

    def __init__(self) -> None:
        self.contract = Contract()
        self._port = 0
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> "Server":
        """Listen; the second time on the same port as before."""
        handler = type("Handler", (_Handler,), {"contract": self.contract})
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._port = self._server.server_address[1]
        self.contract.host = f"127.0.0.1:{self._port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Switch it off; open connections are not kept."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{self.contract.host}/"

    __enter__ = start

    def __exit__(self, *_: object) -> None:
        self.stop()
