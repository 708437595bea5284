"""Reads config.json: which services are on, and what of the log is kept. Used once, then unloaded."""

from device.core import documents, fields, paths, topics
from device.core.log import INFO, LEVELS

_LOG_LOW = 4096
_LOG_HIGH = 131072


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


def shadows(raw):
    """The names of shadows in "shadow" of config.json, for a board whose application opens none; or []."""
    try:
        is_read = raw and len(raw) <= documents.MAX_OTHER_BYTES
        names = documents.loads(raw)[fields.SERVICES][fields.CLOUD][fields.SHADOW] if is_read else ()
    except (ValueError, KeyError, TypeError):
        return []
    if not isinstance(names, list):
        return []
    for name in names:
        if topics.shadow_name_fault(name):
            raise _wrong("the name of a shadow " + topics.shadow_name_fault(name))
    return names


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
