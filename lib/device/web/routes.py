"""What the web page asks for, and who may have it. The JSON of each answer: docs/services.md.

Everyone on the network may see what the label on the board says too. The rest needs a log-in, and a change
also the token that only our own page knows: a stranger's page can make a browser send its cookie, not this.
"""

from device.core import documents, fields, paths
from device.core.failures import Failure
from device.core.hosts import is_own_host
from device.runtime.modules import unload
from device.web import facts
from device.web.login import Guesses, Sessions

_COOKIE = "muster"
_PAGE_HEADERS = {"Content-Type": "text/html; charset=utf-8", "Content-Encoding": "gzip"}
_JSON = {"Content-Type": "application/json"}
_LONGEST_PASSWORD_BYTES = 64


class Wrong(Exception):
    """A request that is answered with this status and sentence."""

    def __init__(self, status, text, headers=None):
        super().__init__(text)
        self.status = status
        self.headers = headers


def error(status, text, headers=None):
    """The answer to a request that fails."""
    return {"error": text}, status, headers or {}


class Site:
    """The answers of one board. `web`: core.web.Web; `fault`: what is wrong with web.json, or ""."""

    def __init__(self, service, web, fault):
        self.service = service
        self.state = service.state
        self.names = web.names
        self.password = web.password
        self.fault = fault
        ports = service.state.ports
        self.sessions = Sessions(ports.clock, ports.board.random_bytes)
        self.guesses = Guesses(ports.clock)

    async def answer(self, request, name=""):
        """Answer a request for `/name`."""
        try:
            return await self._answer(request, name)
        except Wrong as wrong:
            return error(wrong.status, str(wrong), wrong.headers)
        except Failure as failure:
            return error(503, str(failure))

    async def _answer(self, request, name):
        if not is_own_host(request.headers.get("Host", ""), self.names):
            return self._elsewhere(name)
        route = _ROUTES.get(name)
        if route is None:
            raise Wrong(404, "there is nothing of this name")
        method, is_private, function = route
        if request.method not in (("GET", "HEAD") if method == "GET" else (method,)):
            raise Wrong(405, "only %s is possible here" % method, {"Allow": method})
        cookie = request.cookies.get(_COOKIE, "")
        token = self.sessions.token(cookie)
        if is_private and token is None:
            raise Wrong(401, "log in first")
        if method == "POST":
            _check_source(request)
            if is_private and request.headers.get("X-Muster-Token") != token:
                raise Wrong(403, "the token of this session is missing: load the page again")
        answer = function(self, request, cookie if token else "")
        return answer if isinstance(answer, tuple) else await answer

    def _elsewhere(self, name):
        """For a browser that believes to be at another host: on our own access point, lead it to the page."""
        address = facts.network(self.state).get("access_point_address")
        if address and not name.startswith("api"):
            return "", 302, {"Location": "http://%s/" % address}
        raise Wrong(421, 'this is not a name of this board: use its address, or "names" in web.json')


def _check_source(request):
    """Refuse what another site's page may send, and bodies that are not a JSON object."""
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    if origin is not None and origin.lower() != "http://" + host.lower():
        raise Wrong(403, "this request comes from another site")
    if (request.content_type or "").split(";")[0].strip().lower() != "application/json":
        raise Wrong(400, "the body must be application/json")


