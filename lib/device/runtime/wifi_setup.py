"""What the page shows of the network, and what a person does there. Loaded when needed, then unloaded."""

import asyncio

from device.core import fields, paths, wifi_file
from device.core.failures import AGAIN, Failure


def add_network(state, ssid, password):
    """Keep a network, as the first one that is tried; raises Failure.

    The board joins it when it is on no other, and closes its access point for that.
    """
    from device.core import known_networks  # a look at the network does not need it

    store = state.ports.store
    store.write(paths.WIFI, known_networks.added(_file(store), ssid, password))
    state.ports.board.say("network", "a network was added to " + paths.WIFI)
    state.networking.change()


def forget_network(state, ssid):
    """Forget a network, and leave it; raises Failure when it is not known."""
    from device.core import known_networks

    store = state.ports.store
    changed = known_networks.forgotten(_file(store), ssid)
    if changed is None:
        raise Failure(AGAIN, "this network is not known")
    store.write(paths.WIFI, changed)
    state.ports.board.say("network", "a network was removed from " + paths.WIFI)
    facts = state.ports.network.facts()
    if facts and facts[0] == ssid:
        asyncio.create_task(state.networking.leave_soon())
    state.networking.change()


def _file(store):
    try:
        return store.read(paths.WIFI)
    except Failure:  # too large: nothing of it can be kept
        return None


def scan(state):
    """[{"ssid", "rssi", "open"}] of the networks on the air, the strongest first; blocks; raises Failure."""
    return [
        {fields.SSID: name, "rssi": rssi, "open": is_open}
        for name, rssi, is_open in state.ports.network.scan()
    ]


def facts(state):
    """{"ssid", "address", "rssi", "known", "access_point"}, for who has logged in."""
    opened = state.networking.access_point
    joined = state.ports.network.facts()
    name, address, rssi = joined or ("", opened[1] if opened else "", 0)
    try:
        known = [network[0] for network in wifi_file.wifi(state.ports.store.read(paths.WIFI))[0]]
    except Failure:
        known = []
    return {"ssid": name, "address": address, "rssi": rssi, "known": known, "access_point": bool(opened)}
