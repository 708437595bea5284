"""The JSON that describes the board, written in pieces: it is never in memory as a whole.

What everyone may see names no network, no server and no error text: those stand in `private` only.
"""

import json

from device.core import documents, fields, paths
from device.core.failures import Failure
from device.runtime.modules import unload
from device.runtime.service import DONE, FAILING, OFF, RUNNING

_STEPS = ("network", "time", "serialize", "provision", "mqtt", "status")
_ONE_TIME = ("serialize", "provision", "status")
_LOG_IN = "log in to see why"


def pieces(site, logged_in, private):
    """Generate the JSON of /api/claim, or with `private` that of /api/status."""
    state = site.state
    services = state.supervisor.facts()
    yield '{"board":' + json.dumps(_board(state))
    yield ',"claim":' + json.dumps(_claim(site))
    yield ',"session":' + json.dumps(
        {"logged_in": logged_in, "has_password": site.password is not None, "setup": _is_in_setup(state)}
    )
    mark = ',"steps":['
    for name in _STEPS:
        yield mark + json.dumps(_step(state, name, services, private))
        mark = ","
    yield '],"services":['
    mark = ""
    for name, condition, why in services:
        text = why if private else ""
        yield mark + json.dumps(
            {"name": name, "built": True, "wanted": condition != OFF, "state": condition, "text": text}
        )
        mark = ","
    mark = '],"problems":['
    for text in _problems(site, services, private):
        yield mark + json.dumps(text)
        mark = ","
    yield "]" if mark == "," else mark + "]"
    if private:
        for name, function in _PRIVATE:
            yield ',"%s":%s' % (name, json.dumps(function(state)))
    yield "}"


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


def _claim(site):
    """The claim ID, which never changes once it is there."""
    if not site.claim or not site.claim["id"]:
        _read_claim(site)
    return dict(site.claim, claimed=site.state.identity is not None)


def _read_claim(site):
    from device.core import claim_ids

    value = _document(site.state, paths.DEVICE)
    code = claim_ids.read(value.get(fields.CLAIM))
    product = value.get(fields.PRODUCT)
    site.claim = {
        "id": code,
        "shown": claim_ids.shown(code) if code else "",
        "product": product if isinstance(product, str) else "",
    }
    unload("device.core.claim_ids")


def _document(state, path):
    """The JSON object in a file; {} when there is none."""
    try:
        raw = state.ports.store.read(path)
        value = documents.loads(raw) if raw else {}
    except (ValueError, Failure):
        value = {}
    return value if isinstance(value, dict) else {}


def _step(state, name, services, private):
    found, why = "off", ""
    for service, condition, text in services:
        if service == name:
            found, why = _said(state, name, condition), text
    if name == "network":
        found = _network_state(state, found)
        why = why or _joined(state, found)
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


def _network_state(state, found):
    if state.ports.network.connected():
        return "done"
    return found if found == "failed" else "working"


def _joined(state, found):
    facts = network(state)
    if found != "done" or not facts.get("address"):
        return ""
    return "joined %s, %s" % (facts.get("ssid") or "a network", facts["address"])


def _problems(site, services, private):
    """Sentences: what is wrong, and what to do about it."""
    if site.fault:
        yield site.fault
    if site.password is None:
        yield "nobody can log in: this board has no password (`muster image --web-password-file` sets one)"
    for name, condition, why in services:
        if condition == FAILING:
            yield "%s: %s" % (name, why if private else _LOG_IN)
    if private:
        try:
            from device.runtime import trouble

            for text in trouble.problems(site.state):
                yield text
        except ImportError:
            pass


def network(state):
    """What `State.network_facts` tells; {} where there is none."""
    facts = getattr(state, "network_facts", None)
    return facts() if facts else {}


def _is_in_setup(state):
    return bool(network(state).get("access_point"))


def _identity(state):
    identity = state.identity
    value = {"thing": "", "endpoint": "", "certificate": "", "subject": "", "from": 0, "until": 0}
    if identity:
        value["thing"], value["endpoint"] = identity.thing_name, identity.endpoint
        value["certificate"] = identity.certificate_id
    return value


def _memory(state):
    store = state.ports.store
    free, size = store.space()
    return {
        "free": state.ports.board.free_memory(),
        "largest": state.ports.board.largest_piece(),
        "flash_free": free,
        "flash_size": size,
        "tables": {},
    }


def _restarts(state):
    from device.runtime import restarts

    found = restarts.known(state)
    unload("device.runtime.restarts")
    return found


def _app(state):
    return {"state": "off", "error": ""}


def log_pieces(site, after):
    """Generate the JSON of /api/log: the lines after number `after`, one at a time."""
    log = site.state.log
    last = log.last()
    if after > last:
        after = 0  # the board has lost its power since, and counts anew
    yield '{"lines":['
    mark = ""
    lines = log.lines(after, 1)
    while lines and after < last:
        yield mark + json.dumps(list(lines[0]))
        mark, after = ",", lines[0][0]
        lines = log.lines(after, 1)
    yield '],"next":%d}' % after


_PRIVATE = (
    ("identity", _identity),
    ("network", network),
    ("memory", _memory),
    ("restarts", _restarts),
    ("app", _app),
)
