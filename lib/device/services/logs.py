"""Exports log lines to CloudWatch Logs, if config.json has a section "logs".

runtime.log_news says when, runtime.exporting does the work; only what they need to know is kept here.
"""

from device.core import fields
from device.runtime.service import Service

_LOOK_MS = 5000
_TIME_MS = 600000  # for a time server to answer; then the clock counts as it is


class Logs(Service):
    """Exports now and then. Returns at once without a section "logs"."""

    NEEDS = ("provision",)
    IN_CLOUD = True

    def __init__(self, name, state):
        super().__init__(name, state)
        self.seen = state.log.exported  # number of the last line that was looked at
        self.due_ms = None  # when the next export is due; None: nothing asks for one
        self.last = None  # (ms of the begin, ms of the end) of the last export
        self.start_ms = None  # Unix time of the board's start, as the last export saw it

    async def run(self):
        how = self._settings()
        if how is None:
            return
        self.ready.set()
        session, log = self.state.session, self.state.log
        clock, board = self.state.ports.clock, self.state.ports.board
        patience_ms = board.interval("logs_time_ms", _TIME_MS)
        while True:
            if log.last() != self.seen:
                self._look(how)
            now_ms = clock.ms()
            is_dated = session.knows_time() or now_ms >= patience_ms
            if is_dated and self.due_ms is not None and now_ms >= self.due_ms and self._is_open(how):
                await self._export(how)
            await clock.sleep_ms(board.interval("logs_ms", _LOOK_MS))

    # What is imported in a function of its own is not kept by the one that never ends.

    def _settings(self):
        from device.runtime import log_news

        return log_news.settings(self.state)

    def _look(self, how):
        from device.runtime import log_news

        log_news.look(self, how)

    async def _export(self, how):
        from device.runtime import exporting

        await exporting.export(self, how)

    def _is_open(self, how):
        """Whether an export would not wait: for the link, or for keys, which need memory to come."""
        if how[0] == fields.MQTT:
            return self.state.session.is_online()
        keys = self.state.services.get("keys")
        return self.state.ports.network.connected() and (keys is None or keys.ready.is_set())


SERVICE = Logs
