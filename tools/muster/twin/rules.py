"""The twin's one rule: what boards publish to their topic for log lines goes to CloudWatch Logs.

As AWS's rule action `cloudwatchLogs` with `batchMode`: the payload is an array of {"timestamp", "message"}.
Source: AWS IoT Developer Guide, "CloudWatch Logs" (rule actions). AWS does not say what the streams are
called; here each has the name of its client.
"""

import json
import sqlite3
from pathlib import Path

from device.core import topics
from muster.errors import MusterError
from muster.twin import filters
from muster.twin.cloudwatch import CloudWatch, LogsError, checked
from muster.twin.log import log
from muster.twin.log_store import LogStore
from muster.twin.router import Published
from muster.twin.settings import DEFAULT_LOG_RULE, Settings

_log = log()


class Logs:
    """CloudWatch Logs of a twin, and the rule that brings messages there."""

    def __init__(self, settings: Settings, path: Path) -> None:
        """`path`: the file of the events. Raises MusterError when it cannot be used."""
        self._settings = settings
        try:
            self.store = LogStore(path)
        except (sqlite3.Error, OSError) as error:
            raise MusterError(
                f"{path} cannot be used ({error}): delete it, it holds only log lines"
            ) from error
        self.cloudwatch = CloudWatch(self.store)
        self._filter = topics.log(settings.topic_prefix, "+")
        self._end = topics.log("", "")[1:]  # asked first: most messages are others
        self._basic = topics.by_rule(DEFAULT_LOG_RULE, "")

    def close(self) -> None:
        """Close the file."""
        self.store.close()

    def take(self, message: Published) -> None:
        """Act on one message, if the rule is about its topic; whoever sent it is not told of errors."""
        is_direct = message.topic.startswith(self._basic)  # basic ingest: the rule is named
        is_ours = message.topic.endswith(self._end) and filters.matches(message.topic, self._filter)
        if not is_direct and not is_ours:
            return
        try:
            self._put(message)
        except (LogsError, sqlite3.Error) as error:
            _log.warning("rule %s: %s: %s", DEFAULT_LOG_RULE, message.client_id, error)

    def _put(self, message: Published) -> None:
        try:
            events = checked(json.loads(message.payload))
        except (ValueError, RecursionError) as error:
            raise LogsError("", f"what was published is not JSON: {error}") from None
        group, stream, now_ms = self._settings.log_group, message.client_id, int(message.received_s * 1000)
        self.cloudwatch.ensure(group, stream, now_ms)
        rejected = self.cloudwatch.put_events(group, stream, events, now_ms)
        if rejected:
            _log.info("rule: %s: events out of time are left out: %s", stream, rejected)
