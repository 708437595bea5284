"""wifi.json: the networks that a board may join, in order."""

from device.core import documents, fields, paths
from device.core.failures import GIVE_UP, Failure


def _wrong(cause):
    return Failure(GIVE_UP, paths.WIFI + ": " + cause, "correct the file and restart")


def read(raw):
    """([(ssid, password)], country code or "") from the bytes of wifi.json; no file means no networks.

    Raises Failure (GIVE_UP) that says what is wrong; never with a password in it.
    """
    if raw is None:
        return [], ""
    try:
        value = documents.loads(raw)
    except ValueError:
        raise _wrong("is not whole JSON (%d bytes)" % len(raw))
    if not isinstance(value, dict) or not isinstance(value.get(fields.NETWORKS), list):
        raise _wrong('has no list "%s"' % fields.NETWORKS)
    known = []
    for number, network in enumerate(value[fields.NETWORKS]):
        name = network.get(fields.SSID) if isinstance(network, dict) else None
        if not isinstance(name, str) or not name:
            raise _wrong('network %d has no "%s"' % (number + 1, fields.SSID))
        password = network.get(fields.PASSWORD)
        if password is not None and not isinstance(password, str):
            raise _wrong('network %d has a "%s" that is no text' % (number + 1, fields.PASSWORD))
        known.append((name, password or None))
    country = value.get(fields.COUNTRY, "")
    if not isinstance(country, str) or len(country) not in (0, 2):
        raise _wrong('"%s" is no code of two letters' % fields.COUNTRY)
    return known, country