def _body(request):
    """The JSON object that was sent."""
    try:
        value = documents.loads(request.body or b"{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Wrong(400, "the body must be a JSON object")
    return value


def _text(request, name, limit):
    """A string of the JSON object that was sent."""
    value = _body(request).get(name)
    if not isinstance(value, str) or len(value.encode()) > limit:
        raise Wrong(400, '"%s" must be a text of at most %d bytes' % (name, limit))
    return value


def _page(site, request, cookie):
    found = site.state.ports.store.open_file(paths.PAGE)
    if found is None:
        raise Wrong(404, "the page is not on this board: deploy the program again")
    file, size = found
    if request.method == "HEAD":
        file.close()
        file = b""
    return file, 200, dict(_PAGE_HEADERS, **{"Content-Length": str(size)})


def _claim(site, request, cookie):
    return facts.pieces(site, bool(cookie), False), 200, _JSON


def _status(site, request, cookie):
    return facts.pieces(site, True, True), 200, _JSON


async def _login(site, request, cookie):
    if site.password is None:
        raise Wrong(403, "this board has no password: set one with `muster image --web-password-file`")
    password = _text(request, fields.PASSWORD, _LONGEST_PASSWORD_BYTES)
    wait_ms = site.guesses.wait_ms()
    if wait_ms:
        wait_s = (wait_ms + 999) // 1000
        text = "too many wrong passwords: try again in %d s" % wait_s
        raise Wrong(429, text, {"Retry-After": str(wait_s)})
    site.guesses.begin()
    if not await _is_right(site, password.strip().encode()):
        site.service.say("a wrong password from %s" % request.client_addr)
        raise Wrong(403, "the password is wrong")
    site.guesses.right()
    cookie, token = site.sessions.open()
    kept = "%s=%s; HttpOnly; SameSite=Strict; Path=/" % (_COOKIE, cookie)
    return {"token": token}, 200, {"Set-Cookie": kept}


async def _is_right(site, password):
    """Compute the hash of the password while the rest of the program goes on."""
    from device.core import passwords

    iterations, salt, expected = passwords.parsed(site.password)
    is_right = False
    for found in passwords.steps(password, iterations, salt):
        if found is None:
            await site.state.ports.clock.sleep_ms(0)
        else:
            is_right = passwords.same(found, expected)
    unload("device.core.passwords")
    return is_right


def _logout(site, request, cookie):
    site.sessions.close(cookie)
    return "", 204, {"Set-Cookie": "%s=; Max-Age=0; HttpOnly; SameSite=Strict; Path=/" % _COOKIE}


def _log(site, request, cookie):
    after = request.args.get("after", "0")
    if not after.isdigit() or len(after) > 9:
        raise Wrong(400, '"after" must be the number of a line')
    return facts.log_pieces(site, int(after)), 200, _JSON


async def _act(site, request, name, *arguments):
    """Do something rare, with code that is loaded for it."""
    from device.web import actions

    try:
        return await getattr(actions, name)(site, *arguments)
    finally:
        unload("device.web.actions")


def _networks(site, request, cookie):
    return _act(site, request, "networks")


def _wifi(site, request, cookie):
    ssid, password = _text(request, fields.SSID, 32), _body(request).get(fields.PASSWORD)
    if not ssid or not (password is None or isinstance(password, str) and len(password.encode()) <= 64):
        raise Wrong(400, "a network has a name, and a password of at most 64 bytes or none")
    return _act(site, request, "add_network", ssid, password or None)


def _forget(site, request, cookie):
    return _act(site, request, "forget_network", _text(request, fields.SSID, 32))


def _restart(site, request, cookie):
    return _act(site, request, "restart")


def _release(site, request, cookie):
    settings = site.state.settings
    if settings is None or _text(request, "confirm", 128) != settings.serial:
        raise Wrong(400, '"confirm" must be the serial number of this board')
    return _act(site, request, "release")


# path: (method, whether a log-in is needed, function)
_ROUTES = {
    "": ("GET", False, _page),
    "api/claim": ("GET", False, _claim),
    "api/login": ("POST", False, _login),
    "api/logout": ("POST", True, _logout),
    "api/status": ("GET", True, _status),
    "api/log": ("GET", True, _log),
    "api/networks": ("GET", True, _networks),
    "api/wifi": ("POST", True, _wifi),
    "api/wifi/forget": ("POST", True, _forget),
    "api/restart": ("POST", True, _restart),
    "api/release": ("POST", True, _release),
}
