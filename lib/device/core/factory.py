"""What a board and its factory's server say to each other, over HTTPS (docs/factory.md).

The board: POST {"hardware", "serial"}, with the token if there is one. The server: {"claim", "product"}, or
{"error"} and a status that says whether to try again. Loaded once in a board's life.
"""

import json

from device.core import claim_ids, documents, fields, paths
from device.core.failures import AGAIN, GIVE_UP, Failure

_MAX_SHOWN = 120
_MAX_TOKEN = 200
_MAX_PRODUCT = 64
_LATEST_S = 4102444800  # 2100
_REFUSED = (400, 404, 409)  # a person has to change something first


def settings(raw):
    """(address, token or "", Unix seconds or 0) in the bytes of factory.json.

    The time is when the file was written: a board that finds no time server needs it for the server's
    certificate. Raises Failure, which does not show the token.
    """
    if raw is None:
        raise Failure(
            GIVE_UP, paths.FACTORY + " is missing", "run `muster factory --files` and add its files"
        )
    try:
        value = documents.loads(raw)
        address, token = value.get(fields.URL), value.get(fields.TOKEN, "")
        unix_s = value.get(fields.UNIX, 0)
    except (ValueError, AttributeError):
        raise _wrong("is not a JSON object (%d bytes)" % len(raw))
    if not isinstance(address, str) or address[:8] != "https://":
        raise _wrong('has no "%s" that begins with https://' % fields.URL)
    if (
        not isinstance(token, str)
        or len(token) > _MAX_TOKEN
        or not all("!" <= symbol <= "~" for symbol in token)
    ):
        raise _wrong('"%s" must be a text without spaces' % fields.TOKEN)
    if not isinstance(unix_s, int) or isinstance(unix_s, bool) or not 0 <= unix_s < _LATEST_S:
        raise _wrong('"%s" must be Unix seconds' % fields.UNIX)
    return address, token, unix_s


def _wrong(cause):
    return documents.wrong(paths.FACTORY, cause)


def question(hardware, serial):
    """The bytes of the body that asks for a claim ID."""
    return json.dumps({fields.HARDWARE: hardware, fields.SERIAL: serial}).encode()


def answer(status, body):
    """(claim ID, product or "") in the server's answer; raises Failure."""
    try:
        value = documents.loads(body) if body else {}
        told = value.get(fields.ERROR)
        code, product = claim_ids.read(value.get(fields.CLAIM)), value.get(fields.PRODUCT, "")
    except (ValueError, AttributeError):
        told = code = product = None
    if status != 200:
        kind = GIVE_UP if status in _REFUSED else AGAIN
        raise Failure(kind, "the factory gives no claim ID (%d%s)" % (status, _shown(told)))
    if not code or not isinstance(product, str) or len(product) > _MAX_PRODUCT:
        raise Failure(AGAIN, "the factory's answer is not a claim ID", "see what answers at that address")
    return code, product


def _shown(told):
    """The server's own words as they may be printed."""
    if not isinstance(told, str) or not told:
        return ""
    return ": " + "".join([symbol for symbol in told[:_MAX_SHOWN] if " " <= symbol <= "~"])
