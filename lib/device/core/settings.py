"""Reads and checks the configuration files: ento.conf, wifi.json, config.json.

Used once, then unloaded; the values are kept. The section "device" of ento.conf is the seed's contract;
every other section is optional, and unknown keys survive when the file is rewritten.
Each function raises Failure (GIVE_UP) that names the file and the error in it.
"""

import json
from collections import namedtuple

from device.core import documents, fields, paths, topics
from device.core.failures import GIVE_UP, Failure
from device.core.log import INFO, LEVELS
from device.core.secret import Secret

MAX_BYTES = 8192
MAX_OTHER_BYTES = 4096  # of wifi.json and config.json: what is read of them takes several times as much
SERIAL_PLACE = "{" + fields.PARAMETER_SERIAL + "}"
_MAX_TEMPLATE = 36  # AWS IoT: TemplateName
_MAX_PREFIX = 64
_LOG_LOW, _LOG_HIGH = 4096, 131072
_BEFORE_VALUE = (b":", b" ", b"\t", b"\r", b"\n")
_AFTER_VALUE = (b",", b"}", b" ", b"\t", b"\r", b"\n", b"")

# The checked settings of one board. endpoint: host name or address; provisioned: what the file says;
# parameters: {name: string} for the template; own_key: the board makes its key; thing_name: as expected
# before the cloud has told it; ntp: list of hosts; enrolment_key: a Secret (bytes) or None; database: its
# limits [tables, bytes of a table, documents]. A plain tuple: an object of a class of this module would keep
# the module in memory.
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
        "enrolment_key",
        "ntp",
        "database",
    ),
)


def _wrong(cause, advice="", path=paths.CONF):
    return Failure(GIVE_UP, path + ": " + cause, advice or "correct the file and restart")


def read(raw):
    """The Settings in ento.conf, `raw` (bytes, or None when the file is missing)."""
    return settings(document(raw))


def document(raw):
    """The JSON object in `raw` (bytes, or None when the file is missing).

    Raises Failure (GIVE_UP) that says what is wrong with the file.
    """
    if raw is None:
        raise _wrong("is missing", "create it with %s and %s" % (fields.SERIAL_ID, fields.ENDPOINT_URL))
    if not raw.strip():
        raise _wrong("is empty", "create it with %s and %s" % (fields.SERIAL_ID, fields.ENDPOINT_URL))
    if len(raw) > MAX_BYTES:
        raise _wrong("has %d bytes; the limit is %d" % (len(raw), MAX_BYTES))
    try:
        value = documents.loads(raw)
    except ValueError:
        raise _wrong("is not valid JSON (%d bytes)" % len(raw))
    if not isinstance(value, dict) or not isinstance(value.get(fields.DEVICE), dict):
        raise _wrong('has no object "%s"' % fields.DEVICE)
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


def _name(name, what, limit=topics.MAX_NAME):
    """Return `name` if AWS accepts it as thing name and client id."""
    fault = topics.name_fault(name, limit)
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
            "use the host name (aws iot describe-endpoint --endpoint-type iot:Data-ATS)",
        )
    for symbol in host:
        if symbol == ":" or (symbol not in topics.NAME_SYMBOLS and symbol != "."):
            raise _wrong("%s contains %r; give only the host name" % (fields.ENDPOINT_URL, symbol))
    return host


def _parameters(value):
    if not isinstance(value, dict):
        raise _wrong('"%s" must map strings to strings' % fields.PARAMETERS)
    for name in value:
        if not isinstance(value[name], str):
            raise _wrong("template parameter %s must be a string" % name)
    return value


def settings(conf):
    """The Settings in the JSON object of ento.conf."""
    device = conf[fields.DEVICE]
    mqtt = _section(conf, fields.MQTT)
    section = _section(conf, fields.PROVISIONING)
    serial = _name(device.get(fields.SERIAL_ID), fields.SERIAL_ID)
    pattern = section.get(fields.THING_NAME_PATTERN, SERIAL_PLACE)
    if not isinstance(pattern, str):
        raise _wrong("%s must be a string" % fields.THING_NAME_PATTERN)
    return Settings(
        serial,
        _endpoint(device.get(fields.ENDPOINT_URL)),
        _number(mqtt, fields.PORT, 8883, 1, 65535),
        device.get(fields.PROVISION_STATUS) in (fields.TRUE, True),
        _name(mqtt.get(fields.TOPIC_PREFIX, topics.DEFAULT_PREFIX), fields.TOPIC_PREFIX, _MAX_PREFIX),
        _name(section.get(fields.TEMPLATE, topics.DEFAULT_TEMPLATE), fields.TEMPLATE, _MAX_TEMPLATE),
        _parameters(section.get(fields.PARAMETERS, {})),
        _own_key(section.get(fields.KEYS, fields.KEYS_CLOUD)),
        _name(pattern.replace(SERIAL_PLACE, serial), fields.THING_NAME_PATTERN),
        _number(section, fields.DAILY_CERTIFICATES, 5, 1, 100),
        _enrolment_key(section.get(fields.ENROLMENT_KEY)),
        _hosts(_section(conf, fields.CLOCK).get(fields.NTP, ["pool.ntp.org", "time.google.com"])),
        _database(_section(conf, fields.DATABASE)),
    )


