"""What a board and its builder say to each other, over HTTPS (docs/services.md): register, claim, release.

`what`: one of fields.TO_REGISTER, TO_CLAIM and TO_RELEASE. Loaded when a request is made, and again for its
answer: TLS needs the memory in between. Whatever the builder answers is checked here, and every Failure says
what helps: AGAIN, ask again later; OVER, register again; GIVE_UP, a person has to change something first.
"""

import binascii
import hashlib
import json
from collections import namedtuple

from device.core import claim_ids, documents, fields, paths, pem, topics
from device.core.failures import AGAIN, GIVE_UP, OVER, Failure

FIRST_S = 5

_KEY_BYTES = 16
_DRAWN_BYTES = 64
_MAX_TOKEN = 128
_MAX_SHOWN = 120
_MAX_PEM = 3072
_MAX_HOST = 253
_MAX_TEMPLATE = 36  # AWS IoT: TemplateName
_DAY_S = 86400
_HEXADECIMAL = "0123456789abcdef"
_HOST_SYMBOLS = "abcdefghijklmnopqrstuvwxyz0123456789-."

# What a claimed board gets. certificate, key, root: PEM.
Given = namedtuple("Given", ("certificate", "key", "root", "endpoint", "port", "template"))

# status -> what it means and what helps, for each request; all others are temporary.
_MEANINGS = {
    fields.TO_REGISTER: {
        400: (GIVE_UP, "refuses device.json", "correct it"),
        401: (GIVE_UP, "does not know this product", "correct the product in " + paths.DEVICE),
        404: (GIVE_UP, "is not at this address", "correct the builder in " + paths.CONFIG),
        409: (
            GIVE_UP,
            "knows this claim ID with another key",
            "remove the board there, or give it a new claim ID",
        ),
    },
    fields.TO_CLAIM: {
        400: (GIVE_UP, "refuses the request", "see what answers at that address"),
        401: (GIVE_UP, "does not know this product", "correct the product in " + paths.DEVICE),
        403: (GIVE_UP, "knows this claim ID with another key", "remove the board there"),
        404: (OVER, "does not know this board", "registering again"),
    },
}
_MEANINGS[fields.TO_RELEASE] = dict(_MEANINGS[fields.TO_CLAIM])


def key(raw):
    """The registration key in the bytes of registration.json, "" when there is none."""
    try:
        found = documents.loads(raw)[fields.REGISTRATION_KEY] if raw else ""
    except (ValueError, KeyError, TypeError):
        return ""
    is_one = isinstance(found, str) and len(found) == 2 * _KEY_BYTES
    return found if is_one and all(symbol in _HEXADECIMAL for symbol in found) else ""


def new_key(random_bytes):
    """The bytes of registration.json with a new key.

    Many more bits are drawn than needed, and hashed, because those of a ring oscillator can be biased.
    """
    drawn = hashlib.sha256(random_bytes(_DRAWN_BYTES)).digest()[:_KEY_BYTES]
    return json.dumps({fields.REGISTRATION_KEY: binascii.hexlify(drawn).decode()}).encode()


def request(what, raw, registration_key):
    """(headers, body) of a request: `raw`, the bytes of device.json, tell who asks. Raises Failure."""
    value = claim_ids.document(raw)
    claim, product = value.get(fields.CLAIM), value.get(fields.PRODUCT)
    if not isinstance(claim, str) or not claim:
        raise documents.wrong(paths.DEVICE, "has no claim ID", "let `serialize` make it, or write it there")
    if not isinstance(product, str) or not product:
        raise documents.wrong(paths.DEVICE, 'has no "%s"' % fields.PRODUCT, "the builder needs it: add it")
    if len(product) > _MAX_TOKEN or not all("!" <= symbol <= "~" for symbol in product):
        cause = '"%s" must be a text without spaces, of at most %d characters'
        raise documents.wrong(paths.DEVICE, cause % (fields.PRODUCT, _MAX_TOKEN))
    if what != fields.TO_REGISTER:
        value = {fields.CLAIM: claim}
    value[fields.REGISTRATION_KEY] = registration_key
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + product}
    return headers, json.dumps(value).encode()


