"""The start-up steps: their order, what each needs, and the switch that turns it off.

The order is the seed's: serialize, web server, register, provision, IAM keys, MQTT, database sync, shadow,
log export; the boot status follows MQTT. Three facts about a service are kept apart: built in (the
image contains it), wanted (config.json does not switch it off) and healthy (it runs).
"""

from device.core import documents, fields, paths
from device.core.failures import GIVE_UP, Failure

# name, what must be ready before it (as far as it is planned), whether the switch is in "cloud"
STEPS = (
    ("serialize", (), True),
    ("web", ("serialize",), False),
    ("database", (), False),
    ("register", ("serialize",), True),
    ("provision", ("register",), True),
    ("keys", ("provision",), True),
    ("mqtt", ("provision",), False),
    ("status", ("mqtt",), False),
    ("sync", ("mqtt", "database"), True),
    ("shadow", ("mqtt",), True),
    ("logs", ("keys",), True),
    ("url", (), False),
    ("heartbeat", (), False),
)
BOOT_STEPS = ("serialize", "register", "provision")  # those that boot.py may begin


def switches(raw):
    """The object "services" of config.json; {} when the file is missing: everything on.

    Raises Failure (GIVE_UP) when the file cannot be read.
    """
    if raw is None:
        return {}
    try:
        value = documents.loads(raw)
        services = value.get(fields.SERVICES, {})
        services.get(fields.CLOUD)
        return services
    except (ValueError, AttributeError):
        raise Failure(
            GIVE_UP, paths.CONFIG + ": is not a JSON object with " + fields.SERVICES, "correct the file"
        )


def wanted(services, name, in_cloud):
    """Whether the switches leave the step `name` on; what is not mentioned is on."""
    if in_cloud:
        cloud = services.get(fields.CLOUD, True)
        if isinstance(cloud, dict):
            return cloud.get(name, True) is not False
        return cloud is not False
    return services.get(name, True) is not False


def plan(services, built):
    """[(name, needs)] of the steps to start, in order: built in and wanted; needs not planned fall away.

    `services` are the switches, `built` the names that the image contains.
    """
    chosen = [step[0] for step in STEPS if step[0] in built and wanted(services, step[0], step[2])]
    return [(name, [need for need in needs if need in chosen]) for name, needs, _ in STEPS if name in chosen]
