"""The MQTT topics of device shadows. A board without shadows does not load them.

Source: AWS IoT Developer Guide, "Device Shadow MQTT topics".
"""

from device.core import topics

GET = "/get"  # requests of a shadow, and what the cloud says of it by itself
UPDATE = "/update"
DELETE = "/delete"
DELTA = "/update/delta"
DOCUMENTS = "/update/documents"
SHADOW = "/shadow"  # after the thing; the name of a named one comes after NAMED
NAMED = "/name/"
MAX_NAME = 64


def of(thing, name=None):
    """What the topics of a thing's shadow begin with: the named one, or the classic one without a name."""
    return topics.THINGS + thing + SHADOW + (NAMED + name if name else "")


def name_fault(name):
    """Why AWS does not accept `name` as the name of a shadow, or None when it does."""
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME:
        return "must have 1 to %d characters" % MAX_NAME
    for symbol in name:
        if symbol != "$" and symbol not in topics.NAME_SYMBOLS:
            return "contains %r; only letters, digits, : _ - $ are allowed" % symbol
    return None
