"""Claim IDs: the random code by which a person claims a board, kept in device.json.

Ten symbols of Crockford's base 32 (no I, L, O, U) hold 50 random bits, sixteen hold 80. What is shown to
people has Crockford's check symbol at its end: it detects one wrong symbol, and two neighbours in the
wrong order.
"""

import hashlib
import json

from device.core import documents, fields, paths

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SHORT = 10
LONG = 16
MAX_BYTES = 4096  # of device.json
_CHECKS = ALPHABET + "*~$=U"  # the check symbol is the number modulo 37
_ALIKE = (("O", "0"), ("I", "1"), ("L", "1"))
_DRAWN_BYTES = 64


def new(length, random_bytes):
    """A random code of `length` symbols; `random_bytes(n)` gives bytes from the hardware.

    The bits of a ring oscillator (Pico W) can be biased, so many more are read than needed, and hashed. A
    symbol is 5 whole bits of the digest: all are equally likely.
    """
    drawn = hashlib.sha256(random_bytes(_DRAWN_BYTES)).digest()
    return "".join([ALPHABET[byte & 31] for byte in drawn[:length]])


def read(text):
    """The code that `text` shows, or "" when it is none. Dashes, case, O/0 and I/L/1 do not matter."""
    if not isinstance(text, str):
        return ""
    code = text.upper().replace("-", "").replace(" ", "")
    given = ""
    if len(code) in (SHORT + 1, LONG + 1):
        code, given = code[:-1], code[-1]
    for wrong, right in _ALIKE:
        code, given = code.replace(wrong, right), given.replace(wrong, right)
    if len(code) not in (SHORT, LONG) or not all(symbol in ALPHABET for symbol in code):
        return ""
    return code if given in ("", check(code)) else ""


def check(code):
    """The check symbol of a code."""
    number = 0
    for symbol in code:
        number = (number * 32 + ALPHABET.index(symbol)) % 37
    return _CHECKS[number]


def shown(code):
    """The code in groups for people, with its check symbol: 7423F-FA8DT-N."""
    size = 5 if len(code) == SHORT else 4
    groups = [code[at : at + size] for at in range(0, len(code), size)]
    return "-".join(groups + [check(code)])


def _wrong(cause):
    return documents.wrong(paths.DEVICE, cause)


def document(raw):
    """The JSON object in `raw`, the bytes of device.json (None: there is no file, and nothing in it)."""
    if raw is None or not raw.strip():
        return {}
    try:
        value = documents.loads(raw)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise _wrong("is not a JSON object (%d bytes)" % len(raw))
    return value


def of_device(raw):
    """(code, what is shown of it, product) in the bytes of device.json; "" for what is not there.

    Raises Failure when the file cannot be read. A claim that is not a claim ID of ours is shown as it is.
    """
    value = document(raw)
    text, product = value.get(fields.CLAIM), value.get(fields.PRODUCT)
    code = read(text)
    other = text if isinstance(text, str) else ""
    return code or other, shown(code) if code else other, product if isinstance(product, str) else ""


def length(raw):
    """How many symbols device.json wants a new claim ID to have."""
    found = document(raw).get(fields.CLAIM_LENGTH, SHORT)
    if found not in (SHORT, LONG) or not isinstance(found, int):
        raise _wrong('"%s" must be %d or %d' % (fields.CLAIM_LENGTH, SHORT, LONG))
    return found


def mode(switches):
    """How the board gets its claim ID, by the switches of config.json: one of fields.SERIALIZE_..."""
    cloud = switches.get(fields.CLOUD)
    found = cloud.get(fields.SERIALIZE, True) if isinstance(cloud, dict) else True
    if found is True:
        return fields.SERIALIZE_AUTO
    modes = (fields.SERIALIZE_AUTO, fields.SERIALIZE_NONE, fields.SERIALIZE_FACTORY)
    if found not in modes:
        raise documents.wrong(paths.CONFIG, '"%s" must be one of %s' % (fields.SERIALIZE, ", ".join(modes)))
    return found


def with_claim(raw, code, product=""):
    """The bytes of device.json with its claim set, which must be missing, and all else in it as it was.

    The text is kept where that is possible: a board would round other programs' numbers.
    """
    value = document(raw)
    if value.get(fields.CLAIM):
        raise _wrong("has a claim ID already")
    added = {fields.CLAIM: code}
    if product and not value.get(fields.PRODUCT):
        added[fields.PRODUCT] = product
    text = json.dumps(added).encode()
    if value and not any(name in value for name in added):
        at = raw.index(b"{") + 1
        return raw[:at] + text[1:-1] + b", " + raw[at:]
    value.update(added)
    return json.dumps(value).encode()
