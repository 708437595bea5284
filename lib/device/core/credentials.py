"""The keys for AWS that a credentials provider gives a board for some hours: where they are, what is checked.

Source: AWS IoT Developer Guide, "Authorizing direct calls to AWS services using AWS IoT Core credential
provider". Loaded for one request, then unloaded.
"""

from collections import namedtuple

from device.core import calendar, documents, fields
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.core.secret import Secret

# id: text; secret, token: Secret (text), token may be None; expires_s: Unix seconds.
Keys = namedtuple("Keys", ("id", "secret", "token", "expires_s"))

MAX_BYTES = 8192  # of the answer
MAX_LIFE_S = 43200  # AWS IoT: credentialDurationSeconds
_TOLERATED_S = 600  # that our clock may be slow
_MAX_ID = 128
_MAX_SECRET = 128
_MAX_TOKEN = 4000  # it must fit into a header (core.http)
_MAX_SHOWN = 120
_SHAPE = "0000-00-00T00:00:00Z"
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def address(alias, host, port):
    """Where the keys of a role alias are."""
    return "https://%s:%d/role-aliases/%s/credentials" % (host, port, alias)


def keys(status, body, alias, now_s):
    """The Keys in an answer; raises Failure, which shows nothing of them."""
    try:
        value = documents.loads(body)
        given, told = value.get(fields.CREDENTIALS), value.get(fields.MESSAGE)
    except (ValueError, AttributeError):
        given = told = None
    if status != 200:
        raise _refusal(status, told, alias)
    if not isinstance(given, dict):
        raise _wrong("holds no keys")
    token = given.get(fields.SESSION_TOKEN)
    if not _is_text(given.get(fields.ACCESS_KEY_ID), _MAX_ID):
        raise _wrong("has no valid %s" % fields.ACCESS_KEY_ID)
    if not _is_text(given.get(fields.SECRET_ACCESS_KEY), _MAX_SECRET):
        raise _wrong("has no valid %s" % fields.SECRET_ACCESS_KEY)
    if not _is_text(token, _MAX_TOKEN):
        raise _wrong("has no valid %s" % fields.SESSION_TOKEN)
    expires_s = _unix(given.get(fields.EXPIRATION))
    if expires_s is None:
        raise _wrong("has no valid %s" % fields.EXPIRATION)
    if not now_s < expires_s <= now_s + MAX_LIFE_S + _TOLERATED_S:
        shown = calendar.text(expires_s), calendar.text(now_s)
        raise Failure(AGAIN, "keys until %s were given, the clock says %s" % shown, "check the board's clock")
    return Keys(
        given[fields.ACCESS_KEY_ID], Secret(given[fields.SECRET_ACCESS_KEY]), Secret(token), expires_s
    )


def renew_ms(life_s):
    """When keys with this life are renewed, counted from when they came: at 80 % of it."""
    return min(life_s, MAX_LIFE_S) * 800


def _refusal(status, told, alias):
    told = ": " + "".join([s for s in told[:_MAX_SHOWN] if " " <= s <= "~"]) if _is_said(told) else ""
    advice = ""
    if status == 403:
        advice = (
            "allow iot:AssumeRoleWithCertificate on the role alias, and see that its role trusts"
            " credentials.iot.amazonaws.com and that the certificate is the thing's"
        )
    elif status == 404:
        advice = "see whether there is this role alias, and whether the host is the credentials provider"
    kind = GIVE_UP if status in (400, 403, 404) else AGAIN
    return Failure(kind, "no keys for role alias %s (%d%s)" % (alias, status, told), advice)


def _wrong(what):
    return Failure(AGAIN, "the answer of the credentials provider " + what, "see what answers there")


def _is_said(told):
    return isinstance(told, str) and bool(told)


def _is_text(value, limit):
    return isinstance(value, str) and 0 < len(value) <= limit and all("!" <= s <= "~" for s in value)


def _unix(text):
    """Unix seconds of a time such as 2026-01-18T09:18:06Z, or None."""
    if not isinstance(text, str) or len(text) != len(_SHAPE):
        return None
    for at in range(len(text)):
        if text[at] not in ("0123456789" if _SHAPE[at] == "0" else _SHAPE[at]):
            return None
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    hour, minute, second = int(text[11:13]), int(text[14:16]), int(text[17:19])
    if not 2020 <= year <= 2100 or not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    return calendar.unix(year, month, day, hour, minute, second)
