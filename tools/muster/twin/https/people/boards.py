"""What a person is told of a board: how far it has come, in words."""

import json
from typing import TYPE_CHECKING, NamedTuple

from device.core import fields
from muster.registry.certificates import ACTIVE
from muster.registry.claims import Claim
from muster.twin.https import codes

if TYPE_CHECKING:
    from muster.twin.server import Twin

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
_SHOWN = 60  # characters of what a board sent


class Step(NamedTuple):
    """One row: what, whether it is done, and when or why not."""

    name: str
    is_done: bool
    text: str


class Board(NamedTuple):
    """A board for the page. `mark` is one of done, working, waiting: its colour and icon."""

    claim_id: str
    shown: str
    thing: str
    state: str
    mark: str
    advice: str
    steps: tuple[Step, ...]


def of_owner(twin: "Twin", owner: str) -> list[Board]:
    """The boards of a person, the newest first."""
    now_s = twin.settings.clock()
    online = {connection.client_id for connection in twin.engine.connections}
    return [_board(twin, claim, online, now_s) for claim in twin.registry.claims.owned_by(owner)]


def _board(twin: "Twin", claim: Claim, online: set[str], now_s: float) -> Board:
    thing = claim.thing or ""
    working = [
        one
        for one in (twin.registry.certificates.of_thing(thing) if thing else [])
        if one.connected_s is not None and one.state(now_s) == ACTIVE
    ]
    is_online = bool(thing) and thing in online
    boot = twin.registry.boots.get(thing) if thing else None
    if boot is not None and claim.claimed_s is not None and boot.received_s < claim.claimed_s:
        boot = None  # of the owner before
    state, mark, advice = _state(claim, bool(working), is_online)
    steps = (
        Step("Registered", True, ago(claim.registered_s, now_s)),
        Step("Claimed", True, ago(claim.claimed_s or 0, now_s)),
        Step("Last asked", claim.polled_s is not None, _maybe(claim.polled_s, now_s)),
        Step(
            "Provisioned", bool(working), ago(working[-1].connected_s or 0, now_s) if working else "not yet"
        ),
        Step("Connected", is_online, "now" if is_online else "no"),
        Step(
            "Last start",
            boot is not None,
            "not yet" if boot is None else f"{ago(boot.received_s, now_s)}{boot_status(boot.payload)}",
        ),
    )
    return Board(claim.claim_id, codes.grouped(claim.claim_id), thing, state, mark, advice, steps)


def _state(claim: Claim, is_provisioned: bool, is_online: bool) -> tuple[str, str, str]:
    if is_online:
        return "Connected", "done", ""
    if is_provisioned:
        return "Not connected", "waiting", "It connects again by itself when it has power and its network."
    if claim.thing is not None:
        return "Provisioning", "working", "It connects with its own certificate now."
    return (
        "Waiting for the board",
        "waiting",
        "It asks by itself, at first after seconds, later every few minutes. To make it ask now, switch it"
        " off and on again, or press “Poll now” on its own page.",
    )


def _maybe(unix_s: float | None, now_s: float) -> str:
    return "not yet" if unix_s is None else ago(unix_s, now_s)


def boot_status(payload: bytes) -> str:
    """The boot status in a payload, as the end of a line; nothing when it is none."""
    try:
        status = json.loads(payload)[fields.BOOT_STATUS]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return f": {status[:_SHOWN]}" if isinstance(status, str) and status.isprintable() else ""


def ago(unix_s: float, now_s: float) -> str:
    """A moment as people say it."""
    past_s = int(now_s - unix_s)
    if past_s < _MINUTE_S:
        return "just now"
    for length_s, name in ((_DAY_S, "day"), (_HOUR_S, "hour"), (_MINUTE_S, "minute")):
        count = past_s // length_s
        if count:
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"