def answer(what, status, headers, body):
    """The JSON object of a good answer; raises Failure for any other."""
    value = None
    try:
        value = documents.loads(body) if body else None
    except ValueError:
        pass
    if status != 200:
        kind, cause, advice = _MEANINGS[what].get(status, (AGAIN, "has no answer", ""))
        failure = Failure(kind, "the builder %s (%d%s)" % (cause, status, _told(value)), advice)
        if kind == AGAIN:
            failure.wait_s = _seconds(headers.get("retry-after"))
        raise failure
    if not isinstance(value, dict):
        raise _nonsense("is not a JSON object")
    return value


def said(what, status, headers, body):
    """What a good answer says: to fields.TO_CLAIM what `claimed` returns, to others that it is done."""
    value = answer(what, status, headers, body)
    if what == fields.TO_CLAIM:
        return claimed(value)
    return check_yes(fields.REGISTERED if what == fields.TO_REGISTER else fields.RELEASED, value)


def check_yes(name, value):
    """Raise a Failure unless the answer `value` says that `name` (registered, released) is so."""
    if value.get(name) is not True:
        raise _nonsense('does not say "%s": true' % name)


def claimed(value):
    """What an answer says of the claim: a Given, or None and the delay it asks for: (Given, seconds or 0)."""
    if value.get(fields.CLAIMED) is False:
        return None, _seconds(value.get(fields.DELAY))
    check_yes(fields.CLAIMED, value)
    port = value.get(fields.PORT)
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
        raise _invalid(fields.PORT)
    given = Given(
        _pem(value, fields.CERTIFICATE_PEM, pem.CERTIFICATE),
        _pem(value, fields.PRIVATE_KEY, pem.PRIVATE_KEY),
        _pem(value, fields.ROOT_CA_PEM, pem.CERTIFICATE),
        _host(value.get(fields.ENDPOINT)),
        port,
        _template(value.get(fields.TEMPLATE)),
    )
    return given, 0


def _pem(value, name, label):
    text = value.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= _MAX_PEM:
        raise _invalid(name)
    try:
        pem.to_der(text, label)
    except ValueError as error:
        raise _nonsense("has an invalid %s (%s)" % (name, error))
    if text[:1] != "-":
        raise _invalid(name)  # DER, which no text can hold whole
    return text


def _host(host):
    if (
        not isinstance(host, str)
        or not 0 < len(host) <= _MAX_HOST
        or ".." in host
        or host[0] in "-."
        or not all(symbol in _HOST_SYMBOLS for symbol in host.lower())
    ):
        raise _invalid(fields.ENDPOINT)
    return host


def _template(name):
    if topics.name_fault(name, _MAX_TEMPLATE):
        raise _invalid(fields.TEMPLATE)
    return name


def _invalid(name):
    return _nonsense("has no valid %s" % name)


def _nonsense(what):
    return Failure(AGAIN, "the builder's answer " + what, "see what answers at that address")


def _told(value):
    """The builder's own words as they may be printed."""
    text = value.get(fields.ERROR) if isinstance(value, dict) else None
    if not isinstance(text, str) or not text:
        return ""
    return ": " + "".join([symbol for symbol in text[:_MAX_SHOWN] if " " <= symbol <= "~"])


def _seconds(value):
    """A delay that the builder asks for, at most a day; 0 when it asks for none that can be understood."""
    if isinstance(value, str) and value.isdigit() and len(value) < 10:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return 0
    return min(value, _DAY_S)


def delay_s(polls, limit_s, random_bytes):
    """Seconds until the next poll, after so many `polls`: 5, then doubling up to the limit.

    From the second on it is between half of that and all: a fleet that was switched on together spreads.
    """
    window_s = min(limit_s, FIRST_S << min(polls - 1, 16))
    if polls < 2:
        return window_s
    return window_s - int.from_bytes(random_bytes(2), "big") % (window_s // 2 + 1)
