"""The internet between one board and a twin, cut and mended while both run."""

import contextlib
from collections.abc import Iterator

import pytest

from muster.relay import Relay
from muster.twin import claiming
from muster.twin.server import RunningTwin

REFUSED = "refused"  # every connection is refused, those that are open are reset
BLACK_HOLE = "black hole"  # bytes are taken and never delivered
NO_NAMES = "no names"  # no name server answers, and open connections are reset
WAYS = (REFUSED, BLACK_HOLE, NO_NAMES)


class Link:
    """A relay for each side of the twin; `silent`: which of the board's name and time servers are silent."""

    def __init__(self, mqtt: Relay, https: Relay) -> None:
        self.mqtt = mqtt
        self.https = https
        self.silent: set[str] = set()  # for VirtualBoard

    def cut(self, way: str) -> None:
        """Let nothing through any more; no time server answers either."""
        self.silent.add("NTP")
        if way == NO_NAMES:
            self.silent.add("DNS")
        for relay in (self.mqtt, self.https):
            if way == BLACK_HOLE:
                relay.black_hole = True
                continue
            relay.refuse = True
            relay.cut_after_total = relay.bytes_up + relay.bytes_down + 1

    def mend(self) -> None:
        """Let everything through again."""
        for relay in (self.mqtt, self.https):
            relay.refuse = relay.black_hole = False
            relay.cut_after_total = None
        self.silent.clear()


@contextlib.contextmanager
def link(twin: RunningTwin) -> Iterator[Link]:
    """A link that is whole. Boards that are claimed meanwhile are sent to its side for MQTT."""
    with (
        Relay("127.0.0.1", twin.port) as mqtt,
        Relay("127.0.0.1", twin.https_port) as https,
        pytest.MonkeyPatch.context() as patch,
    ):
        plain = claiming.answer
        patch.setattr(
            claiming,
            "answer",
            lambda handed, root, host, _, *rest: plain(handed, root, host, mqtt.port, *rest),
        )
        yield Link(mqtt, https)
