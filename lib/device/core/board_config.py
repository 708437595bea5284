"""Reads config.json: which services are on, where the builder is, what of the log is kept.

Used once, then unloaded.
"""

from device.core import documents, fields, paths
from device.core.log import INFO, LEVELS

_LOG_LOW = 4096
_LOG_HIGH = 131072
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
    try:
        is_read = raw and len(raw) <= documents.MAX_OTHER_BYTES
        section = documents.loads(raw).get(fields.API, {}) if is_read else {}
    except (ValueError, AttributeError):
        return "", 0  # `switches` complains
    if not isinstance(section, dict):
        raise _wrong('"%s" must be an object' % fields.API)
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


def log(raw):
    """(least level, bytes of flash) of the section "log" in config.json; (INFO, 0) when there is none."""
    try:
        is_read = raw and len(raw) <= documents.MAX_OTHER_BYTES
        section = documents.loads(raw).get(fields.LOG, {}) if is_read else {}
    except (ValueError, AttributeError):
        return INFO, 0  # `switches` complains
    if not isinstance(section, dict):
        raise _wrong('"%s" must be an object' % fields.LOG)
    level, size = section.get(fields.LEVEL, INFO), section.get(fields.FLASH_BYTES, 0)
    if level not in LEVELS:
        raise _wrong("%s must be one of %s" % (fields.LEVEL, ", ".join(LEVELS)))
    is_number = isinstance(size, int) and not isinstance(size, bool)
    if not is_number or not (size == 0 or _LOG_LOW <= size <= _LOG_HIGH):
        text = "%s must be 0 or from %d to %d" % (fields.FLASH_BYTES, _LOG_LOW, _LOG_HIGH)
        raise _wrong(text)
    return level, size
