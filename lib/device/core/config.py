"""ento.conf: what a person wrote, checked before anything believes it.

The section "device" is the seed's contract; every other section is optional, and keys that are not
ours are kept when the file is written again.
"""

import json

from device.core import documents, fields, paths, topics
from device.core.failures import GIVE_UP, Failure

MAX_BYTES = 8192
_NAME_SYMBOLS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-"
_MAX_THING_NAME = 128  # AWS IoT: ThingName, client id
_BEFORE_VALUE = (b":", b" ", b"\t", b"\r", b"\n")
_AFTER_VALUE = (b",", b"}", b" ", b"\t", b"\r", b"\n", b"")
_MAX_TEMPLATE = 36  # AWS IoT: TemplateName
SERIAL_PLACE = "{" + fields.PARAMETER_SERIAL + "}"


def _wrong(cause, advice=""):
    return Failure(GIVE_UP, paths.CONF + ": " + cause, advice or "correct the file and restart")


def document(raw):
    """The JSON object in `raw` (bytes, or None when the file is missing).

    Raises Failure (GIVE_UP) that says what is wrong with the file.
    """
    if raw is None:
        raise _wrong("is missing", "write it with %s and %s" % (fields.SERIAL_ID, fields.ENDPOINT_URL))
    if not raw.strip():
        raise _wrong("is empty", "write it with %s and %s" % (fields.SERIAL_ID, fields.ENDPOINT_URL))
    if len(raw) > MAX_BYTES:
        raise _wrong("has %d bytes, the limit is %d" % (len(raw), MAX_BYTES))
    try:
        value = documents.loads(raw)
    except ValueError:
        raise _wrong("is not whole JSON (%d bytes)" % len(raw))
    if not isinstance(value, dict) or not isinstance(value.get(fields.DEVICE), dict):
        raise _wrong('has no object "%s"' % fields.DEVICE)
    return value


def with_status(raw, provisioned):
    """The bytes of ento.conf, `raw`, with PROVISION_STATUS set and every other byte as it was.

    Only the value is replaced: a board's floats are short, and writing the document anew would round the
    numbers of others. A file that has no such key, or has it twice, is written anew all the same.
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
            pass  # the old value was no plain one; the document itself was read before
    conf = document(raw)
    conf[fields.DEVICE][fields.PROVISION_STATUS] = status
    return json.dumps(conf).encode()


def name_fault(name, limit=_MAX_THING_NAME):
    """Why AWS does not take `name` as thing name and client id, or None when it does."""
    if name is None:
        return "is missing"
    if not isinstance(name, str):
        return "must be a text"
    if not 1 <= len(name) <= limit:
        return "has %d characters, allowed are 1 to %d" % (len(name), limit)
    for symbol in name:
        if symbol not in _NAME_SYMBOLS:
            return "has the character %r, allowed are letters, digits, : _ -" % symbol
    return None


def check_name(name, what, limit=_MAX_THING_NAME):
    """Return `name` if AWS takes it as thing name and client id; raises Failure otherwise."""
    fault = name_fault(name, limit)
    if fault:
        raise _wrong("%s %s" % (what, fault))
    return name


def _section(conf, name):
    section = conf.get(name, {})
    if not isinstance(section, dict):
        raise _wrong('"%s" must be an object' % name)
    return section


def _number(section, name, default, low, high):
    value = section.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _wrong("%s must be a whole number from %d to %d" % (name, low, high))
    return value


def _endpoint(value):
    host = value.split("://")[-1].rstrip("/") if isinstance(value, str) else ""
    if not host:
        raise _wrong("%s must be the host name of your AWS IoT endpoint" % fields.ENDPOINT_URL)
    if host.startswith("arn:"):
        raise _wrong(
            "%s is an ARN" % fields.ENDPOINT_URL,
            "write the host name instead (aws iot describe-endpoint --endpoint-type iot:Data-ATS)",
        )
    for symbol in host:
        if symbol == ":" or (symbol not in _NAME_SYMBOLS and symbol != "."):
            raise _wrong("%s has the character %r, write the host name alone" % (fields.ENDPOINT_URL, symbol))
    return host


def _parameters(value):
    if not isinstance(value, dict):
        raise _wrong('"%s" must be an object of texts' % fields.PARAMETERS)
    for name in value:
        if not isinstance(value[name], str):
            raise _wrong("template parameter %s must be a text" % name)
    return value


class Settings:
    """The checked settings of one board.

    Attributes: serial, endpoint (host name or address), port, provisioned (what the file says),
    template, parameters (dict of texts), keys (KEYS_CLOUD or KEYS_DEVICE), thing_name (expected before the
    cloud has told it), daily_certificates, topic_prefix, ntp (list of hosts), enrolment_key (bytes or None).
    Raises Failure (GIVE_UP) naming the key that is wrong.
    """

    def __init__(self, conf):
        device = conf[fields.DEVICE]
        self.serial = check_name(device.get(fields.SERIAL_ID), fields.SERIAL_ID)
        self.endpoint = _endpoint(device.get(fields.ENDPOINT_URL))
        self.provisioned = device.get(fields.PROVISION_STATUS) in (fields.TRUE, True)
        mqtt = _section(conf, fields.MQTT)
        self.port = _number(mqtt, fields.PORT, 8883, 1, 65535)
        self.topic_prefix = check_name(
            mqtt.get(fields.TOPIC_PREFIX, topics.DEFAULT_PREFIX), fields.TOPIC_PREFIX, 64
        )
        self._provisioning(_section(conf, fields.PROVISIONING))
        self.ntp = _section(conf, fields.CLOCK).get(fields.NTP, ["pool.ntp.org", "time.google.com"])
        if not isinstance(self.ntp, list) or not all(isinstance(host, str) for host in self.ntp):
            raise _wrong('"%s" must be a list of hosts' % fields.NTP)

    def _provisioning(self, section):
        template = section.get(fields.TEMPLATE, topics.DEFAULT_TEMPLATE)
        self.template = check_name(template, fields.TEMPLATE, _MAX_TEMPLATE)
        self.parameters = _parameters(section.get(fields.PARAMETERS, {}))
        self.keys = section.get(fields.KEYS, fields.KEYS_CLOUD)
        if self.keys not in (fields.KEYS_CLOUD, fields.KEYS_DEVICE):
            raise _wrong('"%s" must be "%s" or "%s"' % (fields.KEYS, fields.KEYS_CLOUD, fields.KEYS_DEVICE))
        pattern = section.get(fields.THING_NAME_PATTERN, SERIAL_PLACE)
        if not isinstance(pattern, str):
            raise _wrong("%s must be a text" % fields.THING_NAME_PATTERN)
        self.thing_name = check_name(pattern.replace(SERIAL_PLACE, self.serial), fields.THING_NAME_PATTERN)
        self.daily_certificates = _number(section, fields.DAILY_CERTIFICATES, 5, 1, 100)
        secret = section.get(fields.ENROLMENT_KEY)
        try:
            self.enrolment_key = None if secret is None else bytes.fromhex(secret or "empty")
        except (ValueError, TypeError):
            raise _wrong("%s must be hexadecimal" % fields.ENROLMENT_KEY)
