"""Rare requests: log-in and log-out, networks, poll, restart, release. Loaded when needed, then unloaded."""

import asyncio

from device.core import documents, fields, passwords
from device.core.failures import GIVE_UP, Failure
from device.runtime.modules import unload, unload_readers
from device.web.login import COOKIE

_ANSWER_MS = 700  # in which an answer reaches the browser
_SSID_BYTES = 32
_PASSWORD_BYTES = 64
_SERIAL_BYTES = 128
_DONE = "", 204, {}


async def act(site, name, request, cookie, wrong):
    """Answer a request for /api/`name`, which has been checked; `wrong` is the exception for a refusal."""
    if name == "networks":
        return {"networks": _of_wifi("scan", site.state)}, 200, {}
    _check_source(request, wrong)
    sent = _Sent(request.body, wrong)
    if name == "login":
        return await _login(site, sent, request.client_addr, wrong)
    if name == "logout":
        site.sessions.close(cookie)
        return "", 204, _cookie("; Max-Age=0")
    if name == "release":
        return _release(site, sent, wrong)
    if name == "poll":
        return _poll(site, wrong)
    if name == "restart":
        return _restart(site, "restarting, as asked on the page")
    ssid = sent.text(fields.SSID, _SSID_BYTES)
    if not ssid:
        raise wrong(400, "a network has a name")
    try:
        if name == "wifi":
            password = sent.text(fields.PASSWORD, _PASSWORD_BYTES, "")
            _of_wifi("add_network", site.state, ssid, password or None)
        else:
            _of_wifi("forget_network", site.state, ssid)
    except Failure as failure:
        raise wrong(400 if failure.kind == GIVE_UP else 503, str(failure))
    return _DONE


def _check_source(request, wrong):
    """Refuse what another site's page may send."""
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    if origin is not None and origin.lower() != "http://" + host.lower():
        raise wrong(403, "this request comes from another site")
    if (request.content_type or "").split(";")[0].strip().lower() != "application/json":
        raise wrong(400, "the body must be application/json")


class _Sent:
    """The JSON object in the body of a request."""

    def __init__(self, body, wrong):
        self._wrong = wrong
        try:
            self._value = documents.loads(body or b"{}")
        except ValueError:
            self._value = None
        if not isinstance(self._value, dict):
            raise wrong(400, "the body must be a JSON object")

    def text(self, name, limit, default=None):
        """A string of at most `limit` bytes."""
        value = self._value.get(name, default)
        if not isinstance(value, str) or len(value.encode()) > limit:
            raise self._wrong(400, '"%s" must be a text of at most %d bytes' % (name, limit))
        return value


def _cookie(value):
    return {"Set-Cookie": "%s=%s; HttpOnly; SameSite=Strict; Path=/" % (COOKIE, value)}


async def _login(site, sent, address, wrong):
    if site.password is None:
        raise wrong(403, "this board has no password: set one with `muster image --web-password-file`")
    password = sent.text(fields.PASSWORD, passwords.MAX_BYTES)
    wait_ms = site.guesses.wait_ms(address)
    if wait_ms:
        wait_s = (wait_ms + 999) // 1000
        text = "too many wrong passwords: try again in %d s" % wait_s
        raise wrong(429, text, {"Retry-After": str(wait_s)})
    site.guesses.begin(address)
    if not await _is_right(site, password.strip().encode()):
        site.service.warn("a wrong password from %s" % address)
        raise wrong(403, "the password is wrong")
    site.guesses.right(address)
    cookie, token = site.sessions.open()
    return {"token": token}, 200, _cookie(cookie)


async def _is_right(site, password):
    """Compute the hash of the password while the rest of the program goes on."""
    iterations, salt, expected = passwords.parsed(site.password)
    is_right = False
    for found in passwords.steps(password, iterations, salt):
        if found is None:
            await site.state.ports.clock.sleep_ms(0)
        else:
            is_right = passwords.same(found, expected)
    return is_right


def _of_wifi(what, *arguments):
    """Call a function of runtime.wifi_setup."""
    from device.runtime import wifi_setup

    try:
        return getattr(wifi_setup, what)(*arguments)
    finally:
        unload("device.runtime.wifi_setup")
        unload_readers()


def _restart(site, why):
    """Restart the board, after the answer."""
    from device.runtime import leaving

    site.service.say(why)
    asyncio.create_task(leaving.restart(site.state))
    return _DONE


def _release(site, sent, wrong):
    """Put the identity aside, and restart."""
    settings = site.state.settings
    if settings is None or sent.text("confirm", _SERIAL_BYTES) != settings.serial:
        raise wrong(400, '"confirm" must be the serial number of this board')
    from device.runtime import leaving

    try:
        leaving.release(site.state)
    except Failure as failure:
        raise wrong(400, str(failure))
    return _restart(site, "released on the page: the identity is put aside; restarting")


def _poll(site, wrong):
    """Let the service `claim` ask the builder now."""
    claim = site.state.services.get("claim")
    poll_wait_s = getattr(claim, "poll_wait_s", None)
    if not poll_wait_s:
        raise wrong(400, "this board does not wait to be claimed")
    wait_s = poll_wait_s()
    if wait_s:
        text = "the builder was asked a moment ago: try again in %d s" % wait_s
        raise wrong(429, text, {"Retry-After": str(wait_s)})
    asyncio.create_task(_wake(site.state, claim))
    return _DONE


async def _wake(state, service):
    """Wake a service after the answer: it may stop the page to make room for TLS."""
    await state.ports.clock.sleep_ms(_ANSWER_MS)
    service.wake.set()
