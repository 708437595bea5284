"""Reads config.json: which services are on, where builder and keys for AWS are, what of the log is kept.

Used once, then unloaded.
"""

from device.core import documents, fields, paths
from device.core.log import INFO, LEVELS

_LOG_LOW = 4096
_LOG_HIGH = 131072
_HOST_SYMBOLS = "abcdefghijklmnopqrstuvwxyz0123456789-."
_MAX_HOST = 253
_ALIAS_SYMBOLS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=,@-"  # AWS IoT: RoleAlias
_MAX_ALIAS = 128
_TABLE_SYMBOLS = "abcdefghijklmnopqrstuvwxyz0123456789_-"  # as core.records has it
_MAX_TABLE = 24
_POLL_LIMIT_S = 900
_POLL_LOW_S = 5
_POLL_HIGH_S = 86400
_MAX_ADDRESS = 200


def _wrong(cause, advice=""):
    return documents.wrong(paths.CONFIG, cause, advice)


def switches(raw):
    """The object "services" of config.json; {} when the file is missing: everything on."""
    if raw is None:
        return {}
    if len(raw) > documents.MAX_OTHER_BYTES:
        cause = "has %d bytes; the limit is %d" % (len(raw), documents.MAX_OTHER_BYTES)
        raise _wrong(cause, "make it smaller; nothing of it counts")
    try:
        services = documents.loads(raw).get(fields.SERVICES, {})
        services.get(fields.CLOUD)
        return services
    except (ValueError, AttributeError):
        raise _wrong("lacks the JSON object " + fields.SERVICES, "correct the file")


def builder(raw):
    """(address of the builder, seconds between two polls at most) in config.json; ("", 0) without a builder.

    Raises Failure when the section "api" is wrong.
    """
    section = _section(raw, fields.API)
    address, limit_s = section.get(fields.BUILDER, ""), section.get(fields.POLL_LIMIT, _POLL_LIMIT_S)
    if not address:
        return "", 0
    if (
        not isinstance(address, str)
        or address[:8] != "https://"
        or not 8 < len(address) <= _MAX_ADDRESS
        or not all("!" <= symbol <= "~" and symbol not in "?#@" for symbol in address)
    ):
        raise _wrong('"%s" must be an address that begins with https://' % fields.BUILDER)
    is_number = isinstance(limit_s, int) and not isinstance(limit_s, bool)
    if not is_number or not _POLL_LOW_S <= limit_s <= _POLL_HIGH_S:
        raise _wrong("%s must be from %d to %d" % (fields.POLL_LIMIT, _POLL_LOW_S, _POLL_HIGH_S))
    return address.rstrip("/"), limit_s


def shadows(raw):
    """The names of shadows in "shadow" of config.json, for a board whose application opens none; or []."""
    try:
        is_read = raw and len(raw) <= documents.MAX_OTHER_BYTES
        names = documents.loads(raw)[fields.SERVICES][fields.CLOUD][fields.SHADOW] if is_read else ()
    except (ValueError, KeyError, TypeError):
        return []
    if not names or not isinstance(names, list):
        return []
    from device.core import shadow_topics

    for name in names:
        fault = shadow_topics.name_fault(name)
        if fault:
            raise _wrong("the name of a shadow " + fault)
    return names


def tables(raw):
    """{table: direction} in "sync" of config.json; {} when it names none. Raises Failure for a wrong one."""
    try:
        is_read = raw and len(raw) <= documents.MAX_OTHER_BYTES
        found = documents.loads(raw)[fields.SERVICES][fields.CLOUD][fields.SYNC] if is_read else {}
    except (ValueError, KeyError, TypeError):
        return {}
    if not isinstance(found, dict):
        if isinstance(found, bool):
            return {}
        raise _wrong('"%s" must be true, false or {table: direction}' % fields.SYNC)
    for name in found:
        if not _is_made_of(name, _TABLE_SYMBOLS, _MAX_TABLE):
            raise _wrong("%s: a table cannot be called %r" % (fields.SYNC, name), "use a-z, 0-9, _ and -")
        if found[name] not in (fields.UP, fields.DOWN, fields.BOTH):
            words = (fields.SYNC, name, fields.UP, fields.DOWN, fields.BOTH)
            raise _wrong('%s: the direction of %s must be "%s", "%s" or "%s"' % words)
    return found


def log(raw):
    """(least level, bytes of flash) of the section "log" in config.json; (INFO, 0) when there is none."""
    section = _section(raw, fields.LOG)
    level, size = section.get(fields.LEVEL, INFO), section.get(fields.FLASH_BYTES, 0)
    if level not in LEVELS:
        raise _wrong("%s must be one of %s" % (fields.LEVEL, ", ".join(LEVELS)))
    is_number = isinstance(size, int) and not isinstance(size, bool)
    if not is_number or not (size == 0 or _LOG_LOW <= size <= _LOG_HIGH):
        text = "%s must be 0 or from %d to %d" % (fields.FLASH_BYTES, _LOG_LOW, _LOG_HIGH)
        raise _wrong(text)
    return level, size


def keys(raw):
    """(role alias, host, port) of the section "keys" in config.json; None when it names no role alias."""
    section = _section(raw, fields.KEYS)
    if not section:
        return None
    alias, host = section.get(fields.ROLE_ALIAS), section.get(fields.ENDPOINT)
    port = section.get(fields.PORT, 443)
    if not _is_made_of(alias, _ALIAS_SYMBOLS, _MAX_ALIAS):
        raise _wrong("%s must be the name of an AWS IoT role alias" % fields.ROLE_ALIAS)
    if not _is_made_of(host, _HOST_SYMBOLS, _MAX_HOST):
        advice = "aws iot describe-endpoint --endpoint-type iot:CredentialProvider"
        raise _wrong("%s must be the host name of the credentials provider" % fields.ENDPOINT, advice)
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
        raise _wrong("%s must be a whole number from 1 to 65535" % fields.PORT)
    return alias, host, port


def _section(raw, name):
    """A section of config.json; {} when it, or the file, is missing or cannot be read."""
    try:
        is_read = raw and len(raw) <= documents.MAX_OTHER_BYTES
        section = documents.loads(raw).get(name, {}) if is_read else {}
    except (ValueError, AttributeError):
        return {}  # `switches` complains
    if not isinstance(section, dict):
        raise _wrong('"%s" must be an object' % name)
    return section


def _is_made_of(text, symbols, limit):
    return isinstance(text, str) and 0 < len(text) <= limit and all(symbol in symbols for symbol in text)
