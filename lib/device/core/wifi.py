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
        name = network.get(keys.SSID) if isinstance(network, dict) else None
        if not isinstance(name, str) or not name:
            raise _wrong('network %d has no "%s"' % (number + 1, keys.SSID))
        password = network.get(keys.PASSWORD)
        if password is not None and not isinstance(password, str):
            raise _wrong('network %d has a "%s" that is no text' % (number + 1, keys.PASSWORD))
        known.append((name, password or None))
    country = value.get(keys.COUNTRY, "")
    if not isinstance(country, str) or len(country) not in (0, 2):
        raise _wrong('"%s" is no code of two letters' % keys.COUNTRY)
    return known, country
