"""The claim credentials that come from the builder: short-lived, and gone once the board has its identity.

Loaded when needed, then unloaded. Credentials count only when all three files are there; the key is removed
first and written last, so a power cut leaves none, and the next poll brings new ones.
"""

import json

from device.core import documents, fields, paths, slots
from device.core.failures import GIVE_UP, Failure, Refused

_KEY = paths.BOOTSTRAP + "/" + paths.PRIVATE_KEY
_CERTIFICATE = paths.BOOTSTRAP + "/" + paths.CERTIFICATE
_AT_CONNECT = "connect with the " + dict(paths.CERTIFICATE_NAMES)[paths.BOOTSTRAP]  # of claim.provision.step


def keep(state, given):
    """Put what the builder gives (core.builder.Given) on flash: first where to connect to, last the key."""
    from device.core import conf_file
    from device.runtime.identity import know_self

    store = state.ports.store
    raw = store.read(paths.CONF)
    conf = conf_file.with_place(raw, given.endpoint, given.port, given.template)
    store.remove(_KEY)
    if conf != raw:
        store.write(paths.CONF, conf)
    raw = conf = None
    state.settings = None
    know_self(state)
    certificate = given.certificate.encode()
    store.write(paths.CLAIMED, json.dumps({fields.DIGESTS: slots.digest(certificate)}).encode())
    store.write(paths.BOOTSTRAP + "/" + paths.ROOT_CA, given.root.encode())
    store.write(_CERTIFICATE, certificate)
    store.write(_KEY, given.key.encode())


def is_here(store):
    """Whether the claim certificate came from the builder, and not from a person."""
    raw = store.read(paths.CLAIMED)
    if raw is None:
        return False
    try:
        expected = documents.loads(raw).get(fields.DIGESTS)
    except (ValueError, AttributeError):
        return False
    certificate = store.read(_CERTIFICATE)
    return certificate is None or slots.digest(certificate) == expected


def drop(store):
    """Remove the credentials if they came from the builder. The root CA stays: the builder may need it."""
    if is_here(store):
        for path in (_KEY, _CERTIFICATE, paths.CLAIMED):
            store.remove(path)


def ended(state, failure):
    """Provisioning has ended: by `failure`, or with an identity.

    Credentials that are of no more use are removed, and the service `claim` polls for others if it has to.
    """
    if failure and (failure.step != _AT_CONNECT or not _is_refusal(failure)):
        return
    try:
        if not is_here(state.ports.store):
            return
        drop(state.ports.store)
    except Failure:
        return  # the next start, or the next refusal, mends it
    claim = state.services.get("claim")
    if claim:
        if failure:
            claim.ready.clear()
        claim.wake.set()


def _is_refusal(failure):
    return failure.kind == GIVE_UP or isinstance(failure, Refused)
