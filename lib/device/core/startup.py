"""Start-up: the order in which services start, and which of them are enabled.

The order is the seed's: serialize, web server, register, provision, IAM keys, MQTT, database sync, shadow,
log export; the boot status follows MQTT. Services unknown to the seed come last. Three facts
about a service are kept apart: built in (the image contains it), enabled (config.json does not switch it
off) and healthy (it runs).
"""

from device.core import fields

ORDER = (
    "serialize",
    "web",
    "database",
    "register",
    "provision",
    "keys",
    "mqtt",
    "status",
    "sync",
    "shadow",
    "logs",
    "url",
    "heartbeat",
)


def wanted(switches, name, in_cloud):
    """Whether the switches of config.json leave the service `name` on; the default is on.

    `in_cloud`: its switch stands in "cloud", and `"cloud": false` turns it off with the others.
    """
    if in_cloud:
        cloud = switches.get(fields.CLOUD, True)
        if isinstance(cloud, dict):
            return cloud.get(name, True) is not False
        return cloud is not False
    return switches.get(name, True) is not False


def plan(switches, built, safe=False):
    """[(name, needs)] of the services to start, in order: built in and enabled; unplanned needs are dropped.

    `built`: (name, needs, in_cloud, in_safe_mode) of each service in the image, as declared in its file.
    `safe`: only those that run in safe mode.
    """
    chosen = {}
    for name, needs, in_cloud, in_safe_mode in built:
        if wanted(switches, name, in_cloud) and (in_safe_mode or not safe):
            chosen[name] = needs
    known = [name for name in ORDER if name in chosen]
    names = known + sorted(name for name in chosen if name not in ORDER)
    return [(name, [need for need in chosen[name] if need in chosen]) for name in names]
