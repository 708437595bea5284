"""A builder for one board: it registers, waits to be told of the claim, and does what a test wants of it."""

import contextlib
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from device.core import fields, paths
from muster.registry import Registry
from muster.twin.server import RunningTwin
from tests.system import mishaps, rig
from tests.system.listeners import server_context, twin_authority

CLAIM = "7423F-FA8DT"
PRODUCT = "marker-product-9Z"
Answer = tuple[int, Any, dict[str, str]]  # status, JSON object or bytes, headers
REGISTER, POLL, RELEASE = "/api/device/register", "/api/device/claim", "/api/device/release"


class Builder:
    """Answers over TLS by the twin's authority.

    `asked`: [(path, body)]; `claimed`: whether the person has claimed the board; `script`: {path: answers
    that come before the regular ones}; `key`: of the board that has registered, None before.
    """

    def __init__(self, twin: RunningTwin, folder: Path) -> None:
        self._twin = twin
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.claimed = False
        self.script: dict[str, list[Answer]] = {}
        self.key: str | None = None
        self.credentials: dict[str, Any] = {}  # how those that it gives differ: mishaps.Claims.make
        self.port = twin.port  # of the endpoint
        self._news = threading.Condition()
        builder = self

        class _Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                authorized = self.headers["Authorization"] == "Bearer " + PRODUCT
                status, value, headers = builder._answer(self.path, body, authorized)
                raw = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                for name, text in {**headers, "Content-Length": str(len(raw))}.items():
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        context = server_context(folder, twin_authority(twin.home))
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.address = f"https://localhost:{self._server.server_address[1]}/api"

    def _answer(self, path: str, body: dict[str, Any], authorized: bool) -> Answer:
        with self._news:
            self.asked.append((path, body))
            self._news.notify_all()
            if not authorized:
                return 401, {fields.ERROR: "unknown product"}, {}
            if self.script.get(path):
                return self.script[path].pop(0)
            return self._regular(path, body)

    def _regular(self, path: str, body: dict[str, Any]) -> Answer:
        assert body[fields.CLAIM] == CLAIM
        key = body[fields.REGISTRATION_KEY]
        if path == REGISTER:
            if self.key not in (None, key):
                return 409, {fields.ERROR: "another key"}, {}
            self.key = key
            return 200, {fields.REGISTERED: True}, {}
        if self.key is None:
            return 404, {fields.ERROR: "not registered"}, {}
        if self.key != key:
            return 403, {fields.ERROR: "wrong key"}, {}
        if path == RELEASE:
            self.claimed = False
            return 200, {fields.RELEASED: True}, {}
        if not self.claimed:
            return 200, {fields.CLAIMED: False, fields.DELAY: 1}, {}
        return 200, self.given(), {}

    def given(self, **changes: Any) -> dict[str, Any]:
        """What a claimed board gets."""
        with contextlib.closing(Registry(self._twin.home.root)) as registry:
            made = mishaps.Claims(self._twin, registry).make(**self.credentials)
        files = {path.rpartition("/")[2]: data.decode() for path, data in made.items()}
        return {
            fields.CLAIMED: True,
            fields.CERTIFICATE_PEM: files[paths.CERTIFICATE],
            fields.PRIVATE_KEY: files[paths.PRIVATE_KEY],
            fields.ROOT_CA_PEM: files[paths.ROOT_CA],
            fields.ENDPOINT: "localhost",
            fields.PORT: self.port,
            fields.TEMPLATE: "CameraProvisioningTemplate",
            **changes,
        }

    def count(self, path: str) -> int:
        """How often it was asked for `path`."""
        return sum(asked == path for asked, _ in self.asked)

    def wait_for(self, path: str, count: int = 1, timeout_s: float = 60) -> None:
        """Wait until it was asked for `path` so often."""
        with self._news:
            assert self._news.wait_for(lambda: self.count(path) >= count, timeout_s), self.asked

    def start(self) -> None:
        """Serve."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def builder(twin: RunningTwin, folder: Path) -> Iterator[Builder]:
    """A builder that runs."""
    found = Builder(twin, folder)
    found.start()
    try:
        yield found
    finally:
        with contextlib.suppress(ssl.SSLError):
            found.stop()


def blank(
    path: Path, twin: RunningTwin, serial: str, address: str, *, limit_s: int = 900, **options: Any
) -> Path:
    """The image of a board that knows its serial and its builder, and nothing of the cloud."""
    documents = rig.documents(1, serial)
    del documents[paths.CONF][fields.DEVICE][fields.ENDPOINT_URL]
    del documents[paths.CONF][fields.MQTT]
    documents[paths.CONFIG] = {
        fields.SERVICES: {},
        fields.API: {fields.BUILDER: address, fields.POLL_LIMIT: limit_s},
    }
    documents[paths.DEVICE] = {fields.CLAIM: CLAIM, fields.PRODUCT: PRODUCT}
    extra = {
        **mishaps.told(**{"intervals": mishaps.PATIENT, **options.pop("told", {})}),
        paths.ROOTS + "/builder.pem": twin.ca_pem_path.read_bytes(),
        **options.pop("extra", {}),
    }
    path.write_bytes(rig.build({**documents, **options.pop("documents", {})}, extra=extra))
    return path
