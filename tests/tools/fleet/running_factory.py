"""A factory's server in a thread of its own, and boards that ask it."""

import asyncio
import contextlib
import http.client
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from muster.enrolment.secrets import Vault
from muster.fleet import groups, handing_out
from muster.fleet.factory_server import PATH, FactoryServer, Settings
from muster.registry import Registry, waiting
from muster.twin import pki
from muster.twin.settings import Home

LIMIT_S = 20
GROUP = "cameras"


class Answer(NamedTuple):
    """What a board got."""

    status: int
    document: dict[str, Any]
    headers: dict[str, str]


class Factory:
    """A running server. `said`: its lines; `passes_s` is added to its clock."""

    def __init__(self, home: Path, options: dict[str, Any]) -> None:
        self.home = home
        self.said: list[str] = []
        self.passed_s = 0.0
        self.port = 0
        self._options = options
        self._ready = threading.Event()
        self._stop: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self.errors: list[object] = []
        self.thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(lambda _, context: self.errors.append(context))
        count = self._options.pop("count", 100)
        existing = self._options.pop("existing", False)
        network = self._options.pop("network", None)
        networks = (ipaddress.ip_network(network),) if network else ()
        with contextlib.closing(Registry(self.home, waiting.BUSY_MS)) as registry:
            desk = handing_out.Desk(registry, GROUP, count, existing)
            settings = Settings("127.0.0.1", 0, networks, **self._options)
            server = FactoryServer(
                Home(self.home), registry, desk, settings, self.said.append, lambda: self.passed_s
            )
            await server.start()
            self.port = server.port
            self._ready.set()
            await self._stop.wait()
            await server.stop()

    def start(self) -> None:
        """Return once it listens."""
        self.thread.start()
        assert self._ready.wait(LIMIT_S)

    def stop(self) -> None:
        """Return once it has ended."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self.thread.join(LIMIT_S)
        assert not self.thread.is_alive()
        assert self.errors == []

    def connection(self) -> http.client.HTTPSConnection:
        """A client that trusts the CA of the home."""
        context = ssl.create_default_context(cafile=str(Home(self.home).ca_pem))
        return http.client.HTTPSConnection("localhost", self.port, context=context, timeout=LIMIT_S)

    def ask(
        self, hardware: object, serial: object = "", token: str = "", body: bytes | None = None, **more: str
    ) -> Answer:
        """Ask as a board does; `more` are headers."""
        if body is None:
            body = json.dumps({"hardware": hardware, "serial": serial}).encode()
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **more}
        with contextlib.closing(self.connection()) as connection:
            connection.request("POST", PATH, body, headers)
            got = connection.getresponse()
            return Answer(got.status, json.loads(got.read()), dict(got.getheaders()))


def prepare(home: Path) -> None:
    """A registry with a group, and the server's certificate."""
    with contextlib.closing(Registry(home)) as registry:
        groups.add(registry, Vault(home), GROUP, 0)
    place = Home(home)
    pki.Authority(place, "ec").ensure_pair("localhost", place.factory_pem, place.factory_key)


@contextlib.contextmanager
def running(home: Path, **options: Any) -> Iterator[Factory]:
    """A server for the group, until the block ends."""
    if not (home / "registry.db").exists():
        prepare(home)
    factory = Factory(home, options)
    factory.start()
    try:
        yield factory
    finally:
        factory.stop()
