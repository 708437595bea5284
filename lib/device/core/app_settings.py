"""The application's own settings, from two files. Used once, then unloaded."""

from device.core import documents, fields, paths


def application(raw, told):
    """The application's settings: `deviceConfiguration` of provision.json, and over it "app" of ento.conf.

    `raw`, `told`: the bytes of ento.conf and of provision.json, or None. A file that cannot be read has no
    settings: the start has named its fault already.
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
        raise documents.wrong(path, '"%s" must be an object' % name)
    return dict(section)
