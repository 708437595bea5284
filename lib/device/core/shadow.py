"""Device shadows: what is desired of the board and what it reports, as the board keeps and checks them.

Source: AWS IoT Developer Guide, "Device Shadow service documents", "Device Shadow error messages".
Sections are merged as JSON merge patches (RFC 7396): None removes a key, a list is replaced whole.
"""

import json

from device.core import documents, fields, json_text

MAX_BYTES = 8192  # of what is reported, and of what is desired; AWS counts both together
MAX_DEPTH = 5  # of what the board reports: AWS's texts name 5, 6 and 8
_DEEPEST = 8  # of what the cloud desires

# What a refusal means.
NONE = "none"  # there is no such shadow
STALE = "stale"  # another version counts: fetch it
AGAIN = "again"  # throttled, or the cloud's own trouble
WRONG = "wrong"  # this request will never be accepted


def verdict(code):
    """What helps against the error `code` of a rejected request."""
    if code == 404:
        return NONE
    if code == 409:
        return STALE
    return AGAIN if code == 429 or code >= 500 else WRONG


def merged(section, patch):
    """`section` after `patch`; neither is changed."""
    return _joined(section, patch, False)


def joined(base, first, second):
    """The patch that does to `base` what `first` and then `second` do.

    Without `base`, an object that replaces a removed one would get back what that held.
    """
    both = _joined(first, second, True)
    return _joined(both, _removal(merged(base, both), merged(merged(base, first), second)), True)


def _removal(found, wanted):
    """The patch that removes from `found` what is not in `wanted`."""
    result = {}
    for key in found:
        if key not in wanted:
            result[key] = None
        elif isinstance(found[key], dict) and isinstance(wanted[key], dict):
            inner = _removal(found[key], wanted[key])
            if inner:
                result[key] = inner
    return result


def _joined(section, patch, keeps_none):
    result = dict(section)
    for key in patch:
        value = patch[key]
        if value is None and not keeps_none:
            result.pop(key, None)
        elif isinstance(value, dict):
            old = result.get(key)
            result[key] = _joined(old if isinstance(old, dict) else {}, value, keeps_none)
        else:
            result[key] = value
    return result


def difference(desired, reported):
    """What of `desired` is not as `reported`, with the path to it."""
    result = {}
    for key in desired:
        value, other = desired[key], reported.get(key)
        if isinstance(value, dict) and isinstance(other, dict):
            value = difference(value, other)
            if value:
                result[key] = value
        elif key not in reported or not _same(value, other):
            result[key] = value
    return result


def _same(one, other):
    if isinstance(one, bool) != isinstance(other, bool):  # 1 == True
        return False
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(one[at], other[at]) for at in range(len(one)))
    if isinstance(one, dict) and isinstance(other, dict):
        return len(one) == len(other) and all(key in other and _same(one[key], other[key]) for key in one)
    return one == other


def fault(value, levels=MAX_DEPTH):
    """Why `value` cannot stand in a shadow, or None when it can."""
    if not isinstance(value, (dict, list)):
        if value is None or isinstance(value, (str, int, bool)):  # no int on MicroPython
            return None
        if isinstance(value, float):
            return None if value - value == 0 else "has a number without end"
        return "has a value that JSON does not know"
    values = value
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            return "has a key that is no text"
        values = value.values()
    elif None in value:
        return "has None in a list"
    if value and not levels:
        return "is nested too deeply"
    for item in values:
        found = fault(item, levels - 1)
        if found:
            return found
    return None


def part(raw, *path):
    """The JSON text at the keys `path` in the object `raw` (bytes), or None; the rest is not parsed.

    It may be large: metadata is several times the state. Raises ValueError when `raw` is no such object.
    """
    for key in path:
        found = json_text.member(raw, json_text.skipped(raw, 0), key)
        if found is None:
            return None
        raw = raw[found[0] : found[1]]
    return raw


def number(raw, key):
    """The whole number at `key` of a document; raises ValueError."""
    found = part(raw, key)
    if not found or len(found) > 18:
        raise ValueError("%s is no number" % key)
    return int(found)


