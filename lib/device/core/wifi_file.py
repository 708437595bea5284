"""Reads and checks wifi.json. Used once, then unloaded; core.known_networks changes the file."""

from device.core import documents, fields, paths
from device.core.failures import Failure
from device.core.secret import Secret


def _wrong(cause):
    return documents.wrong(paths.WIFI, cause)


def wifi(raw):
    """([(ssid, password)], country code or "") from the bytes of wifi.json; no file means no networks.

    A password is a Secret, or None. No error text contains one.
    """
    if raw is None:
        return [], ""
    if len(raw) > documents.MAX_OTHER_BYTES:
        raise _wrong("has %d bytes; the limit is %d" % (len(raw), documents.MAX_OTHER_BYTES))
    try:
        value = documents.loads(raw)
    except ValueError:
        raise _wrong("is not valid JSON (%d bytes)" % len(raw))
    if not isinstance(value, dict) or not isinstance(value.get(fields.NETWORKS), list):
        raise _wrong('has no list "%s"' % fields.NETWORKS)
    known = []
    for number, network in enumerate(value[fields.NETWORKS]):
        name = network.get(fields.SSID) if isinstance(network, dict) else None
        if not isinstance(name, str) or not name:
            raise _wrong('network %d has no "%s"' % (number + 1, fields.SSID))
        password = network.get(fields.PASSWORD)
        if password is not None and not isinstance(password, str):
            raise _wrong('network %d: "%s" must be a string' % (number + 1, fields.PASSWORD))
        known.append((name, Secret(password) if password else None))
    country = value.get(fields.COUNTRY, "")
    if not isinstance(country, str) or len(country) not in (0, 2):
        raise _wrong('"%s" must be a two-letter code' % fields.COUNTRY)
    _access_point(value)
    return known, country


def access_point(raw):
    """Whether wifi.json (`raw`) lets the board open its access point, and its password (Secret) or None.

    A file that is missing or invalid forbids nothing: the access point is there to mend it.
    """
    try:
        is_read = raw and len(raw) <= documents.MAX_OTHER_BYTES
        return _access_point(documents.loads(raw)) if is_read else (True, None)
    except (ValueError, AttributeError, Failure):
        return True, None


def _access_point(value):
    wanted = value.get(fields.ACCESS_POINT, {})
    if wanted is False:
        return False, None
    password = wanted.get(fields.PASSWORD) if isinstance(wanted, dict) else ""
    if password is not None and not (isinstance(password, str) and 8 <= len(password.encode()) <= 63):
        text = '"%s" must be false, or an object with a "%s" of 8 to 63 characters'
        raise _wrong(text % (fields.ACCESS_POINT, fields.PASSWORD))
    return True, Secret(password) if password else None
