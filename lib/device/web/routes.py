"""The requests of the web page, and who may make them. The JSON of each answer: docs/services.md.

Everyone on the network may see what the label on the board says too. The rest needs a log-in, and a change
also the token that only our own page knows: a stranger's page can make a browser send its cookie, not this.
"""

from device.core import paths
from device.core.failures import Failure
from device.core.hosts import is_own_host
from device.runtime.modules import unload
from device.web import facts
from device.web.login import COOKIE, Guesses, Sessions

_PAGE_HEADERS = {"Content-Type": "text/html; charset=utf-8", "Content-Encoding": "gzip"}
_JSON = {"Content-Type": "application/json"}
_LOG_MAX_DIGITS = 9

# What a page requests all the time is here; rare requests are loaded from device.web.actions.
_CHANGES = ("logout", "wifi", "wifi/forget", "restart", "release")
_FREE = ("login", "poll")  # the service `claim` limits how often it can be asked to poll
_GET = ("GET", "HEAD")


class Wrong(Exception):
    """A request that is answered with this status and sentence."""

    def __init__(self, status, text, headers=None):
        super().__init__(text)
        self.status = status
        self.headers = headers


class Site:
    """The answers of one board. `web`: core.web.Web."""

    def __init__(self, service, web):
        self.service = service
        self.state = service.state
        self.names = web.names
        self.password = web.password
        self.claim = None  # claim ID and product, once they are known
        self.certificate = None  # (id, subject, from, until), once it has been read
        ports = service.state.ports
        self.sessions = Sessions(ports.clock, ports.board.random_bytes)
        self.guesses = Guesses(ports.clock)

    async def answer(self, request):
        """What microdot makes a response of: (body, status, headers)."""
        try:
            return await self._answer(request)
        except Wrong as wrong:
            return {"error": str(wrong)}, wrong.status, wrong.headers or {}
        except Failure as failure:
            return {"error": str(failure)}, 503, {}
        except Exception as error:
            self.service.bug(error)
            return {"error": "the program of the board failed: see its console"}, 500, {}

    async def _answer(self, request):
        headers, path = request.headers, request.path
        host = headers.get("Host", "")
        if not is_own_host(host, self.names):
            self._elsewhere(path, host.partition(":")[2])
        name = path[5:] if path.startswith("/api/") else None
        is_change = name in _CHANGES
        _check_method(request.method, ("POST",) if is_change or name in _FREE else _GET)
        cookie = request.cookies.get(COOKIE, "")
        token = self.sessions.token(cookie)
        if path == "/":
            return self._page(request.method)
        if name == "claim":
            return facts.pieces(self, token is not None, False), 200, _JSON
        if is_change or name in ("status", "log", "networks"):
            if token is None:
                raise Wrong(401, "log in first")
            self.state.networking.touch()  # the access point stays open
            if is_change and headers.get("X-Muster-Token") != token:
                raise Wrong(403, "the token of this session is missing: load the page again")
            if name == "status":
                return facts.pieces(self, True, True), 200, _JSON
            if name == "log":
                return self._log(request.args.get("after", "0"))
        elif name not in _FREE:
            raise Wrong(404, "there is nothing of this name")
        return await self._act(name, request, cookie)

    def _elsewhere(self, path, port):
        """For a request that names another host: on our own access point, redirect it to the page.

        A phone asks for its maker's page to see whether it is online, and opens what it is sent to.
        """
        opened = self.state.networking.access_point
        if opened and not path.startswith("/api") and (not port or port.isdigit()):
            raise Wrong(302, "", {"Location": "http://%s%s/" % (opened[1], port and ":" + port)})
        raise Wrong(421, 'this is not a name of this board: use its address, or "names" in web.json')

    def _page(self, method):
        found = self.state.ports.store.open_file(paths.PAGE)
        if found is None:
            raise Wrong(404, "the page is not on this board: deploy the program again")
        file, size = found
        if method == "HEAD":
            file.close()
            file = b""
        return file, 200, dict(_PAGE_HEADERS, **{"Content-Length": str(size)})

    def _log(self, after):
        if not after.isdigit() or len(after) > _LOG_MAX_DIGITS:
            raise Wrong(400, '"after" must be the number of a line')
        return facts.log_pieces(self, int(after)), 200, _JSON

    async def _act(self, name, request, cookie):
        """Answer a rare request, with code that is loaded for it."""
        from device.web import actions

        try:
            return await actions.act(self, name, request, cookie, Wrong)
        finally:
            unload("device.web.actions", "device.core.passwords")


def _check_method(method, possible):
    if method not in possible:
        raise Wrong(405, "only %s is possible here" % possible[0], {"Allow": possible[0]})