def text(raw, key):
    """The text at `key` of a document, or ""."""
    found = part(raw, key)
    value = documents.loads(found) if found else ""
    return value if isinstance(value, str) else ""


def section(raw, *path):
    """The object at `path`, {} when there is none. Raises ValueError when it is too large or too deep."""
    found = part(raw, *path)
    if found is None or found == b"null":
        return {}
    if len(found) > MAX_BYTES:
        raise ValueError("%s has %d bytes; the limit is %d" % (path[-1], len(found), MAX_BYTES))
    value = documents.loads(found)
    if not isinstance(value, dict):
        raise ValueError("%s is no object" % path[-1])
    why = fault(value, _DEEPEST)
    if why:
        raise ValueError("%s %s" % (path[-1], why))
    return value


class Mirror:
    """One shadow as the board knows it. Nothing is changed by a document that raises ValueError."""

    def __init__(self, copy=None):
        """`copy`: what `copy()` has returned before, read from the flash."""
        copy = copy if isinstance(copy, dict) else {}
        self.version = copy.get(fields.VERSION) if isinstance(copy.get(fields.VERSION), int) else 0
        self.desired, self.reported, self.pending = (
            copy.get(name) if isinstance(copy.get(name), dict) else {}
            for name in (fields.DESIRED, fields.REPORTED, fields.PENDING)
        )
        self.sending = None  # what an update that is not answered yet reports
        self._told = {}  # the changes that the application has heard of

    def copy(self):
        """What is kept on the flash."""
        return {
            fields.VERSION: self.version,
            fields.DESIRED: self.desired,
            fields.REPORTED: self.reported,
            fields.PENDING: self.unsent(),
        }

    def unsent(self):
        """The patch that the cloud has not acknowledged."""
        return joined(self.reported, self.sending or {}, self.pending)

    def report(self, patch):
        """Take in what the board reports; raises ValueError when AWS would not."""
        why = fault(patch) if isinstance(patch, dict) else "is no dict"
        if why:
            raise ValueError("what is reported " + why)
        known = merged(self.reported, self.unsent())
        size = len(json.dumps(merged(known, patch)).encode())
        if size > MAX_BYTES:
            raise ValueError("what is reported would have %d bytes; the limit is %d" % (size, MAX_BYTES))
        if difference(patch, known):
            base = merged(self.reported, self.sending or {})
            self.pending = joined(base, self.pending, patch)

    def changes(self):
        """What is desired and not reported, if the application has not heard of it; else {}."""
        found = difference(self.desired, merged(self.reported, self.unsent()))
        if _same(found, self._told):
            return {}
        self._told = found
        return found

    def tell_again(self):
        """The application has not seen the changes yet."""
        self._told = {}

    def got(self, raw):
        """The whole document: the answer to a get."""
        version = number(raw, fields.VERSION)
        desired = section(raw, fields.STATE, fields.DESIRED)
        self.reported = section(raw, fields.STATE, fields.REPORTED)
        self.desired, self.version = desired, version

    def heard(self, raw):
        """What differs, as the cloud says; return whether it is news. A late message is not."""
        version = number(raw, fields.VERSION)
        if version < self.version:
            return False
        self.desired = merged(self.desired, section(raw, fields.STATE))
        self.version = version
        return True

    def request(self):
        """Begin to send: the patch for an update."""
        self.sending, self.pending = self.pending, {}
        return self.sending

    def accepted(self, raw):
        """The update was accepted."""
        self.version = max(self.version, number(raw, fields.VERSION))
        self.reported = merged(self.reported, self.sending or {})
        self.sending = None

    def returned(self):
        """The update was not answered, or may be sent again."""
        self.pending, self.sending = self.unsent(), None

    def refused(self):
        """The update will never be accepted."""
        self.sending = None

    def gone(self):
        """The cloud has no such shadow: report everything, as at the first time."""
        self.returned()
        self.pending = joined({}, self.reported, self.pending)
        self.desired, self.reported, self.version = {}, {}, 0
