"""Keys for AWS (IAM credentials), for services that call it by HTTPS.

They are fetched with the board's own certificate, are only in memory, and are renewed at 80 % of their life.
A service with NEEDS = ("keys",) gets them by `await state.services["keys"].signed(...)`. Without a role alias
in config.json this service is done at once: its condition is DONE, and there is no `current`.
"""

import asyncio

from device.core import fields, paths
from device.core.failures import AGAIN, GIVE_UP, Failure, Refused
from device.runtime.modules import unload, unload_passing, unload_readers
from device.runtime.service import FAILING, Service

_ANSWER_MS = 110000  # longer than a turn for TLS may take
_WAIT_MS = 120000
_REST_MS = 60000  # between two requests, however short the keys' life is


class Keys(Service):
    """Holds the keys of one role alias."""

    NEEDS = ("provision",)
    IN_CLOUD = True

    def __init__(self, name, state):
        super().__init__(name, state)
        self._keys = None
        self._end_ms = 0  # of clock.ms, which a correction of the time does not change
        self._came = asyncio.Event()
        self._wanted = asyncio.Event()  # new ones, before it is time

    async def run(self):
        place = self._place()
        if place is None:
            return
        clock, board = self.state.ports.clock, self.state.ports.board
        while True:
            self._wanted.clear()
            wait_ms = await self._fetch(*place)
            self.ready.set()
            rest_ms = board.interval("keys_ms", _REST_MS)
            await clock.sleep_ms(rest_ms)
            await clock.wait(self._wanted.wait(), max(0, wait_ms - rest_ms))

    def _place(self):
        """What config.json says. Not within `run`, whose locals would keep the module alive."""
        from device.core import board_config

        found = board_config.keys(self.state.ports.store.read(paths.CONFIG))
        unload_readers()
        return found

    async def current(self, refused=None):
        """The core.credentials.Keys to sign with; waits for them, and raises Failure if none come.

        Ask for each request. `refused`: keys that AWS does not accept any more; others are fetched.
        """
        clock = self.state.ports.clock
        if self._keys is not None and (self._keys is refused or clock.ms() >= self._end_ms):
            self._keys = None
            self._came.clear()
            self._wanted.set()
        if self._keys is None and self.condition != FAILING:
            await clock.wait(self._came.wait(), _WAIT_MS)
        if self._keys is None:
            why = self.failure
            raise why if isinstance(why, Failure) else Failure(AGAIN, "there are no keys for AWS yet")
        return self._keys

    async def signed(self, method, address, headers, body, place):
        """(headers to send, the Keys they are signed with) for a request to AWS.

        `headers`: {name: value}; `body`: bytes; `place`: (region, service). The address has no query.
        """
        from device.core import http, sigv4

        keys = await self.current()
        url = http.url(address)
        named = list(headers.items()) + [("Host", http.host(url))]
        unix_s = self.state.ports.clock.unix()
        added = sigv4.signed(method, url.target, (), named, sigv4.digest(body), unix_s, place, keys)
        sent = dict(headers)
        sent.update(added)
        unload("device.core.sigv4", "device.core.hmac256", "device.core.calendar", "device.core.http")
        return sent, keys

    async def _fetch(self, alias, host, port):
        """Get new keys; return in how many milliseconds it is time for others."""
        from device.core import credentials
        from device.runtime.fetching import Request

        state = self.state
        clock = state.ports.clock
        if state.identity is None:
            raise Failure(AGAIN, "the board has no identity now")
        headers = {fields.THING_NAME_HEADER: state.identity.thing_name}
        address = credentials.address(alias, host, port)
        try:
            await state.networking.join()
            request = Request(
                state, "GET", address, headers, limit_bytes=credentials.MAX_BYTES, files=self._files
            )
            got = await request.answer(_ANSWER_MS)
            now_s = clock.unix()
            self._keys = credentials.keys(got.status, got.body, alias, now_s)
            life_s = self._keys.expires_s - now_s
            wait_ms = credentials.renew_ms(life_s)
        except Refused as failure:
            raise failure.advised("see whether the certificate of this board is active")
        finally:
            unload("device.core.credentials")
            unload_passing()
            unload_readers()
        self._end_ms = clock.ms() + life_s * 1000
        self._came.set()
        self.say("for role alias %s, valid for %d s" % (alias, life_s))
        return wait_ms

    def _files(self):
        """What the board shows to the credentials provider: its certificate, and the key for it."""
        files = {}
        for name in (paths.CERTIFICATE, paths.PRIVATE_KEY):
            files[name] = self.state.ports.store.read(paths.CERT + "/" + name)
            if not files[name]:
                raise Failure(GIVE_UP, "%s/%s is missing or empty" % (paths.CERT, name))
        return files


SERVICE = Keys
