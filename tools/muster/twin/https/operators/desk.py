"""The operator's part of the page, put together."""

from typing import TYPE_CHECKING

from aiohttp import web

from muster.twin.https.operators.board_lines import BoardLines
from muster.twin.https.operators.deeds import Deeds
from muster.twin.https.operators.devices import DevicePages
from muster.twin.https.operators.guard import Guard
from muster.twin.https.operators.live import LivePages, NamedSource
from muster.twin.https.operators.switches import FaultPages
from muster.twin.https.people.leaving import Leaving
from muster.twin.https.people.visitors import Visitors
from muster.twin.log_lines import LogLines
from muster.twin.traffic import Traffic

if TYPE_CHECKING:
    from muster.twin.server import Twin


class Desk:
    """What operators of one twin see and do."""

    def __init__(self, twin: "Twin", visitors: Visitors, leaving: Leaving) -> None:
        self._twin = twin
        self._lines = LogLines()
        self._traffic = traffic = Traffic(twin.settings.clock)
        guard = Guard(visitors)
        sources = [
            NamedSource("twin", "This twin", self._lines),
            NamedSource("boards", "Boards", BoardLines(twin.logs.store)),
        ]
        self._parts = (
            DevicePages(twin, guard, traffic),
            Deeds(twin, guard, traffic, leaving),
            LivePages(twin, guard, traffic, sources),
            FaultPages(twin, guard),
        )

    def routes(self) -> list[web.RouteDef]:
        """What an operator's browser may ask for."""
        return [route for part in self._parts for route in part.routes()]

    def start(self) -> None:
        """The twin starts: keep what passes and what is logged."""
        self._lines.start()
        self._twin.engine.watch(self._traffic)

    def stop(self) -> None:
        """The twin stops; safe to call twice."""
        self._lines.stop()
        self._twin.engine.watch(None)
