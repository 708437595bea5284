"""Reads the settings of the application. A module of its own: core.settings takes 8 KB while it is loaded."""

from device.core import documents, fields, paths
from device.core.failures import GIVE_UP, Failure


def application(raw, told):
    """The application's settings: `deviceConfiguration` of provision.json, and over it "app" of ento.conf.

    `raw`, `told`: the bytes of ento.conf and of provision.json, or None. A file that cannot be read has no
    settings: the start has named its fault already. Raises Failure (GIVE_UP) that names file and error.
    """
    merged = _told(told, fields.DEVICE_CONFIGURATION, paths.PROVISION)
    merged.update(_told(raw, fields.APP, paths.CONF))
    return merged


def _told(raw, name, path):
    try:
        section = documents.loads(raw).get(name) or {} if raw else {}
    except (ValueError, AttributeError):
        return {}
    if not isinstance(section, dict):
        raise Failure(GIVE_UP, '%s: "%s" must be an object' % (path, name), "correct the file and restart")
    return dict(section)
