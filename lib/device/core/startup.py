"""Start-up: the order in which services start, and which of them are enabled.

The order is the seed's: serialize, web server, register, provision, IAM keys, MQTT, database sync, shadow,
log export; the network comes first, a claim follows register, and the boot status MQTT. Services unknown to
the seed come last. Three facts about a service are kept apart: built in (the image contains it), enabled
(config.json does not switch it off) and healthy (it runs).
"""

from device.core import fields

ORDER = (
    "network",
    "serialize",
    "web",
    "database",
    "register",
    "claim",
    "provision",
    "keys",
    "mqtt",
    "queue",
    "status",
    "commands",
    "sync",
    "shadow",
    "logs",
    "renew",
    "url",
    "app",
    "log",
    "health",
    "panel",
    "heartbeat",
)

# When memory is short, these are stopped one after the other, in this order, until there is enough.
STOP_ORDER = ("web", "url", "panel", "app", "log", "database")

_OFF = "switched off"
_CLOUD_OFF = "the cloud is switched off"
_NOT_IN_SAFE_MODE = "does not run in safe mode"


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
    """What to start: ([(name, needs)] in order, {name: why it is off}, [notes for a person]).

    `built`: (name, needs, in_cloud, in_safe_mode) of each service in the image, as declared in its file.
    `safe`: only those that run in safe mode. A service that needs one that is off is off as well, unless
    config.json names it: then the one it needs is switched on. `"cloud": false` has the last word. Needs that
    are not built in are dropped.
    """
    needs_of = {name: [need for need in needs if _find(built, need)] for name, needs, _, _ in built}
    order = _sorted(needs_of)
    off = {}
    if switches.get(fields.CLOUD) is False:
        off = {name: _CLOUD_OFF for name, _, in_cloud, _ in built if in_cloud}
        _switch_off_users(order, needs_of, off)
    for name, _, in_cloud, _ in built:
        if name not in off and not wanted(switches, name, in_cloud):
            off[name] = _OFF
    notes = faults(switches, built) + _switch_on_needs(switches, built, needs_of, off)
    _switch_off_users(order, needs_of, off)
    for name, _, _, in_safe_mode in built:
        if safe and not in_safe_mode:
            off.setdefault(name, _NOT_IN_SAFE_MODE)
    names = [name for name in order if name not in off]
    return [(name, [need for need in needs_of[name] if need not in off]) for name in names], off, notes


def left_out(off):
    """The services that do not start because of config.json, for a person: one line for each reason."""
    reasons = sorted(set(off.values()))
    return [
        "not started: %s (%s)" % (", ".join(sorted(name for name in off if off[name] == reason)), reason)
        for reason in reasons
        if reason != _NOT_IN_SAFE_MODE
    ]


def faults(switches, built):
    """What is wrong with the switches, as notes: names of no service, and names in the wrong place."""
    notes = []
    for place, is_cloud in ((switches, False), (switches.get(fields.CLOUD), True)):
        for name in sorted(place) if isinstance(place, dict) else ():
            service = _find(built, name)
            if service and service[2] != is_cloud:
                notes.append('"%s" belongs %s "%s"' % (name, "beside" if is_cloud else "in", fields.CLOUD))
            elif not service and name not in ORDER and (is_cloud or name != fields.CLOUD):
                notes.append('there is no service "%s"' % name)
    return notes


def _switch_on_needs(switches, built, needs_of, off):
    """Take what a service needs that config.json names out of `off`, also indirectly; return notes."""
    notes = []
    names = [
        name for name, _, in_cloud, _ in built if name not in off and _is_named(switches, name, in_cloud)
    ]
    for name in names:  # it grows
        for need in needs_of[name]:
            if off.get(need) == _OFF:
                notes.append("%s is switched on, because %s needs it" % (need, name))
                del off[need]
            if need not in off and need not in names:
                names.append(need)
    return notes


def _switch_off_users(order, needs_of, off):
    """Add to `off` what needs, also indirectly, a service that is in it."""
    count = -1
    while count != len(off):
        count = len(off)
        for name in order:
            for need in needs_of[name]:
                if need in off and name not in off:
                    off[name] = _CLOUD_OFF if off[need] == _CLOUD_OFF else need + " is off"


def _is_named(switches, name, in_cloud):
    """Whether config.json has a switch for the service, where it belongs."""
    place = switches.get(fields.CLOUD) if in_cloud else switches
    return isinstance(place, dict) and name in place


def _find(built, name):
    """The service of this name in `built`, or None."""
    for service in built:
        if service[0] == name:
            return service
    return None


def _sorted(names):
    """`names` in the order of starting."""
    known = [name for name in ORDER if name in names]
    return known + sorted(name for name in names if name not in ORDER)
