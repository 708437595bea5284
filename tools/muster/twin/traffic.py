"""What has passed through the broker of late, for a page that shows it: bounded, and without secrets.

The answers of the provisioning calls hold private keys and ownership tokens. So of a reserved topic the
payload is kept for shadows and rules only, and of any topic not when it looks like a key. What is not kept
cannot be shown.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from device.core import fields, topics
from muster.twin import filters

MESSAGES = 2000
KEPT_BYTES = 2048  # of a payload
_CLIENTS = 20_000  # whose last message is known; whoever was quiet for longest is forgotten
_SECRETS = tuple(
    word.encode()
    for word in (
        "PRIVATE KEY",
        fields.PRIVATE_KEY,
        fields.OWNERSHIP_TOKEN,
        fields.SECRET_ACCESS_KEY,
        fields.SESSION_TOKEN,
    )
)


class Seen(NamedTuple):
    """One message. `payload` is its beginning, None: it may be secret; `size` is that of the whole.

    `client_id` is who has sent it; nothing: the twin, to all who subscribed or to `to` alone.
    """

    number: int
    at_s: float
    topic: str
    payload: bytes | None
    size: int
    client_id: str
    to: str


class Last(NamedTuple):
    """On which topic a client has sent something last, and when."""

    topic: str
    at_s: float


class Traffic:
    """The last messages; belongs to the event loop of the broker."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: deque[Seen] = deque(maxlen=MESSAGES)
        self._last: dict[str, Last] = {}  # of each client, the one quiet for longest first
        self.count = 0

    def saw(self, topic: str, payload: bytes, client_id: str = "", to: str = "") -> None:
        """A message has passed."""
        self.count += 1
        now_s, kept = self._clock(), payload[:KEPT_BYTES]
        shown = None if _may_be_secret(topic, kept) else kept
        self._seen.append(Seen(self.count, now_s, topic, shown, len(payload), client_id, to))
        if client_id:
            self._last.pop(client_id, None)
            self._last[client_id] = Last(topic, now_s)
            if len(self._last) > _CLIENTS:
                del self._last[next(iter(self._last))]

    def get(self, number: int) -> Seen | None:
        """The message with this number, unless it is forgotten."""
        at = number - self._seen[0].number if self._seen else -1
        return self._seen[at] if 0 <= at < len(self._seen) else None

    def newest(self, limit: int, topic_filter: str = "", client_id: str = "") -> list[Seen]:
        """The newest messages that a filter matches, and a client has sent or got; newest first."""
        found = []
        for seen in reversed(self._seen):
            if topic_filter and not filters.matches(seen.topic, topic_filter):
                continue
            if client_id and client_id not in (seen.client_id, seen.to):
                continue
            found.append(seen)
            if len(found) == limit:
                break
        return found

    def last_of(self, client_id: str) -> Last | None:
        """The last message that a client has sent."""
        return self._last.get(client_id)


def _may_be_secret(topic: str, beginning: bytes) -> bool:
    if topic.startswith("$") and not topic.startswith((topics.THINGS, topics.RULES)):
        return True
    for word in _SECRETS:  # noqa: SIM110 - twice as quick as any(), for every message
        if word in beginning:
            return True
    return False
