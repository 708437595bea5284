"""All MQTT topics are built here, those of shadows in core.shadow_topics, and nowhere else.

Source: AWS IoT Developer Guide, "Device provisioning MQTT API" and "Reserved topics";
the boot status topic is the seed's.
"""

CREATE_KEYS = "$aws/certificates/create/json"
CREATE_FROM_CSR = "$aws/certificates/create-from-csr/json"
DEFAULT_TEMPLATE = "CameraProvisioningTemplate"
DEFAULT_RENEWAL_TEMPLATE = "RenewalTemplate"  # a new certificate, requested with the device's own one
_COMMAND = "command/"  # below the board's own topics
_SYNC = "sync/exchange"  # likewise: the board's requests, and "accepted" and "rejected" below it
_SYNC_CHANGED = "sync/changed/"  # likewise: the cloud has changed this table
DEFAULT_PREFIX = "cameraDevice"  # of the boot status, when ento.conf names none
MAX_NAME = 128  # AWS IoT: ThingName, client id
NAME_SYMBOLS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-"
THINGS = "$aws/things/"  # shadows and jobs of a thing stand below it
RULES = "$aws/rules/"  # basic ingest
_ACCEPTED = "/accepted"
_REJECTED = "/rejected"
_REGISTER_HEAD = "$aws/provisioning-templates/"
_REGISTER_TAIL = "/provision/json"


def register(template):
    """The RegisterThing request topic of the provisioning template `template`."""
    return _REGISTER_HEAD + template + _REGISTER_TAIL


def accepted(request):
    """The topic of the cloud's positive answer to `request`."""
    return request + _ACCEPTED


def rejected(request):
    """The topic of the cloud's refusal of `request`."""
    return request + _REJECTED


def booted(prefix, serial):
    """The boot status topic of the board with this serial."""
    return prefix + "/" + serial + "/booted"


def own(prefix, serial, name):
    """The topic `name` of the board with this serial: its policy usually allows those below its serial."""
    return prefix + "/" + serial + "/" + name


def log(prefix, serial):
    """The topic of the log lines of the board with this serial; with the serial "+", the filter for all."""
    return own(prefix, serial, "log")


def by_rule(rule, topic):
    """Where to publish what only this rule of AWS IoT is to get (basic ingest)."""
    return RULES + rule + "/" + topic


def command(prefix, serial, name):
    """The topic of the command `name` to this board; with the name "+", the filter for all of them."""
    return own(prefix, serial, _COMMAND + name)


def command_of(prefix, serial, topic):
    """The name in the topic of a command to this board, or None for any other topic."""
    head = command(prefix, serial, "")
    name = topic[len(head) :] if topic.startswith(head) else ""
    return name if name and "/" not in name else None


def sync(prefix, serial):
    """The topic on which this board synchronises its tables."""
    return own(prefix, serial, _SYNC)


def sync_changed(prefix, serial, table):
    """The topic of news about a table; with the name "+", the filter for all of them."""
    return own(prefix, serial, _SYNC_CHANGED + table)


def template_of(topic):
    """The template name in a RegisterThing request topic, or None for any other topic."""
    if topic.startswith(_REGISTER_HEAD) and topic.endswith(_REGISTER_TAIL):
        name = topic[len(_REGISTER_HEAD) : -len(_REGISTER_TAIL)]
        if name and "/" not in name:
            return name
    return None


def request_of(topic):
    """Split an answer topic into (request topic, accepted?); (topic, None) for any other topic."""
    if topic.endswith(_ACCEPTED):
        return topic[: -len(_ACCEPTED)], True
    if topic.endswith(_REJECTED):
        return topic[: -len(_REJECTED)], False
    return topic, None


def matches(topic_filter, topic):
    """Whether `topic` matches `topic_filter` (MQTT 3.1.1, section 4.7).

    A filter that begins with a wildcard does not match topics that begin with "$".
    """
    if topic_filter == topic:
        return True
    wanted, given = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for at, level in enumerate(wanted):
        if level == "#":
            return True
        if at >= len(given) or level not in ("+", given[at]):
            return False
    return len(wanted) == len(given)


def filter_fault(topic_filter):
    """Why `topic_filter` is invalid (MQTT 3.1.1, section 4.7.1; AWS IoT limits), or None."""
    if not topic_filter or len(topic_filter.encode()) > 256:
        return "must have 1 to 256 bytes"
    levels = topic_filter.split("/")
    for at, level in enumerate(levels):
        if ("+" in level or "#" in level) and len(level) > 1:
            return "has a wildcard next to other characters in %r" % level
        if level == "#" and at < len(levels) - 1:
            return "has # before its end"
    return None


def topic_fault(topic):
    """Why nothing can be published on `topic` (MQTT 3.1.1, section 4.7; AWS IoT limits), or None."""
    if not isinstance(topic, str):
        return "must be a string"
    if not topic or len(topic.encode()) > 256:
        return "must have 1 to 256 bytes"
    if topic.count("/") > (10 if topic.startswith(RULES) else 7):
        return "has too many levels; AWS allows 8"
    for symbol in "+#\0":
        if symbol in topic:
            return "contains %r" % symbol
    return None


def name_fault(name, limit=MAX_NAME):
    """Why AWS does not accept `name` as thing name and client id, or None when it does."""
    if name is None:
        return "is missing"
    if not isinstance(name, str):
        return "must be a string"
    if not 1 <= len(name) <= limit:
        return "has %d characters; 1 to %d are allowed" % (len(name), limit)
    for symbol in name:
        if symbol not in NAME_SYMBOLS:
            return "contains %r; only letters, digits, : _ - are allowed" % symbol
    return None
