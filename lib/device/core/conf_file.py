"""ento.conf as a document: parsed, and with another PROVISION_STATUS. Unloaded like its other readers.

core.settings checks what is in it. Each function raises Failure (GIVE_UP) that says what is wrong.
"""

import json

from device.core import documents, fields, paths
from device.core.failures import Failure

MAX_BYTES = 8192
_BEFORE_VALUE = (b":", b" ", b"\t", b"\r", b"\n")
_AFTER_VALUE = (b",", b"}", b" ", b"\t", b"\r", b"\n", b"")


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
    """The bytes of ento.conf, `raw`, with PROVISION_STATUS set and every other byte as it was.

    Only the value is replaced: a board's floats are short, and rewriting the document would round other
    programs' numbers. A file without this key, or with two of it, is rewritten all the same.
    """
    status = fields.TRUE if provisioned else fields.FALSE
    name = b'"' + fields.PROVISION_STATUS.encode() + b'"'
    if raw.count(name) == 1:
        at = raw.index(name) + len(name)
        while raw[at : at + 1] in _BEFORE_VALUE:
            at += 1
        end = at + 1
        while raw[end : end + 1] not in _AFTER_VALUE:
            end += 1
        changed = raw[:at] + b'"' + status.encode() + b'"' + raw[end:]
        try:
            if document(changed)[fields.DEVICE].get(fields.PROVISION_STATUS) == status:
                return changed
        except Failure:
            pass  # the old value was not a plain one; the document itself has been parsed before
    conf = document(raw)
    conf[fields.DEVICE][fields.PROVISION_STATUS] = status
    return json.dumps(conf).encode()
