"""The MQTT topics of device shadows. A board without shadows does not load them.

Source: AWS IoT Developer Guide, "Device Shadow MQTT topics".
"""

from device.core import topics

GET = "/get"  # requests of a shadow, and what the cloud says of it by itself
UPDATE = "/update"
DELETE = "/delete"
DELTA = "/update/delta"
DOCUMENTS = "/update/documents"
_SHADOW = "/shadow"
_NAMED = "/name/"
MAX_NAME = 64


def of(thing, name=None):
    """What the topics of a thing's shadow begin with: the named one, or the classic one without a name."""
    return topics.THINGS + thing + _SHADOW + (_NAMED + name if name else "")


def parts(topic):
    """(thing, name or None for the classic one, request) in a request topic of a shadow, or None."""
    if not topic.startswith(topics.THINGS):
        return None
    for request in (GET, UPDATE, DELETE):
        if topic.endswith(request):
            thing, _, name = topic[len(topics.THINGS) : -len(request)].partition(_SHADOW)
            if "/" in thing or not thing:
                return None
            if not name:
                return (thing, None, request) if topic == of(thing) + request else None
            name = name[len(_NAMED) :] if name.startswith(_NAMED) else ""
            return None if name_fault(name) else (thing, name, request)
    return None


def name_fault(name):
    """Why AWS does not accept `name` as the name of a shadow, or None when it does."""
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME:
        return "must have 1 to %d characters" % MAX_NAME
    for symbol in name:
        if symbol != "$" and symbol not in topics.NAME_SYMBOLS:
            return "contains %r; only letters, digits, : _ - $ are allowed" % symbol
    return None
