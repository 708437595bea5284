"""CloudWatch Logs, without HTTP: a request's document comes in, the answer's comes out.

Source: CloudWatch Logs API Reference (2014-03-28), and the service model of botocore: names, limits, errors.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from device.core import fields
from muster.twin.log_store import Event, LogStore

BATCH_BYTES = 1_048_576
EVENT_BYTES = 26  # that each event counts beside its message
BATCH_EVENTS = 10_000
_SPAN_MS = 24 * 3600 * 1000
_OLDEST_MS = 14 * _SPAN_MS
_NEWEST_MS = 2 * 3600 * 1000
_GROUP = re.compile(r"[\.\-_/#A-Za-z0-9]{1,512}")
_STREAM = re.compile(r"[^:*]{1,512}")
_MOST_PAGES = 10_000
_MOST_STREAMS = 50
_ANSWER_BYTES = 1_000_000  # of the messages in one answer

EXISTS = "ResourceAlreadyExistsException"
MISSING = "ResourceNotFoundException"
INVALID = "InvalidParameterException"
NO_DOCUMENT = "SerializationException"
UNKNOWN = "UnknownOperationException"
FULL = "LimitExceededException"
FORBIDDEN = "AccessDeniedException"

Document = Mapping[str, Any]


class LogsError(Exception):
    """A request is refused: AWS's name of the error, and a text."""

    def __init__(self, name: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.name = name
        self.text = text
        self.status = status


class CloudWatch:
    """The operations. `now_ms` is the twin's time."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

    def serve(self, operation: str, document: object, now_ms: int) -> dict[str, Any]:
        """The answer to a request; raises LogsError."""
        served = _OPERATIONS.get(operation)
        if served is None:
            raise LogsError(UNKNOWN, f"the twin does not know the operation {operation!r}")
        if not isinstance(document, dict):
            raise LogsError(NO_DOCUMENT, "the body is not a JSON object")
        return served(self, document, now_ms)

    def create_group(self, document: Document, now_ms: int) -> dict[str, Any]:
        """CreateLogGroup."""
        if not self._store.add_group(_group(document), now_ms):
            raise LogsError(EXISTS, "The specified log group already exists")
        return {}

    def create_stream(self, document: Document, now_ms: int) -> dict[str, Any]:
        """CreateLogStream."""
        group, stream = self._known_group(document), _name(document, fields.LOG_STREAM_NAME, _STREAM)
        if not self._add_stream(group, stream, now_ms):
            raise LogsError(EXISTS, "The specified log stream already exists")
        return {}

    def put(self, document: Document, now_ms: int) -> dict[str, Any]:
        """PutLogEvents. Events out of time are left out, and the answer says which."""
        group = _group(document)
        stream = _name(document, fields.LOG_STREAM_NAME, _STREAM)
        events = checked(document.get(fields.LOG_EVENTS))
        self._check_group(group)
        self._check_stream(group, stream)
        answer: dict[str, Any] = {"nextSequenceToken": str(now_ms)}
        rejected = self.put_events(group, stream, events, now_ms)
        return {**answer, fields.REJECTED_EVENTS: rejected} if rejected else answer

    def put_events(
        self, group: str, stream: str, events: list[tuple[int, str]], now_ms: int
    ) -> dict[str, int]:
        """Store checked events in a stream that there is; which were left out, as PutLogEvents says."""
        old = sum(1 for at_ms, _ in events if at_ms < now_ms - _OLDEST_MS)
        new = sum(1 for at_ms, _ in events if at_ms > now_ms + _NEWEST_MS)
        kept = events[old : len(events) - new]
        if kept and kept[-1][0] - kept[0][0] > _SPAN_MS:
            raise LogsError(
                INVALID,
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
            )
        if kept:
            self._store.put(group, stream, kept, now_ms)
        rejected = {}
        if old:
            rejected["tooOldLogEventEndIndex"] = old
        if new:
            rejected["tooNewLogEventStartIndex"] = len(events) - new
        return rejected

    def ensure(self, group: str, stream: str, now_ms: int) -> None:
        """Make the group and the stream where they are missing."""
        self._store.add_group(group, now_ms)
        if not self._store.has_stream(group, stream):
            self._add_stream(group, stream, now_ms)

    def describe_groups(self, document: Document, _: int) -> dict[str, Any]:
        """DescribeLogGroups."""
        prefix = document.get("logGroupNamePrefix") or ""
        found = [one for one in self._store.groups() if one[0].startswith(str(prefix))]
        page, token = _page(found, document)
        answer = {
            "logGroups": [{fields.LOG_GROUP_NAME: name, "creationTime": made_ms} for name, made_ms in page]
        }
        return _with_token(answer, token)

    def describe_streams(self, document: Document, _: int) -> dict[str, Any]:
        """DescribeLogStreams."""
        group = self._known_group(document)
        order, prefix = document.get("orderBy", "LogStreamName"), document.get("logStreamNamePrefix") or ""
        if order not in ("LogStreamName", "LastEventTime"):
            raise LogsError(INVALID, f"no order {order!r}")
        if order == "LastEventTime" and prefix:
            raise LogsError(INVALID, "Cannot order by LastEventTime with a logStreamNamePrefix.")
        found = self._store.streams(group, str(prefix))
        if order == "LastEventTime":
            found.sort(key=lambda stream: (stream.last_ms or 0, stream.name))
        if document.get("descending"):
            found.reverse()
        page, token = _page(found, document)
        streams = []
        for stream in page:
            about = {fields.LOG_STREAM_NAME: stream.name, "creationTime": stream.created_ms}
            if stream.first_ms is not None:
                about["firstEventTimestamp"] = stream.first_ms
                about["lastEventTimestamp"] = stream.last_ms
                about["lastIngestionTime"] = stream.ingested_ms
            streams.append(about)
        return _with_token({"logStreams": streams}, token)

    def get(self, document: Document, _: int) -> dict[str, Any]:
        """GetLogEvents: one stream, page by page in both directions; the end repeats its token."""
        group, stream = self._known_group(document), _name(document, fields.LOG_STREAM_NAME, _STREAM)
        self._check_stream(group, stream)
        token = document.get("nextToken")
        way, place = _token(token) if token is not None else (None, None)
        newest = way == "b" or (way is None and not document.get("startFromHead"))
        found = self._store.events(
            group,
            [stream],
            after=place if way == "f" else None,
            before=place if way == "b" else None,
            from_ms=_time(document, "startTime"),
            until_ms=_time(document, "endTime"),
            most=_limit(document, _MOST_PAGES),
            newest=newest,
        )
        found = _fitting(found, newest)
        first, last = (found[0].place, found[-1].place) if found else (place or (0, 0), place or (0, 0))
        if not found and way == "f":  # so that the same token comes back, and the other way leads to its end
            first = (last[0], last[1] + 1)
        if not found and way == "b":
            last = (first[0], first[1] - 1)
        return {
            "events": [_event(event) for event in found],
            "nextForwardToken": f"f/{last[0]}/{last[1]}",
            "nextBackwardToken": f"b/{first[0]}/{first[1]}",
        }

    def filter(self, document: Document, _: int) -> dict[str, Any]:
        """FilterLogEvents: several streams, in the order of time."""
        group = self._known_group(document)
        names, prefix = document.get("logStreamNames"), document.get("logStreamNamePrefix")
        if names is not None and prefix is not None:
            raise LogsError(INVALID, "give either logStreamNames or logStreamNamePrefix")
        if prefix is not None:
            names = [stream.name for stream in self._store.streams(group, str(prefix))]
        if names is not None and not (isinstance(names, list) and all(isinstance(n, str) for n in names)):
            raise LogsError(NO_DOCUMENT, "logStreamNames is not a list of names")
        token = document.get("nextToken")
        matches = _pattern(document.get("filterPattern"))
        most = _limit(document, _MOST_PAGES)
        found = self._store.events(
            group,
            names,
            after=_token(token)[1] if token is not None else None,
            from_ms=_time(document, "startTime"),
            until_ms=_time(document, "endTime"),
            most=most,
        )
        page = _fitting(found, False)
        events = [
            {**_event(event), fields.LOG_STREAM_NAME: event.stream, "eventId": f"{event.number:056}"}
            for event in page
            if matches(event.message)
        ]
        is_more = len(page) < len(found) or len(found) == most
        next_token = f"f/{page[-1].at_ms}/{page[-1].number}" if is_more else None
        return _with_token({"events": events, "searchedLogStreams": []}, next_token)

    def _known_group(self, document: Document) -> str:
        group = _group(document)
        self._check_group(group)
        return group

    def _check_group(self, group: str) -> None:
        if not self._store.has_group(group):
            raise LogsError(MISSING, "The specified log group does not exist.")

    def _check_stream(self, group: str, stream: str) -> None:
        if not self._store.has_stream(group, stream):
            raise LogsError(MISSING, "The specified log stream does not exist.")

    def _add_stream(self, group: str, stream: str, now_ms: int) -> bool:
        if self._store.is_full():
            raise LogsError(FULL, "the twin keeps no more streams")
        return self._store.add_stream(group, stream, now_ms)


_OPERATIONS: dict[str, Callable[[CloudWatch, Document, int], dict[str, Any]]] = {
    fields.PUT_LOG_EVENTS: CloudWatch.put,
    fields.CREATE_LOG_GROUP: CloudWatch.create_group,
    fields.CREATE_LOG_STREAM: CloudWatch.create_stream,
    "DescribeLogGroups": CloudWatch.describe_groups,
    "DescribeLogStreams": CloudWatch.describe_streams,
    "GetLogEvents": CloudWatch.get,
    "FilterLogEvents": CloudWatch.filter,
}


def checked(events: object) -> list[tuple[int, str]]:
    """(ms, message) of the events of a request; raises LogsError when AWS would take none of them."""
    if not isinstance(events, list):
        raise LogsError(NO_DOCUMENT, f"{fields.LOG_EVENTS} is not a list")
    if not 1 <= len(events) <= BATCH_EVENTS:
        raise _constraint(fields.LOG_EVENTS, f"length between 1 and {BATCH_EVENTS}")
    found: list[tuple[int, str]] = []
    size = 0
    for event in events:
        at_ms, message = _fields_of(event)
        size += len(message.encode()) + EVENT_BYTES
        if found and at_ms < found[-1][0]:
            raise LogsError(
                INVALID, "Log events in a single PutLogEvents request must be in chronological order."
            )
        found.append((at_ms, message))
    if size > BATCH_BYTES:
        raise LogsError(INVALID, f"Upload too large: {size} bytes exceeds limit of {BATCH_BYTES}")
    return found


def _fields_of(event: object) -> tuple[int, str]:
    if not isinstance(event, dict):
        raise LogsError(NO_DOCUMENT, "an event is not an object")
    at_ms, message = event.get(fields.TIMESTAMP), event.get(fields.MESSAGE)
    if not isinstance(at_ms, int) or isinstance(at_ms, bool) or not 0 <= at_ms < 1 << 62:
        raise LogsError(NO_DOCUMENT, f"an event has no valid {fields.TIMESTAMP}")
    if not isinstance(message, str):
        raise LogsError(NO_DOCUMENT, f"an event has no valid {fields.MESSAGE}")
    if not message:
        raise _constraint(fields.MESSAGE, "length greater than or equal to 1")
    try:
        message.encode()
    except UnicodeEncodeError:
        raise LogsError(NO_DOCUMENT, "a message is not Unicode") from None
    return at_ms, message


def _constraint(name: str, must: str) -> LogsError:
    return LogsError(
        INVALID,
        f"1 validation error detected: Value at '{name}' failed to satisfy constraint: "
        f"Member must have {must}",
    )


def _group(document: Document) -> str:
    return _name(document, fields.LOG_GROUP_NAME, _GROUP)


def _name(document: Document, field: str, pattern: re.Pattern[str]) -> str:
    name = document.get(field)
    if not isinstance(name, str) or not pattern.fullmatch(name):
        raise LogsError(
            INVALID,
            f"1 validation error detected: Value at '{field}' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {pattern.pattern}",
        )
    return name


def _time(document: Document, field: str) -> int | None:
    value = document.get(field)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise LogsError(NO_DOCUMENT, f"{field} is not a time")
    return None if value is None else min(value, 1 << 62)


def _limit(document: Document, most: int) -> int:
    value = document.get("limit", most)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise _constraint("limit", f"value between 1 and {most}")
    return value


def _page(found: list[Any], document: Document) -> tuple[list[Any], str | None]:
    """One page of a list, and the token of the next."""
    text = document.get("nextToken", "0")
    if not isinstance(text, str) or not text.isdigit() or len(text) > 9:
        raise LogsError(INVALID, "The specified nextToken is invalid.")
    begin, limit = int(text), _limit(document, _MOST_STREAMS)
    is_more = begin + limit < len(found)
    return found[begin : begin + limit], str(begin + limit) if is_more else None


def _token(text: object) -> tuple[str, tuple[int, int]]:
    match = re.fullmatch(r"([fb])/(\d{1,18})/(-?\d{1,18})", text if isinstance(text, str) else "")
    if match is None:
        raise LogsError(INVALID, "The specified nextToken is invalid.")
    return match[1], (int(match[2]), int(match[3]))


def _with_token(answer: dict[str, Any], token: str | None) -> dict[str, Any]:
    return answer if token is None else {**answer, "nextToken": token}


def _fitting(events: list[Event], newest: bool) -> list[Event]:
    """As many as fit into an answer, at least one; `newest`: the last ones."""
    size, kept = 0, list[Event]()
    for event in reversed(events) if newest else events:
        size += len(event.message) + EVENT_BYTES
        if kept and size > _ANSWER_BYTES:
            break
        kept.append(event)
    return kept[::-1] if newest else kept


def _event(event: Event) -> dict[str, Any]:
    return {
        fields.TIMESTAMP: event.at_ms,
        fields.MESSAGE: event.message,
        "ingestionTime": event.ingested_ms,
    }


def _pattern(text: object) -> Callable[[str], bool]:
    """What a filter pattern of words and "quoted texts" lets through; -word must not be there."""
    if not text:
        return lambda _: True
    if not isinstance(text, str) or text[0] in "{[" or "?" in text or "%" in text:
        raise LogsError(INVALID, "the twin's filter patterns are words and quoted texts")
    try:
        words = shlex.split(text)
    except ValueError:
        raise LogsError(INVALID, "Invalid filter pattern") from None
    wanted = [word for word in words if not word.startswith("-")]
    unwanted = [word[1:] for word in words if word.startswith("-")]

    def matches(message: str) -> bool:
        return all(word in message for word in wanted) and not any(word in message for word in unwanted)

    return matches
