"""A whole twin: its files, its registry, its broker; inside an event loop, or beside a test in a thread."""

import asyncio
import contextlib
import errno
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from device.core import paths
from muster.enrolment.registrar import Registrar
from muster.errors import MusterError
from muster.registry import Registry, waiting
from muster.registry.boots import Boot
from muster.registry.failures import BusyError, RegistryError
from muster.twin import filters, tls
from muster.twin import home as home_folder
from muster.twin.claiming import Claiming
from muster.twin.engine import Engine
from muster.twin.issued_keys import Credentials
from muster.twin.keypool import KeyPool
from muster.twin.provisioning import Provisioning
from muster.twin.router import Published
from muster.twin.rules import Logs
from muster.twin.settings import Home, Settings

if TYPE_CHECKING:
    from muster.twin.https.server import HttpSide

_KEPT_MESSAGES = 10_000
_START_WAIT_S = 60
_log = logging.getLogger("muster.twin")


class _Write(NamedTuple):
    """What is to be stored, in words and as what stores it."""

    what: str
    function: Callable[[], None]


class Twin:
    """A twin for `async` code: `await twin.start()`, then `.port`, then `await twin.stop()`.

    `registry` belongs to the thread that created the Twin.
    """

    def __init__(self, home: Path, settings: Settings | None = None, keeps_messages: bool = False) -> None:
        """Prepare the home folder. Raises MusterError when it cannot be written, or a twin runs in it.

        `keeps_messages`: what was published to ordinary topics can be read in `messages`.
        """
        self.settings = settings or Settings()
        self.home = Home(Path(home))
        self._lock = home_folder.locked(self.home)
        try:
            self.authority = home_folder.prepare(self.home.root, self.settings)
            self.logs = Logs(self.settings, self.home.logs)
            self.registry = Registry(self.home.root, busy_ms=waiting.BUSY_MS)
        except BaseException:
            os.close(self._lock)
            raise
        self.credentials = Credentials(self.settings)
        self.claiming = Claiming(self.registry, self.authority, self.settings)
        self._http: HttpSide | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.messages: deque[Published] = deque(maxlen=_KEPT_MESSAGES if keeps_messages else 0)
        self._arrived = threading.Condition()
        self._pool = KeyPool(self.settings.key_pool)
        self._engine: Engine | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._writers: set[asyncio.Task[None]] = set()
        self._unwritten: list[_Write] = []

    @property
    def engine(self) -> Engine:
        """The broker of a started twin."""
        assert self._engine is not None, "the twin has not been started"
        return self._engine

    @property
    def port(self) -> int:
        """The MQTT port of a started twin."""
        return self.engine.port

    @property
    def https_port(self) -> int | None:
        """The port for what boards ask over HTTPS, of a started twin; None: off."""
        return None if self._http is None else self._http.devices_port

    @property
    def page_port(self) -> int | None:
        """The port of the page for people, of a started twin; None: off."""
        return None if self._http is None else self._http.page_port

    @property
    def page_url(self) -> str | None:
        """The address of the page for people; None: off."""
        port = self.page_port
        host = self.settings.url_host if self.settings.page_bind else "127.0.0.1"
        return None if port is None else f"http://{host}:{port}/"

    @property
    def url(self) -> str:
        """mqtts://NAME:PORT."""
        return f"mqtts://{self.settings.url_host}:{self.port}"

    @property
    def builder_url(self) -> str | None:
        """The builder's address, as it stands in a board's config.json; None: off."""
        port = self.https_port
        return None if port is None else f"https://{self.settings.url_host}:{port}/api"

    async def start(self) -> None:
        """Accept connections. Raises MusterError when the port is taken or the hook cannot be loaded."""
        try:
            await self._listen()
        except BaseException:
            self._release()
            raise
        self._loop = asyncio.get_running_loop()
        self._pool.start()
        self._watcher = asyncio.create_task(self._watch())

    async def _listen(self) -> None:
        context = tls.server_context(self.home, self.settings.require_sni)
        self._registrar = Registrar(self.registry, self.home.root, self.settings)
        provisioning = Provisioning(
            self.registry, self.authority, self._pool, self.settings, self._registrar, self.claiming
        )
        self._engine = Engine(
            self.settings,
            self.registry,
            context,
            provisioning,
            self._observe,
            lambda certificate_id: self._write("a connection", lambda: self._connected(certificate_id)),
            self._settle,
            self.home.sessions,
        )
        try:
            await self._engine.start()
        except Exception as error:
            raise MusterError(
                f"the twin cannot listen on port {self.settings.mqtt_port} ({_reason(error)}):"
                " choose another with --mqtt-port, or 0 for a free one"
            ) from error
        if (self.settings.https_port, self.settings.page_port) != (None, None):
            await self._listen_http()

    async def _listen_http(self) -> None:
        from muster.twin.https.server import HttpSide  # aiohttp takes a quarter of a second to load

        self._http = HttpSide(self)
        try:
            await self._http.start()
        except BaseException:
            await self.engine.shutdown()
            raise

    def send(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Send a message to whoever has subscribed, such as a command to a board; from any thread."""
        assert self._loop is not None, "the twin has not been started"
        self._loop.call_soon_threadsafe(lambda: self.engine.send(topic, payload, retain=retain))

    async def serve(self, stop: asyncio.Event) -> None:
        """Wait for `stop`. Raises MusterError when the twin can no longer watch the registry."""
        assert self._watcher is not None, "the twin has not been started"
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((stopped, self._watcher), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if self._watcher.done():
            raise MusterError(
                f"the twin ends, because it no longer sees revocations ({self._watcher.exception()!r}): "
                "start it again"
            )

    async def stop(self) -> None:
        """Close every connection and give the home folder free."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        self._pool.stop()
        if self._http is not None:
            await self._http.stop()
        await self.engine.shutdown()
        self._settle()
        for task in self._writers:
            task.cancel()
        await asyncio.gather(*self._writers, return_exceptions=True)
        self._release()

    def _release(self) -> None:
        self.registry.close()
        self.logs.close()
        os.close(self._lock)

    async def _watch(self) -> None:
        """Every tenth of a second: revocations by whomever, certificates that ended, tokens that ran out.

        A registry that cannot be used is told once, and looked at again in the next round.
        """
        told = ""
        while True:
            await asyncio.sleep(self.settings.watch_s)
            try:
                self.engine.drop_inactive()
                if not self.registry.is_awaited:  # else another process writes, and so does not revoke
                    self.registry.certificates.delete_unclaimed(self.settings.clock())
                    told = ""
            except BusyError:
                continue
            except RegistryError as error:
                if str(error) != told:
                    _log.warning("revocations and ended tokens are not seen: %s", error)
                told = str(error)

    def _observe(self, message: Published) -> None:
        serial = filters.booted_serial(message.topic)
        if serial is not None:
            boot = Boot(serial, message.topic, message.payload, message.received_s)
            self._write("a boot status", lambda: self.registry.boots.put(boot))
        self.logs.take(message)
        if self.messages.maxlen:
            with self._arrived:
                self.messages.append(message)
                self._arrived.notify_all()

    def _connected(self, certificate_id: str) -> None:
        self._registrar.connected(certificate_id)
        self.claiming.connected(certificate_id)

    def _write(self, what: str, function: Callable[[], None]) -> None:
        """Write in this turn of the loop, or as soon as no other process writes; nobody waits for it."""
        if not self._unwritten:
            asyncio.get_running_loop().call_soon(self._settle)
        self._unwritten.append(_Write(what, function))

    def _settle(self) -> None:
        """Write what came in this turn of the loop in one transaction, because each one costs."""
        if not self._unwritten:
            return
        writes, self._unwritten = self._unwritten, []
        with contextlib.suppress(BusyError):
            if not self.registry.is_awaited:
                self._store(writes)
                return
        task = asyncio.create_task(self._write_later(writes))
        self._writers.add(task)
        task.add_done_callback(self._writers.discard)

    async def _write_later(self, writes: "list[_Write]") -> None:
        try:
            await self.registry.patiently(lambda: self._store(writes))
        except BusyError as error:
            _not_stored(writes, error)

    def _store(self, writes: "list[_Write]") -> None:
        """All in one transaction; if one of them fails, each in its own, so that it harms no other client.

        Raises BusyError while another process writes.
        """
        try:
            with self.registry.transaction():
                for write in writes:
                    write.function()
        except BusyError:
            raise
        except Exception as error:
            if len(writes) == 1:
                _not_stored(writes, error)
                return
            for write in writes:
                self._store([write])

    def wait_for_publish(self, topic: str, timeout_s: float = 30, count: int = 1) -> Published:
        """Wait in another thread until `topic` was published to `count` times; the count-th message.

        Raises TimeoutError.
        """

        def found() -> list[Published]:
            return [message for message in self.messages if message.topic == topic]

        with self._arrived:
            if not self._arrived.wait_for(lambda: len(found()) >= count, timeout_s):
                raise TimeoutError(f"nothing was published to {topic} within {timeout_s} s")
            return found()[count - 1]


def _not_stored(writes: list[_Write], error: Exception) -> None:
    mistake = None if isinstance(error, RegistryError) else error
    for what in dict.fromkeys(write.what for write in writes):
        _log.warning("%s was not stored: %s", what, error, exc_info=mistake)


def _reason(error: Exception) -> str:
    cause = error.__cause__ or error
    number = cause.errno if isinstance(cause, OSError) else None
    return "another program uses it" if number == errno.EADDRINUSE else str(cause)


class RunningTwin:
    """A twin in a thread of its own, as a test sees it."""

    def __init__(self, twin: Twin, registry: Registry) -> None:
        self._twin = twin
        self.registry = registry  # of the test's thread
        self.settings = twin.settings
        self.home = twin.home
        self.host = twin.settings.host
        self.port = twin.port
        self.https_port = twin.https_port
        self.credentials = twin.credentials
        self.page_port = twin.page_port
        self.page_url = twin.page_url
        self.builder_url = twin.builder_url
        self.ca_pem_path = twin.home.ca_pem
        self.claim_dir = twin.home.claim_dir
        self.claim_certificate_path = twin.home.claim_dir / paths.CERTIFICATE
        self.claim_key_path = twin.home.claim_dir / paths.PRIVATE_KEY

    @property
    def messages(self) -> list[Published]:
        """What was published to ordinary topics so far."""
        return list(self._twin.messages)

    def send(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Send a message to whoever has subscribed, such as a command to a board."""
        self._twin.send(topic, payload, retain)

    @property
    def client_ids(self) -> list[str]:
        """Who is connected now."""
        return [connection.client_id for connection in self._twin.engine.connections]

    def wait_for_publish(self, topic: str, timeout_s: float = 30, count: int = 1) -> Published:
        """Wait until `topic` was published to `count` times; the count-th message. Raises TimeoutError."""
        return self._twin.wait_for_publish(topic, timeout_s, count)


@contextlib.contextmanager
def running_twin(home: Path, settings: Settings | None = None) -> Iterator[RunningTwin]:
    """Run a twin in a background thread for the length of the block."""
    started: deque[Twin | BaseException] = deque()
    ready, finish = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=_thread, args=(Path(home), settings, started, ready, finish), name="twin", daemon=True
    )
    thread.start()
    deadline_s = time.monotonic() + _START_WAIT_S
    if not ready.wait(deadline_s - time.monotonic()):
        raise MusterError(f"the twin did not start within {_START_WAIT_S} s")
    twin = started[0]
    if isinstance(twin, BaseException):
        raise twin
    registry = Registry(twin.home.root)
    try:
        yield RunningTwin(twin, registry)
    finally:
        registry.close()
        finish.set()
        thread.join()


def _thread(
    home: Path,
    settings: Settings | None,
    started: "deque[Twin | BaseException]",
    ready: threading.Event,
    finish: threading.Event,
) -> None:
    async def run() -> None:
        twin = Twin(home, settings, keeps_messages=True)
        await twin.start()
        started.append(twin)
        ready.set()
        stop = asyncio.Event()
        waiter = asyncio.create_task(asyncio.to_thread(finish.wait))
        waiter.add_done_callback(lambda _: stop.set())
        try:
            await twin.serve(stop)
        finally:
            await twin.stop()

    try:
        asyncio.run(run())
    except BaseException as error:
        if ready.is_set():
            raise
        started.append(error)
    ready.set()
