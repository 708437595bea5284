"""Requests to CloudWatch Logs, and what its answers mean. Loaded for one export, then unloaded.

Source: CloudWatch Logs API Reference, "PutLogEvents", "Common errors"; botocore's service model.
"""

import json

from device.core import documents, fields
from device.core.failures import AGAIN, GIVE_UP, Failure

MAX_ANSWER_BYTES = 4096
END = b"]}"
_MAX_SHOWN = 120

# What an answer means.
DONE = "done"
MISSING = "missing"  # no such stream, or no such group
KEYS = "keys"  # they have ended, or are not known
CLOCK = "clock"  # the board's is wrong
TOO_MUCH = "too much"  # something in the request is not accepted
OTHER = "other"

_MEANINGS = {
    "ResourceAlreadyExistsException": DONE,
    "DataAlreadyAcceptedException": DONE,
    "ResourceNotFoundException": MISSING,
    "ExpiredTokenException": KEYS,
    "UnrecognizedClientException": KEYS,
    "InvalidClientTokenId": KEYS,
    "InvalidParameterException": TOO_MUCH,
    "SerializationException": TOO_MUCH,
}
_SIGNATURE = "InvalidSignatureException"
_DENIED = "AccessDeniedException"
_CLOCK_WORDS = ("Signature expired", "Signature not yet current")


def headers(operation):
    """The headers of a request, which are signed."""
    return {"Content-Type": fields.LOGS_TYPE, fields.TARGET_HEADER: fields.LOGS_TARGET + operation}


def begin(group, stream):
    """The begin of a body of PutLogEvents, before the first event; END is its end."""
    return body(group, stream)[:-1] + b',"%s":[' % fields.LOG_EVENTS.encode()


def body(group, stream):
    """The body of a request; `stream`: "" when it is about the group."""
    text = '{"%s":%s' % (fields.LOG_GROUP_NAME, json.dumps(group))
    if stream:
        text += ',"%s":%s' % (fields.LOG_STREAM_NAME, json.dumps(stream))
    return (text + "}").encode()


class Reply:
    """The answer to a request: its meaning, and what to say of it."""

    def __init__(self, status, raw):
        try:
            value = documents.loads(raw) if raw else {}
            value = value if isinstance(value, dict) else None
        except ValueError:
            value = None
        self._status = status
        self._is_readable = value is not None
        value = value or {}
        self.name = _text(value.get(fields.ERROR_TYPE)).split("#")[-1].split(":")[0]
        self.text = _text(value.get(fields.MESSAGE) or value.get("Message"))
        rejected = value.get(fields.REJECTED_EVENTS)
        self.has_rejected = isinstance(rejected, dict) and bool(rejected)
        self.meaning = self._meaning()

    def _meaning(self):
        if self._status == 200:
            return DONE if self._is_readable else OTHER
        if self.name == _SIGNATURE and any(self.text.startswith(words) for words in _CLOCK_WORDS):
            return CLOCK
        return TOO_MUCH if self._status == 413 else _MEANINGS.get(self.name, OTHER)

    def failure(self, operation, advice=""):
        """The Failure that this answer is, when nothing helps at once."""
        kind = AGAIN
        if self.name in (_DENIED, _SIGNATURE) or self.meaning in (MISSING, TOO_MUCH):
            kind = GIVE_UP
        if self.name == _DENIED:
            advice = "allow logs:%s in the role of the board's keys" % operation
        shown = ", ".join([part for part in (self.name, self.text) if part])
        if not self._is_readable or not shown:
            shown = "an answer that is not CloudWatch's"
        return Failure(kind, "%s was refused (%d): %s" % (operation, self._status, shown), advice)


def _text(value):
    """A text of the server's, safe to print."""
    if not isinstance(value, str):
        return ""
    return "".join([symbol for symbol in value[:_MAX_SHOWN] if " " <= symbol <= "~"])
