"""Reads config.json: which services are on, where builder and keys for AWS are, what of the log is kept.

Used once, then unloaded.
"""

from device.core import documents, fields, paths
from device.core.log import INFO, LEVELS

_LOG_LOW = 4096
_LOG_HIGH = 131072
HOST_SYMBOLS = "abcdefghijklmnopqrstuvwxyz0123456789-."
MAX_HOST = 253
_ALIAS_SYMBOLS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=,@-"  # AWS IoT: RoleAlias
_MAX_ALIAS = 128
_POLL_LIMIT_S = 900
_POLL_LOW_S = 5
_POLL_HIGH_S = 86400
_MAX_ADDRESS = 200


def wrong(cause, advice=""):
    return documents.wrong(paths.CONFIG, cause, advice)


def switches(raw):
    """The object "services" of config.json; {} when the file is missing: everything on."""
    if raw is None:
        return {}
    if len(raw) > documents.MAX_OTHER_BYTES:
        cause = "has %d bytes; the limit is %d" % (len(raw), documents.MAX_OTHER_BYTES)
        raise wrong(cause, "make it smaller; nothing of it counts")
    try:
        services = documents.loads(raw).get(fields.SERVICES, {})
        services.get(fields.CLOUD)
        return services
    except (ValueError, AttributeError):
        raise wrong("lacks the JSON object " + fields.SERVICES, "correct the file")


def builder(raw):
    """(address of the builder, seconds between two polls at most) in config.json; ("", 0) without a builder.

    Raises Failure when the section "api" is wrong.
    """
    found = section(raw, fields.API, {})
    address, limit_s = found.get(fields.BUILDER, ""), found.get(fields.POLL_LIMIT, _POLL_LIMIT_S)
    if not address:
        return "", 0
    if (
        not isinstance(address, str)
        or address[:8] != "https://"
        or not 8 < len(address) <= _MAX_ADDRESS
        or not all("!" <= symbol <= "~" and symbol not in "?#@" for symbol in address)
    ):
        raise wrong('"%s" must be an address that begins with https://' % fields.BUILDER)
    is_number = isinstance(limit_s, int) and not isinstance(limit_s, bool)
    if not is_number or not _POLL_LOW_S <= limit_s <= _POLL_HIGH_S:
        raise wrong("%s must be from %d to %d" % (fields.POLL_LIMIT, _POLL_LOW_S, _POLL_HIGH_S))
    return address.rstrip("/"), limit_s


def shadows(raw):
    """The names of shadows in "shadow" of config.json, for a board whose application opens none; or []."""
    names = _of_cloud(raw, fields.SHADOW, ())
    if not names or not isinstance(names, list):
        return []
    from device.core import shadow_topics

    for name in names:
        fault = shadow_topics.name_fault(name)
        if fault:
            raise wrong("the name of a shadow " + fault)
    return names


def tables(raw):
    """{table: direction} in "sync" of config.json; {} when it names none. Raises Failure for a wrong one."""
    found = _of_cloud(raw, fields.SYNC, True)
    if isinstance(found, bool):
        return {}
    if not isinstance(found, dict):
        raise wrong('"%s" must be true, false or {table: direction}' % fields.SYNC)
    from device.core import records

    for name in found:
        if not records.is_table(name):
            raise wrong("%s: a table cannot be called %r" % (fields.SYNC, name), "use a-z, 0-9, _ and -")
        if found[name] not in (fields.UP, fields.DOWN, fields.BOTH):
            words = (fields.SYNC, name, fields.UP, fields.DOWN, fields.BOTH)
            raise wrong('%s: the direction of %s must be "%s", "%s" or "%s"' % words)
    return found


def log(raw):
    """(least level, bytes of flash) of the section "log" in config.json; (INFO, 0) when there is none."""
    found = section(raw, fields.LOG, {})
    level, size = found.get(fields.LEVEL, INFO), found.get(fields.FLASH_BYTES, 0)
    if level not in LEVELS:
        raise wrong("%s must be one of %s" % (fields.LEVEL, ", ".join(LEVELS)))
    is_number = isinstance(size, int) and not isinstance(size, bool)
    if not is_number or not (size == 0 or _LOG_LOW <= size <= _LOG_HIGH):
        text = "%s must be 0 or from %d to %d" % (fields.FLASH_BYTES, _LOG_LOW, _LOG_HIGH)
        raise wrong(text)
    return level, size


def keys(raw):
    """(role alias, host, port) of the section "keys" in config.json; None when it names no role alias."""
    found = section(raw, fields.KEYS, {})
    if not found:
        return None
    alias, host = found.get(fields.ROLE_ALIAS), found.get(fields.ENDPOINT)
    port = found.get(fields.PORT, 443)
    if not is_made_of(alias, _ALIAS_SYMBOLS, _MAX_ALIAS):
        raise wrong("%s must be the name of an AWS IoT role alias" % fields.ROLE_ALIAS)
    if not is_made_of(host, HOST_SYMBOLS, MAX_HOST):
        advice = "aws iot describe-endpoint --endpoint-type iot:CredentialProvider"
        raise wrong("%s must be the host name of the credentials provider" % fields.ENDPOINT, advice)
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
        raise wrong("%s must be a whole number from 1 to 65535" % fields.PORT)
    return alias, host, port


def section(raw, name, missing):
    """A section of config.json; `missing` when it, or the file, is missing or cannot be read."""
    found = _document(raw).get(name, missing)
    if found is not missing and not isinstance(found, dict):
        raise wrong('"%s" must be an object' % name)
    return found


def _of_cloud(raw, name, missing):
    """What stands in the place of the switch `name` of the cloud; `missing` when there is none."""
    try:
        return _document(raw)[fields.SERVICES][fields.CLOUD][name]
    except (KeyError, TypeError):
        return missing


def _document(raw):
    """The object in config.json; {} when the file is missing, or cannot be read: `switches` complains."""
    try:
        found = documents.loads(raw) if raw and len(raw) <= documents.MAX_OTHER_BYTES else {}
    except ValueError:
        found = {}
    return found if isinstance(found, dict) else {}


def is_made_of(text, symbols, limit):
    return isinstance(text, str) and 0 < len(text) <= limit and all(symbol in symbols for symbol in text)
