"""The folder of the browser's flasher, served to this computer alone.

Browsers allow Web Serial in a secure context only: https, or this computer (W3C, "Secure Contexts", 3.1). The
images are secret, so the address has a random word in it: neither other accounts of this computer nor pages
of other sites can ask for them. Only files that the folder held at the start are answered, by name.
"""

import asyncio
import secrets
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from muster.errors import MusterError
from muster.flashing.web import parts
from muster.flashing.web.folder import IMAGES, MANIFEST

HOST = "127.0.0.1"
PORT = 8448  # the page remembers what it has written by its origin, so that the port should stay
_WORD_BYTES = 16
_KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json"}
_HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'",  # the rest is in the page, wherever it is served
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Server:
    """Serves `folder`; after `start`, `url` is the address of its page. `port` 0: a free one."""

    def __init__(self, folder: Path, port: int = PORT) -> None:
        self._port = port
        self._word = secrets.token_urlsafe(_WORD_BYTES)
        self._files = {f"/{self._word}/{name}": path for name, path in _files(folder).items()}
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        """Raises MusterError when the port is taken."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._guarded(self._answer))
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self._port).start()
        except OSError as error:
            await self.stop()
            raise MusterError(
                f"port {self._port} cannot be used ({error.strerror}): end the program that has it, or "
                "choose another with --port (0: a free one)."
            ) from None
        self._port = self._runner.addresses[0][1]
        self.url = f"http://{HOST}:{self._port}/{self._word}/"

    async def stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    def _guarded(
        self, answer: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if request.host != f"{HOST}:{self._port}":  # another name for this computer: DNS rebinding
                raise web.HTTPForbidden(text="This page is for this computer alone.\n", headers=_HEADERS)
            return await answer(request)

        return guarded

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path + parts.INDEX if request.path.endswith("/") else request.path
        file = self._files.get(path)
        if file is None:
            raise web.HTTPNotFound(text="There is no such file.\n", headers=_HEADERS)
        kind = _KINDS.get(file.suffix, "application/octet-stream")
        return web.FileResponse(file, headers={**_HEADERS, "Content-Type": kind})


def _files(folder: Path) -> dict[str, Path]:
    """{name in the folder: file} of the page, the manifest and the images; links lead nowhere."""
    images = [f"{IMAGES}/{path.name}" for path in sorted((folder / IMAGES).glob("[!.]*"))]
    found = {name: folder / name for name in (*sorted(parts.NAMES), MANIFEST, *images)}
    return {name: path for name, path in found.items() if path.is_file() and not path.is_symlink()}


async def serve(folder: Path, port: int, on_ready: Callable[[str], object]) -> None:
    """Serve until Ctrl-C or SIGTERM; `on_ready(url)` is called once the page is there."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = Server(folder, port)
    await server.start()
    try:
        on_ready(server.url)
        await stop.wait()
    finally:
        await server.stop()
