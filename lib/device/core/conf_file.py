"""ento.conf as a document: parsed, and with other values of the board's. Unloaded like its other readers.

core.settings checks what is in it. Each function raises Failure (GIVE_UP) that says what is wrong.
"""

import json

from device.core import documents, fields, json_text, paths
from device.core.failures import Failure

MAX_BYTES = 8192
_CLOSE = 0x7D


def wrong(cause, advice=""):
    """The Failure for what is wrong in ento.conf."""
    return documents.wrong(paths.CONF, cause, advice)


def document(raw):
    """The JSON object in `raw` (bytes, or None when the file is missing).

    Raises Failure (GIVE_UP) that says what is wrong with the file.
    """
    if raw is None:
        raise wrong("is missing", "create it with %s and %s" % (fields.SERIAL_ID, fields.ENDPOINT_URL))
    if not raw.strip():
        raise wrong("is empty", "create it with %s and %s" % (fields.SERIAL_ID, fields.ENDPOINT_URL))
    if len(raw) > MAX_BYTES:
        raise wrong("has %d bytes; the limit is %d" % (len(raw), MAX_BYTES))
    try:
        value = documents.loads(raw)
    except ValueError:
        raise wrong("is not valid JSON (%d bytes)" % len(raw))
    if not isinstance(value, dict) or not isinstance(value.get(fields.DEVICE), dict):
        raise wrong('has no object "%s"' % fields.DEVICE)
    return value


def with_status(raw, provisioned):
    """The bytes of ento.conf, `raw`, with PROVISION_STATUS set and every other byte as it was."""
    return _with(raw, fields.DEVICE, fields.PROVISION_STATUS, fields.TRUE if provisioned else fields.FALSE)


def with_place(raw, endpoint, port, template):
    """The same with where to provision, as a builder has told it."""
    raw = _with(raw, fields.DEVICE, fields.ENDPOINT_URL, endpoint)
    raw = _with(raw, fields.MQTT, fields.PORT, port)
    return _with(raw, fields.PROVISIONING, fields.TEMPLATE, template)


def _with(raw, section, name, value):
    """`raw` with this value in this section.

    Only the value is replaced: a board's floats are short, and rewriting the document would round other
    programs' numbers. A file that has a name twice is rewritten all the same.
    """
    conf = document(raw)
    place = conf.get(section, {})
    if not isinstance(place, dict):
        raise wrong('"%s" must be an object' % section)
    if place.get(name) == value:
        return raw
    try:
        changed = _replaced(raw, section, name, json.dumps(value).encode())
        if document(changed).get(section, {}).get(name) == value:
            return changed
    except (Failure, ValueError, AttributeError):
        pass
    place[name] = value
    conf[section] = place
    return json.dumps(conf).encode()


def _replaced(raw, section, name, text):
    """`raw`, a valid document, with `text` in the place of the value, or as a new member of its object."""
    at = raw.index(b"{")
    found = json_text.member(raw, at, section)
    if not found:
        return _inserted(raw, at, section, b"{" + _quoted(name) + b": " + text + b"}")
    start = found[0]
    found = json_text.member(raw, start, name)
    if not found:
        return _inserted(raw, start, name, text)
    return raw[: found[0]] + text + raw[found[1] :]


def _quoted(name):
    return b'"' + name.encode() + b'"'


def _inserted(raw, at, name, text):
    """`raw` with a new first member in the object that begins at `at`."""
    end = "" if raw[json_text.skipped(raw, at + 1)] == _CLOSE else ", "
    return raw[: at + 1] + _quoted(name) + b": " + text + end.encode() + raw[at + 1 :]
