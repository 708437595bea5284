"""Topic names and filters as AWS IoT Core sees them.

Source: AWS IoT Developer Guide, "MQTT" (differences from the standard) and "Reserved topics".
"""

from device.core import shadow_topics, topics
from muster.twin.settings import Limits

_RULE_SLASHES = 3  # $aws/rules/<rule>/ does not count
_SYNC = topics.sync("", "")[1:]  # the end of a board's requests to synchronise


def name_problem(topic: str, limits: Limits) -> str | None:
    """Why a client may not publish to `topic`, or None."""
    if "+" in topic or "#" in topic:
        return "wildcard in a topic name"
    return _size_problem(topic, limits)


def filter_problem(topic_filter: str, limits: Limits) -> str | None:
    """Why a client may not subscribe to `topic_filter`, or None."""
    levels = topic_filter.split("/")
    for index, level in enumerate(levels):
        if "+" in level and level != "+":
            return "+ must stand alone in its level"
        if "#" in level and (level != "#" or index != len(levels) - 1):
            return "# must stand alone at the end"
    return _size_problem(topic_filter, limits)


def _size_problem(topic: str, limits: Limits) -> str | None:
    if topic.startswith(topics.RULES):
        topic = topic.split("/", _RULE_SLASHES)[-1]
    if len(topic.encode()) > limits.topic_bytes:
        return f"more than {limits.topic_bytes} bytes"
    if topic.count("/") > limits.topic_slashes:
        return f"more than {limits.topic_slashes} slashes"
    return None


def has_wildcard(topic_filter: str) -> bool:
    """True for a filter that can match more than one topic."""
    return "+" in topic_filter or "#" in topic_filter


def matches(topic: str, topic_filter: str) -> bool:
    """Does the filter cover the topic? As on AWS, `a/#` does not cover `a`."""
    if topic.startswith("$") and topic_filter[:1] in ("+", "#"):
        return False
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if index >= len(levels):
            return False
        if level == "#":
            return True
        if level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)


def booted_serial(topic: str) -> str | None:
    """The serial in a boot status topic of any prefix, or None."""
    prefix, _, rest = topic.rpartition("/")
    prefix, _, serial = prefix.rpartition("/")
    return serial if prefix and rest and topics.booted(prefix, serial) == topic else None


def sync_of(topic: str) -> tuple[str, str] | None:
    """(prefix, serial) in a board's request to synchronise, or None for any other topic."""
    if not topic.endswith(_SYNC):
        return None
    prefix, _, serial = topic.removesuffix(_SYNC).rpartition("/")
    return (prefix, serial) if prefix and serial else None


def shadow_of(topic: str) -> tuple[str, str | None, str] | None:
    """(thing, name or None for the classic one, request) in a request topic of a shadow, or None."""
    if not topic.startswith(topics.THINGS):
        return None
    for request in (shadow_topics.GET, shadow_topics.UPDATE, shadow_topics.DELETE):
        if topic.endswith(request):
            thing, _, rest = topic[len(topics.THINGS) : -len(request)].partition(shadow_topics.SHADOW)
            name = rest.removeprefix(shadow_topics.NAMED) if rest else None
            if not thing or "/" in thing or topic != shadow_topics.of(thing, name) + request:
                return None
            return None if rest and shadow_topics.name_fault(name) else (thing, name, request)
    return None
