"""The board's own identity on flash, brought in order and read."""

import json
import sys

from device.core import keys, paths, slots


def active_identity(context):
    """The Identity in the active slot, brought in order first; None when there is none."""
    store = context.store
    store.tidy()
    active = store.read_slot(paths.CERT)
    trial = store.read_slot(paths.TRIAL)
    old = store.read_slot(paths.OLD)
    operations = slots.recover(
        active is not None,
        active is not None and slots.document(active) is not None,
        trial is not None and slots.document(trial) is not None,
        None if old is None else slots.document(old) is not None,
    )
    if operations:
        store.apply(operations)
        active = store.read_slot(paths.CERT)
    if active is None:
        return None
    _tell_application(store, slots.document(active))
    return slots.opened(active) or slots.adopted(active, context.settings)


def _tell_application(store, identity):
    """Keep provision.json, what the cloud returned, in step with the active slot."""
    if identity is None:
        return
    told = {name: identity[name] for name in (keys.THING_NAME, keys.CERTIFICATE_ID, keys.DEVICE_CONFIGURATION)}
    raw = store.read(paths.PROVISION)
    try:
        value = json.loads(raw.decode()) if raw else {}
    except ValueError:
        value = {}
    if not isinstance(value, dict) or value.get(keys.CERTIFICATE_ID) != told[keys.CERTIFICATE_ID]:
        value = told
        store.write(paths.PROVISION, json.dumps(value).encode())


def forget(modules):
    """Free the memory of modules of `device.core` that are not needed again soon."""
    package = sys.modules["device.core"]
    for name in modules:
        if sys.modules.pop("device.core." + name, None):
            delattr(package, name)
