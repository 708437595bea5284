"""The board's own identity on flash, brought in order and read."""

import json
import sys

from device.core import config, documents, fields, paths, slots
from device.core.failures import Failure


def know_self(context):
    """Read `context.settings` and `context.identity` from flash, as far as they are not known yet.

    Raises Failure when ento.conf is wrong; without an identity `context.identity` stays None.
    """
    if context.settings is None:
        context.settings = config.Settings(config.document(context.store.read(paths.CONF)))
    if context.identity is None:
        context.identity = active_identity(context)


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
    _tell_application(context, slots.document(active))
    return slots.opened(active) or slots.adopted(active, context.settings)


def _tell_application(context, identity):
    """Keep provision.json, what the cloud returned, in step with the active slot.

    The identity is good without it: a full flash must not keep the board off line.
    """
    if identity is None:
        return
    told = {
        name: identity[name]
        for name in (fields.THING_NAME, fields.CERTIFICATE_ID, fields.DEVICE_CONFIGURATION)
    }
    try:
        raw = context.store.read(paths.PROVISION)
        value = documents.loads(raw) if raw else {}
    except (ValueError, Failure):
        value = {}
    if not isinstance(value, dict) or value.get(fields.CERTIFICATE_ID) != told[fields.CERTIFICATE_ID]:
        write_if_room(context, paths.PROVISION, told)


def write_if_room(context, path, value):
    """Write a JSON document that the board can do without; when the flash fails, say so and go on."""
    try:
        context.store.write(path, json.dumps(value).encode())
    except Failure as failure:
        context.say("flash", str(failure))


def forget(modules):
    """Free the memory of modules that are not needed again soon, by their names within `device`."""
    for name in modules:
        if sys.modules.pop("device." + name, None):
            package, _, module = ("device." + name).rpartition(".")
            delattr(sys.modules[package], module)
