"""Checks ento.conf, the board's settings.

Used once, then unloaded; the values are kept. The section "device" is the seed's contract; every other
section is optional. Each function raises Failure (GIVE_UP) that names the file and the error in it.
"""

from collections import namedtuple

from device.core import fields, topics
from device.core.conf_file import document, wrong
from device.core.secret import Secret

SERIAL_PLACE = "{" + fields.PARAMETER_SERIAL + "}"
_MAX_TEMPLATE = 36  # AWS IoT: TemplateName
_MAX_PREFIX = 64
_MAX_PIN = 99
_MAX_PIN_NAME = 16

# The checked settings of one board. endpoint: host name or address, "" before a builder told it; provisioned:
# what the file says; parameters: {name: string} for the template; own_key: the board makes its key;
# thing_name: as expected before the cloud has told it; renewal: [template, window in percent]; ntp: list of
# hosts; enrolment_key: a Secret (bytes) or None; database: its limits [tables, bytes of a table, documents];
# queue: its limits, see core.queue; panel: {light or button: its pin, None for none}, if it is not the usual
# one. A plain tuple: an object of a class of this module would keep the module in memory.
Settings = namedtuple(
    "Settings",
    (
        "serial",
        "endpoint",
        "port",
        "provisioned",
        "topic_prefix",
        "template",
        "parameters",
        "own_key",
        "thing_name",
        "daily_certificates",
        "renewal",
        "enrolment_key",
        "ntp",
        "database",
        "queue",
        "panel",
    ),
)


def read(raw, may_lack_endpoint=None):
    """The Settings in ento.conf, `raw` (bytes, or None when the file is missing).

    `may_lack_endpoint()` is asked when ENDPOINT_URL is missing: a builder tells it, and it is "" until then.
    """
    return settings(document(raw), may_lack_endpoint)


def _name(name, what, limit=topics.MAX_NAME):
    """Return `name` if AWS accepts it as thing name and client id."""
    fault = topics.name_fault(name, limit)
    if fault:
        raise wrong("%s %s" % (what, fault))
    return name


def _section(conf, name):
    section = conf.get(name, {})
    if not isinstance(section, dict):
        raise wrong('"%s" must be an object' % name)
    return section


def _number(section, name, default, low, high):
    value = section.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise wrong("%s must be a whole number from %d to %d" % (name, low, high))
    return value


def _endpoint(value):
    host = value.split("://")[-1].rstrip("/") if isinstance(value, str) else ""
    if not host:
        raise wrong("%s must be the host name of your AWS IoT endpoint" % fields.ENDPOINT_URL)
    if host.startswith("arn:"):
        raise wrong(
            "%s is an ARN" % fields.ENDPOINT_URL,
            "use the host name (aws iot describe-endpoint --endpoint-type iot:Data-ATS)",
        )
    for symbol in host:
        if symbol == ":" or (symbol not in topics.NAME_SYMBOLS and symbol != "."):
            raise wrong("%s contains %r; give only the host name" % (fields.ENDPOINT_URL, symbol))
    return host


def _parameters(value):
    if not isinstance(value, dict):
        raise wrong('"%s" must map strings to strings' % fields.PARAMETERS)
    for name in value:
        if not isinstance(value[name], str):
            raise wrong("template parameter %s must be a string" % name)
    return value


def settings(conf, may_lack_endpoint=None):
    """The Settings in the JSON object of ento.conf; see `read`."""
    device = conf[fields.DEVICE]
    address = device.get(fields.ENDPOINT_URL)
    is_told_later = address in (None, "") and may_lack_endpoint and may_lack_endpoint()
    mqtt = _section(conf, fields.MQTT)
    section = _section(conf, fields.PROVISIONING)
    serial = _name(device.get(fields.SERIAL_ID), fields.SERIAL_ID)
    pattern = section.get(fields.THING_NAME_PATTERN, SERIAL_PLACE)
    if not isinstance(pattern, str):
        raise wrong("%s must be a string" % fields.THING_NAME_PATTERN)
    return Settings(
        serial,
        "" if is_told_later else _endpoint(address),
        _number(mqtt, fields.PORT, 8883, 1, 65535),
        device.get(fields.PROVISION_STATUS) in (fields.TRUE, True),
        _name(mqtt.get(fields.TOPIC_PREFIX, topics.DEFAULT_PREFIX), fields.TOPIC_PREFIX, _MAX_PREFIX),
        _name(section.get(fields.TEMPLATE, topics.DEFAULT_TEMPLATE), fields.TEMPLATE, _MAX_TEMPLATE),
        _parameters(section.get(fields.PARAMETERS, {})),
        _own_key(section.get(fields.KEYS, fields.KEYS_CLOUD)),
        _name(pattern.replace(SERIAL_PLACE, serial), fields.THING_NAME_PATTERN),
        _number(section, fields.DAILY_CERTIFICATES, 5, 1, 100),
        _renewal(section),
        _enrolment_key(section.get(fields.ENROLMENT_KEY)),
        _hosts(_section(conf, fields.CLOCK).get(fields.NTP, ["pool.ntp.org", "time.google.com"])),
        _database(_section(conf, fields.DATABASE)),
        _queue(_section(conf, fields.QUEUE)),
        _panel(_section(conf, fields.PANEL)),
    )


def _renewal(section):
    template = section.get(fields.RENEWAL_TEMPLATE, topics.DEFAULT_RENEWAL_TEMPLATE)
    return [
        _name(template, fields.RENEWAL_TEMPLATE, _MAX_TEMPLATE),
        _number(section, fields.RENEWAL_WINDOW, 33, 1, 100),
    ]


def _database(section):
    return [
        _number(section, fields.TABLES, 8, 1, 32),
        _number(section, fields.TABLE_BYTES, 65536, 4096, 1048576),
        _number(section, fields.MAX_DOCUMENTS, 1000, 1, 100000),
    ]


def _queue(section):
    return [
        _number(section, fields.QUEUE_BYTES, 32768, 16384, 1048576),
        _number(section, fields.MEMORY_BYTES, 2048, 512, 8192),
        _number(section, fields.DELAY_S, 10, 1, 3600),
        _number(section, fields.WRITES_PER_HOUR, 360, 1, 3600),
    ]


def _panel(section):
    found = {name: section[name] for name in (fields.LIGHT, fields.BUTTON) if name in section}
    for name in found:
        pin = found[name]
        is_name = isinstance(pin, str) and 0 < len(pin) <= _MAX_PIN_NAME
        is_number = isinstance(pin, int) and not isinstance(pin, bool) and 0 <= pin <= _MAX_PIN
        if not (is_name or is_number or pin is None):
            raise wrong("%s must be the number or the name of a pin, or null" % name)
    return found


def _own_key(value):
    if value not in (fields.KEYS_CLOUD, fields.KEYS_DEVICE):
        raise wrong('"%s" must be "%s" or "%s"' % (fields.KEYS, fields.KEYS_CLOUD, fields.KEYS_DEVICE))
    return value == fields.KEYS_DEVICE


def _enrolment_key(value):
    try:
        return None if value is None else Secret(bytes.fromhex(value or "empty"))
    except (ValueError, TypeError):
        raise wrong("%s must be hexadecimal" % fields.ENROLMENT_KEY)


def _hosts(value):
    if not isinstance(value, list) or not all(isinstance(host, str) for host in value):
        raise wrong('"%s" must be a list of host names' % fields.NTP)
    return value
