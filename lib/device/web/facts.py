"""The JSON that describes the board, written in pieces: it is never in memory as a whole.

What everyone may see names no network and no server: the texts of errors stand in the private part only.
"""

import json

from device.core import fields, paths
from device.core.failures import Failure
from device.runtime.modules import unload, unload_passing, unload_readers
from device.runtime.service import DONE, FAILING, OFF, RUNNING

_STEPS = ("network", "time", "serialize", "provision", "mqtt", "status")
_ONE_TIME = ("serialize", "provision", "status")
_LOG_IN = "log in to see why"


def pieces(site, logged_in, private):
    """Generate the JSON of /api/claim, or with `private` that of /api/status."""
    state = site.state
    services = state.supervisor.facts()
    yield '{"board":' + json.dumps(_board(state))
    yield ',"claim":' + json.dumps(_claim(site, private))
    session = {
        "logged_in": logged_in,
        "has_password": site.password is not None,
        "setup": state.networking.access_point is not None,
    }
    yield ',"session":' + json.dumps(session)
    yield from _list("steps", (_step(state, name, services, private) for name in _STEPS))
    yield from _list("services", _services(state, services, private))
    yield from _list("problems", _problems(site, private))
    if private:
        yield ',"identity":' + json.dumps(_identity(site))
        yield ',"network":' + json.dumps(_network(state))
        yield ',"memory":' + json.dumps(_memory(state))
        yield ',"app":' + json.dumps(_app(state, services))
        yield from _list("restarts", _restarts(state))
    yield "}"


def _list(name, items):
    """Generate the JSON of a list, item by item."""
    mark = ',"%s":[' % name
    for item in items:
        yield mark + json.dumps(item)
        mark = ","
    yield "]" if mark == "," else mark + "]"


def _board(state):
    build, clock = state.ports.build, state.ports.clock
    return {
        "kind": build.BOARD,
        "name": state.ports.board.name(),
        "serial": state.settings.serial if state.settings else "",
        "version": build.VERSION,
        "up_s": clock.ms() // 1000,
        "unix": clock.unix(),
    }


def _claim(site, private):
    """The claim ID, which never changes once it is there, and when the builder is asked next."""
    if not site.claim or not site.claim["id"]:
        _read_claim(site)
    value = dict(site.claim, claimed=site.state.identity is not None)
    poll = getattr(site.state.services.get("claim"), "poll_facts", None)
    if poll:
        value["registered"], value["next_s"], error = poll()
        value["error"] = error if private else _LOG_IN if error else ""
    return value


def _read_claim(site):
    from device.core import claim_ids

    try:
        value = claim_ids.document(site.state.ports.store.read(paths.DEVICE, claim_ids.MAX_BYTES))
    except Failure:
        value = {}
    code = claim_ids.read(value.get(fields.CLAIM))
    product = value.get(fields.PRODUCT)
    site.claim = {
        "id": code,
        "shown": claim_ids.shown(code) if code else "",
        "product": product if isinstance(product, str) else "",
    }
    unload("device.core.claim_ids")


def _step(state, name, services, private):
    found, why = "off", ""
    for service, condition, text in services:
        if service == name:
            found, why = _said(state, name, condition), text
    if name == "network":
        joined = state.ports.network.facts()
        if joined:
            found, why = "done", "joined %s, %s" % (joined[0] or "a network", joined[1])
        elif found != "failed":
            found = "working"
    elif name == "time":
        found = "done" if state.session.knows_time() else "waiting"
    if not private:
        why = _LOG_IN if found == "failed" else ""
    return {"name": name, "state": found, "text": why}


def _said(state, name, condition):
    """The state of a step in the words of the page."""
    if condition == RUNNING:
        if name == "mqtt" and state.session.is_online():
            return "done"
        return "working" if name in _ONE_TIME or name == "mqtt" else "done"
    return {OFF: "off", DONE: "done", FAILING: "failed"}.get(condition, "waiting")


def _services(state, services, private):
    """Each service: whether it is built in and wanted, and what it is doing."""
    for name, condition, why in services:
        text = why if private else ""
        yield {"name": name, "built": True, "wanted": condition != OFF, "state": condition, "text": text}
    if private:
        from device.core import startup

        built = [service[0] for service in state.ports.build.SERVICES]
        for name in startup.ORDER:
            if name not in built:
                yield {"name": name, "built": False, "wanted": False, "state": OFF, "text": ""}
        unload_readers()


def _problems(site, private):
    """Sentences: what is wrong, and what to do about it."""
    from device.runtime import problems

    if site.password is None:
        yield "nobody can log in: this board has no password (`muster image --web-password-file` sets one)"
    found = problems.problems(site.state, private)
    unload("device.runtime.problems")
    while found:
        yield found.pop(0)


def _identity(site):
    """Who the board is to the cloud. Its key is never read here."""
    value = {"thing": "", "endpoint": "", "certificate": "", "subject": "", "from": 0, "until": 0}
    dates = getattr(site.state.services.get("renew"), "dates", None)
    value["renews"] = dates[3] if dates else 0
    identity = site.state.identity
    if identity:
        value["thing"], value["endpoint"] = identity.thing_name, identity.endpoint
        value["certificate"] = identity.certificate_id
        if not site.certificate or site.certificate[0] != identity.certificate_id:
            site.certificate = (identity.certificate_id,) + _certificate(site.state.ports.store)
        _, value["subject"], value["from"], value["until"] = site.certificate
    return value


def _certificate(store):
    """(common name of the subject, first second, last second) of the certificate; it is read once."""
    from device.core import pem, x509

    try:
        found = x509.read(pem.to_der(store.read(paths.CERT + "/" + paths.CERTIFICATE) or b""))
        return found.subject, found.not_before, found.not_after
    except (ValueError, Failure):
        return "", 0, 0
    finally:
        unload_passing()


def _network(state):
    from device.runtime import wifi_setup

    value = wifi_setup.facts(state)
    unload("device.runtime.wifi_setup")
    unload_readers()
    return value


def _memory(state):
    board = state.ports.board
    flash_free, flash_size = state.ports.store.space()
    return {
        "free": board.free_memory(),
        "largest": board.largest_piece(),
        "flash_free": flash_free,
        "flash_size": flash_size,
        "tables": _tables(state),
    }


def _tables(state):
    """{table: documents} of the database; {} while it does not run."""
    counts = getattr(state.services.get("database"), "counts", None)
    return counts() if counts else {}


def _restarts(state):
    from device.runtime import restarts

    found = restarts.known(state)
    unload("device.runtime.restarts")
    unload_readers()
    while found:
        yield found.pop(0)


def _app(state, services):
    for name, condition, why in services:
        if name == "app" and state.ports.store.exists(paths.APP):
            return {"state": condition, "error": getattr(state.services.get(name), "error", "") or why}
    return {"state": OFF, "error": ""}


def log_pieces(site, after):
    """Generate the JSON of /api/log: the lines after number `after`, one at a time."""
    log = site.state.log
    last = log.last()
    if after > last:
        after = 0  # the board has lost its power since, and counts anew
    yield '{"lines":['
    mark = ""
    while after < last:
        lines = log.lines(after, 1)
        if not lines:
            break
        yield mark + json.dumps(list(lines[0]))
        mark, after = ",", lines[0][0]
    yield '],"next":%d}' % after
