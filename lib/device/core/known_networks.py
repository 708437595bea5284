"""Changes wifi.json: a network is added or forgotten, everything else in the file stays.

Except what the board would refuse: it would refuse the whole file for it, and the network just added too.
"""

import json

from device.core import documents, fields
from device.core.failures import GIVE_UP, Failure

_MOST = 16  # networks that are kept: each may take 20 s when the board joins
_MAX_SSID = 32


def _document(raw):
    """What is good of the JSON object in `raw`; a new one when nothing can be made of it."""
    try:
        value = documents.loads(raw) if raw and len(raw) <= documents.MAX_OTHER_BYTES else {}
    except ValueError:
        value = {}
    if not isinstance(value, dict):
        value = {}
    networks = value.pop(fields.NETWORKS, None)
    value = {name: value[name] for name in value if _is_good({name: value[name], fields.NETWORKS: []})}
    if not isinstance(networks, list):
        networks = []
    value[fields.NETWORKS] = [one for one in networks if _is_good({fields.NETWORKS: [one]})]
    return value


def _is_good(value):
    """Whether the board would take this as its wifi.json."""
    from device.core import wifi_file  # only a change needs it

    try:
        wifi_file.wifi(json.dumps(value).encode())
    except Failure:
        return False
    return True


def _others(value, ssid):
    """The networks of the document, without the one of this name."""
    return [one for one in value[fields.NETWORKS] if one[fields.SSID] != ssid]


def is_shown(ssid):
    """Whether the name can be printed: no control characters, which a terminal obeys, no half symbols."""
    return all(
        symbol >= " " and not "\x7f" <= symbol <= "\x9f" and not 0xD800 <= ord(symbol) <= 0xDFFF
        for symbol in ssid
    )


def added(raw, ssid, password):
    """The bytes of wifi.json, `raw` (or None), with this network as the first one.

    `password`: "" or None for an open network. Raises Failure when no network can have this name or password.
    """
    if not isinstance(ssid, str) or not is_shown(ssid):
        raise Failure(GIVE_UP, "the name of a network is a text without control characters")
    if not 1 <= len(ssid.encode()) <= _MAX_SSID:
        raise Failure(GIVE_UP, "the name of a network has 1 to %d bytes" % _MAX_SSID)
    network = {fields.SSID: ssid}
    if password:
        if not isinstance(password, str) or not 8 <= len(password.encode()) <= 63:
            raise Failure(GIVE_UP, "the password of a network has 8 to 63 characters")
        network[fields.PASSWORD] = password
    value = _document(raw)
    value[fields.NETWORKS] = [network] + _others(value, ssid)[: _MOST - 1]
    if not _is_good(value):
        raise Failure(GIVE_UP, "there are too many networks", "forget one")
    return json.dumps(value).encode()


def forgotten(raw, ssid):
    """The bytes of wifi.json, `raw` (or None), without the network `ssid`; None when it is not there."""
    value = _document(raw)
    others = _others(value, ssid)
    if len(others) == len(value[fields.NETWORKS]):
        return None
    value[fields.NETWORKS] = others
    return json.dumps(value).encode()
