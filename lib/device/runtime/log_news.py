"""Which lines of the log are exported, and when. Loaded for a look, then unloaded.

What an export itself makes services say asks for no other export, so none follows another for ever. It goes
along with the next one.
"""

from device.core import fields, paths
from device.core.log import ERROR, LEVELS, WARN
from device.runtime.modules import unload, unload_readers

_PAGE = 8
_URGENT_MS = 10000  # between two exports, when something is wrong
_FLASH_MS = 75000  # until the service `log` has written a line to the flash
_FLASH_URGENT_MS = 15000
_QUIET_MS = 90000  # after an export: MQTT comes back, and what has made room starts again
_CAUSED = ("mqtt", "keys", "web", "network", "clock", "health", "flash")  # say something because of an export


def settings(state):
    """The settings in config.json, see core.export_config; None when nothing is exported."""
    from device.core import export_config

    try:
        return export_config.export(state.ports.store.read(paths.CONFIG))
    finally:
        unload("device.core.export_config", "device.runtime.log_news")
        unload_readers()


def passes(how, level, source):
    """Whether a line of this level and source is exported."""
    _, least, only, without, _, _, _ = how
    return LEVELS.index(level) >= least and source not in without and (not only or source in only)


def look(service, how):
    """Look at the new lines, and set when the next export is due."""
    log = service.state.log
    if not 0 <= service.seen <= log.last():
        service.seen = 0
    while service.seen < log.last():
        lines = log.lines(service.seen, _PAGE)
        for number, level, source, _, ms in lines:
            if passes(how, level, source) and not _is_caused(service, how, number, source, ms):
                due_ms = _due_ms(service, how, level)
                if service.due_ms is None or due_ms < service.due_ms:
                    service.due_ms = due_ms
        service.seen = lines[-1][0] if lines else log.last()
    unload("device.core.log_reader", "device.runtime.log_news")


def _is_caused(service, how, number, source, ms):
    """Whether the last export has made a service say this."""
    if source == service.name:
        return True
    if (
        how[0] == fields.MQTT
        or source not in _CAUSED
        or service.last is None
        or number <= service.state.log.earlier
    ):
        return False
    began_ms, ended_ms = service.last
    return began_ms <= ms <= ended_ms + _QUIET_MS


def _due_ms(service, how, level):
    """When a line of this level is to be exported."""
    is_urgent = how[0] == fields.MQTT and level in (WARN, ERROR)  # by MQTT it costs little
    now_ms = service.state.ports.clock.ms()
    if service.last is None:
        return now_ms
    due_ms = max(now_ms, service.last[1] + (_URGENT_MS if is_urgent else how[4]))
    if how[6]:
        due_ms = max(due_ms, now_ms + flash_ms(service, is_urgent))
    return due_ms


def flash_ms(service, is_urgent):
    """How long it takes for a line to come to the flash."""
    board = service.state.ports.board
    return board.interval("logs_flash_ms", _FLASH_URGENT_MS if is_urgent else _FLASH_MS)
