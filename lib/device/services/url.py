"""HTTP and HTTPS for the application and for other services; runtime.fetching does the work."""

import asyncio

from device.core import paths
from device.core.failures import GIVE_UP, Failure
from device.runtime.service import Service

_FILE_BYTES = 262144
_BODY_BYTES = 4096


class Url(Service):
    """Answers are (status, headers, body); everything that goes wrong is a Failure."""

    ROOM_BYTES = 60000

    async def run(self):
        self.ready.set()
        await asyncio.Event().wait()  # whoever calls the methods below does the work

    async def get(self, address, headers=None, limit_bytes=_BODY_BYTES):
        """The answer to a GET, with a body of at most `limit_bytes` (16384 is the most)."""
        return await self.request("GET", address, headers, None, limit_bytes)

    async def post(self, address, body, headers=None, limit_bytes=_BODY_BYTES):
        """The answer to a POST of `body`, bytes."""
        return await self.request("POST", address, headers, body, limit_bytes)

    async def request(self, method, address, headers=None, body=None, limit_bytes=_BODY_BYTES):
        """The answer to any other request."""
        from device.runtime.fetching import Request

        return await Request(self.state, method, address, headers, body, None, limit_bytes).answer()

    async def download(self, address, path, headers=None, limit_bytes=_FILE_BYTES):
        """Replace the file at `path` by what a GET brings; the answer's body is its number of bytes.

        After a power cut, a failure, or a status other than 2xx the old file is there.
        """
        if path[:1] != "/" or any(part in ("", ".", "..") for part in path[1:].split("/")):
            raise Failure(GIVE_UP, "%s is not a full path" % path, "begin it with /")
        if path.startswith(paths.BASE) or path.startswith(paths.LIB) or path in (paths.BOOT, paths.MAIN):
            raise Failure(GIVE_UP, "%s belongs to the board itself" % path, "choose another folder")
        from device.runtime.fetching import Request

        return await Request(self.state, "GET", address, headers, None, path, limit_bytes).answer()


SERVICE = Url
