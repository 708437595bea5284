"""What a board has to know before it synchronises tables. Loaded once, then unloaded."""

from device.core import board_config, paths, topics


def prepare(service):
    """Read config.json; the filters to subscribe to, () when no table is synchronised. Raises Failure."""
    service.directions = board_config.tables(service.state.ports.store.read(paths.CONFIG))
    if not service.directions:
        return ()
    settings = service.state.settings
    prefix, serial = settings.topic_prefix, settings.serial
    service.topic = topic = topics.sync(prefix, serial)
    return topics.accepted(topic), topics.rejected(topic), topics.sync_changed(prefix, serial, "+")