def _database(section):
    return [
        _number(section, fields.TABLES, 8, 1, 32),
        _number(section, fields.TABLE_BYTES, 65536, 4096, 1048576),
        _number(section, fields.MAX_DOCUMENTS, 1000, 1, 100000),
    ]


def _own_key(value):
    if value not in (fields.KEYS_CLOUD, fields.KEYS_DEVICE):
        raise _wrong('"%s" must be "%s" or "%s"' % (fields.KEYS, fields.KEYS_CLOUD, fields.KEYS_DEVICE))
    return value == fields.KEYS_DEVICE


def _enrolment_key(value):
    try:
        return None if value is None else Secret(bytes.fromhex(value or "empty"))
    except (ValueError, TypeError):
        raise _wrong("%s must be hexadecimal" % fields.ENROLMENT_KEY)


def _hosts(value):
    if not isinstance(value, list) or not all(isinstance(host, str) for host in value):
        raise _wrong('"%s" must be a list of host names' % fields.NTP)
    return value


def _wrong_wifi(cause):
    return _wrong(cause, "", paths.WIFI)


def wifi(raw):
    """([(ssid, password)], country code or "") from the bytes of wifi.json; no file means no networks.

    A password is a Secret, or None. No error text contains one.
    """
    if raw is None:
        return [], ""
    if len(raw) > MAX_OTHER_BYTES:
        raise _wrong_wifi("has %d bytes; the limit is %d" % (len(raw), MAX_OTHER_BYTES))
    try:
        value = documents.loads(raw)
    except ValueError:
        raise _wrong_wifi("is not valid JSON (%d bytes)" % len(raw))
    if not isinstance(value, dict) or not isinstance(value.get(fields.NETWORKS), list):
        raise _wrong_wifi('has no list "%s"' % fields.NETWORKS)
    known = []
    for number, network in enumerate(value[fields.NETWORKS]):
        name = network.get(fields.SSID) if isinstance(network, dict) else None
        if not isinstance(name, str) or not name:
            raise _wrong_wifi('network %d has no "%s"' % (number + 1, fields.SSID))
        password = network.get(fields.PASSWORD)
        if password is not None and not isinstance(password, str):
            raise _wrong_wifi('network %d: "%s" must be a string' % (number + 1, fields.PASSWORD))
        known.append((name, Secret(password) if password else None))
    country = value.get(fields.COUNTRY, "")
    if not isinstance(country, str) or len(country) not in (0, 2):
        raise _wrong_wifi('"%s" must be a two-letter code' % fields.COUNTRY)
    _access_point(value)
    return known, country


def log(raw):
    """(least level, bytes of flash) of the section "log" in config.json; (INFO, 0) when there is none."""
    try:
        is_read = raw and len(raw) <= MAX_OTHER_BYTES
        section = documents.loads(raw).get(fields.LOG, {}) if is_read else {}
    except (ValueError, AttributeError):
        return INFO, 0  # `switches` complains
    if not isinstance(section, dict):
        raise _wrong('"%s" must be an object' % fields.LOG, "", paths.CONFIG)
    level, size = section.get(fields.LEVEL, INFO), section.get(fields.FLASH_BYTES, 0)
    if level not in LEVELS:
        raise _wrong("%s must be one of %s" % (fields.LEVEL, ", ".join(LEVELS)), "", paths.CONFIG)
    is_number = isinstance(size, int) and not isinstance(size, bool)
    if not is_number or not (size == 0 or _LOG_LOW <= size <= _LOG_HIGH):
        text = "%s must be 0 or from %d to %d" % (fields.FLASH_BYTES, _LOG_LOW, _LOG_HIGH)
        raise _wrong(text, "", paths.CONFIG)
    return level, size


def access_point(raw):
    """Whether wifi.json (`raw`) lets the board open its access point, and its password (Secret) or None.

    A file that is missing or invalid forbids nothing: the access point is there to mend it.
    """
    try:
        return _access_point(documents.loads(raw)) if raw and len(raw) <= MAX_OTHER_BYTES else (True, None)
    except (ValueError, AttributeError, Failure):
        return True, None


def _access_point(value):
    wanted = value.get(fields.ACCESS_POINT, {})
    if wanted is False:
        return False, None
    password = wanted.get(fields.PASSWORD) if isinstance(wanted, dict) else ""
    if password is not None and not (isinstance(password, str) and 8 <= len(password.encode()) <= 63):
        text = '"%s" must be false, or an object with a "%s" of 8 to 63 characters'
        raise _wrong_wifi(text % (fields.ACCESS_POINT, fields.PASSWORD))
    return True, Secret(password) if password else None


def switches(raw):
    """The object "services" of config.json; {} when the file is missing: everything on."""
    if raw is None:
        return {}
    if len(raw) > MAX_OTHER_BYTES:
        cause = "has %d bytes; the limit is %d" % (len(raw), MAX_OTHER_BYTES)
        raise _wrong(cause, "make it smaller; nothing of it counts", paths.CONFIG)
    try:
        services = documents.loads(raw).get(fields.SERVICES, {})
        services.get(fields.CLOUD)
        return services
    except (ValueError, AttributeError):
        raise _wrong("lacks the JSON object " + fields.SERVICES, "correct the file", paths.CONFIG)
