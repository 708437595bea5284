"""The start-up: in which order services begin, and which of them are wanted.

The order is the seed's: serialize, web server, register, provision, IAM keys, MQTT, database sync, shadow,
log export; the boot status follows MQTT. A service that the seed does not know follows those. Three facts
about a service are kept apart: built in (the image contains it), wanted (config.json does not switch it
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
    """Whether the switches of config.json leave the service `name` on; what is not mentioned is on.

    `in_cloud`: its switch stands in "cloud", and `"cloud": false` turns it off with the others.
    """
    if in_cloud:
        cloud = switches.get(fields.CLOUD, True)
        if isinstance(cloud, dict):
            return cloud.get(name, True) is not False
        return cloud is not False
    return switches.get(name, True) is not False


def plan(switches, built, safe=False):
    """[(name, needs)] of the services to start, in order: built in and wanted; needs not planned fall away.

    `built`: (name, needs, in_cloud, in_safe_mode) of each service in the image, as its own file says.
    `safe`: only those that a board in safe mode still runs.
    """
    chosen = {}
    for name, needs, in_cloud, in_safe_mode in built:
        if wanted(switches, name, in_cloud) and (in_safe_mode or not safe):
            chosen[name] = needs
    known = [name for name in ORDER if name in chosen]
    names = known + sorted(name for name in chosen if name not in ORDER)
    return [(name, [need for need in chosen[name] if need in chosen]) for name in names]
