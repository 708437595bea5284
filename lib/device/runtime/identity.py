"""Recovers and reads the board's identity on flash, and reads its other files."""

from device.core import documents, fields, paths, slots
from device.core.failures import Failure


def know_self(state):
    """Read `state.settings` and `state.identity` from flash unless already known.

    Raises Failure when ento.conf is wrong; without an identity `state.identity` stays None.
    """
    if state.settings is None:
        from device.core import settings

        try:
            store = state.ports.store
            state.settings = settings.read(store.read(paths.CONF), lambda: bool(builder(store)[0]))
        except Failure as failure:
            state.note_fault(paths.CONF, failure)
            raise
        state.note_fault(paths.CONF, None)
    if state.identity is None:
        state.identity = _active_identity(state)


def builder(store):
    """(address of the builder, seconds between two polls at most) by config.json; raises Failure."""
    from device.core import board_config

    return board_config.builder(store.read(paths.CONFIG))


def has_claim(store):
    """Whether there are claim credentials that may be used.

    While the builder has to be told of a release, none may: it revokes what the board has got by then.
    """
    return not store.exists(paths.RELEASE) and all(
        store.exists(paths.BOOTSTRAP + "/" + name) for name in slots.FILES
    )


def is_pending(store):
    """Whether a cut or a failure has left a new certificate, which may be active: a whole trial slot."""
    return store.exists(paths.TRIAL + "/" + paths.ROOT_CA)  # written last


def sealed(store):
    """The JSON object in identity.json of the active slot; {} when there is none."""
    try:
        value = documents.loads(store.read(paths.CERT + "/" + paths.IDENTITY) or b"{}")
    except ValueError:
        value = {}
    return value if isinstance(value, dict) else {}


def replaced(store):
    """The certificate id that a new identity would replace, for `slots.promote`, or None.

    Also for an invalid slot: its certificate may still be active.
    """
    return slots.replaced(store.read_slot(paths.CERT))


def _active_identity(state):
    """The Identity in the active slot, after recovery; None when there is none."""
    store = state.ports.store
    store.tidy()
    trial = store.read_slot(paths.TRIAL)
    if trial and slots.document(trial):  # power was cut between the two renames, or before them
        store.apply(slots.promote(replaced(store)))
    trial = None
    active = store.read_slot(paths.CERT)
    if active is None:
        return None
    value = slots.document(active)
    if value is None:
        return slots.adopted(active, state.settings)
    identity = slots.opened(value)
    tell_application(state, identity, value.get(fields.DEVICE_CONFIGURATION))
    return identity


def told(store):
    """The JSON object in provision.json; {} when it cannot be read."""
    try:
        raw = store.read(paths.PROVISION)
        value = documents.loads(raw) if raw else {}
    except (ValueError, Failure):
        value = {}
    return value if isinstance(value, dict) else {}


def tell_application(state, identity, configuration):
    """Keep provision.json, the cloud's answers, consistent with the active slot.

    The identity works without it: a full flash must not keep the board offline.
    """
    value = told(state.ports.store)
    if value.get(fields.CERTIFICATE_ID) != identity.certificate_id:
        value[fields.THING_NAME] = identity.thing_name
        value[fields.CERTIFICATE_ID] = identity.certificate_id
        value[fields.DEVICE_CONFIGURATION] = configuration
        state.write_if_room(paths.PROVISION, value)
