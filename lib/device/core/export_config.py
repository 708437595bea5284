"""Reads how log lines are exported: the section "logs" of config.json. Used once, then unloaded."""

from device.core import board_config, fields
from device.core.board_config import is_made_of, wrong
from device.core.log import INFO, LEVELS

_RULE_SYMBOLS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"  # AWS IoT: RuleName
_GROUP_SYMBOLS = _RULE_SYMBOLS + "-./#"  # CloudWatch Logs: LogGroupName
_MAX_NAME = 128
_MAX_GROUP = 512
_MAX_SOURCES = 16
_EVERY_MQTT_S = 60
_EVERY_CLOUDWATCH_S = 300
_EVERY_HIGH_S = 86400


def export(raw):
    """The settings in config.json; None when nothing is exported. Raises Failure.

    (BY, least level, only these sources or (), none of these, ms between two exports, place, whether the log
    on flash is exported). The place is for MQTT the rule's name or "", for CLOUDWATCH (region, group, host,
    port, whether the group may be made).
    """
    section = board_config.section(raw, fields.LOGS, None)
    if section is None:
        return None
    way, level = section.get(fields.BY, fields.MQTT), section.get(fields.LEVEL, INFO)
    if way not in (fields.MQTT, fields.CLOUDWATCH):
        raise wrong('"%s" must be "%s" or "%s"' % (fields.BY, fields.MQTT, fields.CLOUDWATCH))
    if level not in LEVELS:
        raise wrong("%s must be one of %s" % (fields.LEVEL, ", ".join(LEVELS)))
    is_direct = way == fields.CLOUDWATCH
    usual_s = _EVERY_CLOUDWATCH_S if is_direct else _EVERY_MQTT_S
    every_s = _number(section, fields.EVERY_S, usual_s, _EVERY_HIGH_S)
    place = _cloudwatch(section) if is_direct else section.get(fields.RULE, "")
    if not is_direct and place and not is_made_of(place, _RULE_SYMBOLS, _MAX_NAME):
        raise wrong("%s must be the name of an AWS IoT rule" % fields.RULE)
    only, without = _sources(section, fields.SOURCES), _sources(section, fields.WITHOUT)
    return way, LEVELS.index(level), only, without, every_s * 1000, place, board_config.log(raw)[1] > 0


def _cloudwatch(section):
    region, group = section.get(fields.REGION), section.get(fields.GROUP)
    if not is_made_of(region, board_config.HOST_SYMBOLS, _MAX_NAME):
        raise wrong("%s must be a region of AWS, such as eu-west-1" % fields.REGION)
    if not is_made_of(group, _GROUP_SYMBOLS, _MAX_GROUP):
        raise wrong("%s must be the name of a log group" % fields.GROUP)
    host = section.get(fields.ENDPOINT, "logs.%s.amazonaws.com" % region)
    if not is_made_of(host, board_config.HOST_SYMBOLS, board_config.MAX_HOST):
        raise wrong("%s must be a host name" % fields.ENDPOINT)
    may_make = section.get(fields.CREATE_GROUP, False)
    if not isinstance(may_make, bool):
        raise wrong("%s must be true or false" % fields.CREATE_GROUP)
    return region, group, host, _number(section, fields.PORT, 443, 65535), may_make


def _sources(section, name):
    value = section.get(name, [])
    if not isinstance(value, list) or len(value) > _MAX_SOURCES or not all(isinstance(s, str) for s in value):
        raise wrong('"%s" must be a list of at most %d names' % (name, _MAX_SOURCES))
    return tuple(value)


def _number(section, name, default, high):
    value = section.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= high:
        raise wrong("%s must be from 1 to %d" % (name, high))
    return value
