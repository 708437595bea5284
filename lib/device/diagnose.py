"""What a board knows about itself, for who looks for a fault: `import device.diagnose` at the prompt.

Each fact is a line "~D NAME JSON"; `muster doctor` says in words what they mean. Nothing is changed, no key
is shown. A fact that cannot be found out has the reason in its place.
"""

import gc
import json
import sys

import __main__
from device import _build
from device.core import fields, paths, pem, settings, wifi_file, x509
from device.port import board, clock, store
from device.port import network as port

_LINES = 12
_SLOTS = (("active", paths.CERT), ("claim", paths.BOOTSTRAP), ("trial", paths.TRIAL))


def tell(state=None):
    """Print every fact. `state`: of the program that ran until now, or None."""
    for name, find in _FACTS:
        try:
            value = find(state)
        except Exception as error:  # whatever is wrong with a board must not keep the other facts back
            value = {"error": "%s: %s" % (type(error).__name__, error)}
        print("~D " + name + " " + json.dumps(value))
        gc.collect()


def _program(_):
    umqtt = getattr(sys.modules.get("umqtt.simple"), "__file__", "")
    if umqtt and umqtt[0] != "/" and store.exists("/" + umqtt):
        umqtt = "/" + umqtt  # found from the root on; a frozen module has no slash there either
    return {
        "board": board.name(), "muster": _build.VERSION, "profile": _build.PROFILE, "umqtt": umqtt,
        "micropython": ".".join(str(part) for part in sys.implementation[1][:3]),
    }  # fmt: skip


def _memory(_):
    return {
        "free": board.free_memory(), "largest": board.largest_piece(),
        "tls": _build.TLS_HEAP_BYTES, "piece": _build.TLS_PIECE_BYTES,
    }  # fmt: skip


def _flash(_):
    free, size = store.space()
    return {"free": free, "size": size, "offline": store.exists(paths.OFFLINE)}


def _clock(_):
    return {"unix": clock.unix(), "built": _build.BUILD_TIME}


def _files(_):
    """Why each file of a person's is wrong; null if it is right or missing."""
    from device.core import board_config

    found = {"missing": [path for path in (paths.CONF, paths.WIFI) if not store.exists(path)]}
    for name, path, check in (
        ("conf", paths.CONF, lambda raw: settings.read(raw, lambda: True)),
        ("wifi", paths.WIFI, wifi_file.wifi),
        ("config", paths.CONFIG, board_config.switches),
    ):
        found[name] = None
        if store.exists(path):
            try:
                check(store.read(path))
            except Exception as error:
                found[name] = str(error)
    return found


def _identity(_):
    return {name: _slot(path) for name, path in _SLOTS if store.exists(path)}


def _slot(path):
    files = store.read_slot(path)
    missing = [name for name in paths.CREDENTIALS if not files[name]]
    found = {"missing": missing, "sealed": bool(files[paths.IDENTITY])}
    if missing:
        return found
    try:
        certificate = pem.to_der(files[paths.CERTIFICATE])
        key = pem.to_der(files[paths.PRIVATE_KEY])
        seen = x509.read(certificate)
        found.update({"subject": seen.subject, "from": seen.not_before, "to": seen.not_after})
        found.update({"kind": x509.kind(key), "match": x509.matches(certificate, key)})
        found["root"] = x509.read(pem.to_der(files[paths.ROOT_CA])).subject
    except ValueError as error:
        found["damaged"] = str(error)
    return found


def _wifi(_):
    link = port.link()
    joined = port.facts()
    found = {"on": link.active(), "joined": joined, "status": link.status(), "known": [], "seen": None}
    if store.exists(paths.WIFI):
        found["known"] = [one[0] for one in wifi_file.wifi(store.read(paths.WIFI))[0]]
    if not joined and link.active():
        found["seen"] = [one[:2] for one in port.scan()][:20]
    return found


def _cloud(state):
    """The server: its name, its address, whether it takes a connection; each with its milliseconds."""
    import socket

    conf = settings.read(store.read(paths.CONF), lambda: True)
    identity = state.identity if state else None
    found = {
        "host": identity.endpoint if identity else conf.endpoint,
        "port": identity.port if identity else conf.port,
        "serial": conf.serial,
    }
    if not port.connected() or not found["host"]:
        return found
    start_ms = clock.ms()
    try:
        where = socket.getaddrinfo(found["host"], found["port"])[0][-1]
    except OSError as error:
        found["lookup"] = str(error)
        found["lookup_ms"] = clock.ms() - start_ms
        return found
    found["lookup_ms"] = clock.ms() - start_ms
    # MicroPython's unix port has socket addresses as bytes: family, port, address.
    found["address"] = where[0] if isinstance(where, tuple) else ".".join(str(one) for one in where[4:8])
    start_ms = clock.ms()
    line = socket.socket()
    try:
        line.settimeout(5)
        line.connect(where)
    except OSError as error:
        found["connect"] = str(error)
    finally:
        line.close()
    found["connect_ms"] = clock.ms() - start_ms
    return found


def _services(state):
    supervisor = state.supervisor if state else None
    return supervisor.facts() if supervisor else None


def _restarts(_):
    raw = store.read(paths.RESTARTS)
    starts = store.read(paths.STARTS)
    return {
        "last": json.loads(raw)[fields.RESTARTS][:5] if raw else [],
        "early": json.loads(starts) if starts else None,
    }


def _log(_):
    """The last lines that warn, and what was said last."""
    lines = board.log.lines() if board.log else []
    bad = [line for line in lines if line[1] in ("warn", "error")][-_LINES:]
    return [line[1:4] for line in bad + lines[-2:]]


_FACTS = (
    ("program", _program),
    ("memory", _memory),
    ("flash", _flash),
    ("clock", _clock),
    ("files", _files),
    ("identity", _identity),
    ("wifi", _wifi),
    ("services", _services),
    ("restarts", _restarts),
    ("log", _log),
    ("cloud", _cloud),
)

tell(getattr(__main__, "state", None))
