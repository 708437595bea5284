"""wifi.json: the networks that a board may join, in order."""

from device.core import documents, keys, paths
from device.core.errors import GIVE_UP, Trouble


def _wrong(cause):
    return Trouble(GIVE_UP, paths.WIFI + ": " + cause, "correct the file and restart")


def read(raw):
    """([(ssid, password)], country code or "") from the bytes of wifi.json; no file means no networks.

    Raises Trouble (GIVE_UP) that says what is wrong; never with a password in it.
    """
    if raw is None:
        return [], ""
    try:
        value = documents.loads(raw)
    except ValueError:
        raise _wrong("is not whole JSON (%d bytes)" % len(raw))
    if not isinstance(value, dict) or not isinstance(value.get(keys.NETWORKS), list):
        raise _wrong('has no list "%s"' % keys.NETWORKS)
    known = []
    for number, network in enumerate(value[keys.NETWORKS]):
        if not isinstance(network, dict) or not isinstance(network.get(keys.SSID), str):
            raise _wrong('network %d has no "%s"' % (number + 1, keys.SSID))
        password = network.get(keys.PASSWORD)
        if password is not None and not isinstance(password, str):
            raise _wrong('network %d has a "%s" that is no text' % (number + 1, keys.PASSWORD))
        known.append((network[keys.SSID], password or None))
    country = value.get(keys.COUNTRY, "")
    if not isinstance(country, str):
        raise _wrong('"%s" is no text' % keys.COUNTRY)
    return known, country
