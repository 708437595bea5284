"""Fault injection: what can be made to go wrong, and the faults that act on one packet.

They are stored in the registry, so another process can set them while the twin runs.
"""

import math
import time
from collections import deque

from device.core import fields
from muster.errors import WRONG_USE, MusterError
from muster.registry import Registry
from muster.registry.faults import Fault
from muster.twin.log import log

CONNECT = "connect"
SUBSCRIBE = "subscribe"
PUBLISH = "publish"
CREATE_KEYS = "create-keys"
CREATE_FROM_CSR = "create-from-csr"
REGISTER = "register"
SHADOW = "shadow"
SYNC = "sync"
LOGS = "logs"  # over HTTPS
_MQTT = (CONNECT, SUBSCRIBE, PUBLISH, CREATE_KEYS, CREATE_FROM_CSR, REGISTER, SHADOW, SYNC)
STAGES = (*_MQTT, LOGS)
OPERATIONS = (CREATE_KEYS, CREATE_FROM_CSR, REGISTER)

REJECT = "reject"
IGNORE = "ignore"
LOSE_ANSWER = "lose-answer"
TWICE = "twice"
CLOSE_BEFORE = "close-before"
CLOSE_AFTER = "close-after"
CLOSE_ANSWERED = "close-answered"
THROTTLE = "throttle"
DELAY = "delay"
NO_ACK = "no-ack"
GARBAGE = "garbage"
HUGE = "huge"
INCOMPLETE = "incomplete"
STRANGER = "stranger"

# kind -> (what happens, the stages where it can)
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    REJECT: (
        "refuse (calls: --code and --number, default 400; connect: --number, default 5)",
        STAGES,
    ),
    IGNORE: ("receive it, do nothing, do not answer", STAGES),
    LOSE_ANSWER: ("do it, do not answer", STAGES),
    TWICE: ("do it once, answer twice", _MQTT),
    CLOSE_BEFORE: ("close the connection before doing it", STAGES),
    CLOSE_AFTER: ("do it, then close the connection instead of answering", STAGES),
    CLOSE_ANSWERED: ("do it, answer, then close the connection", _MQTT),
    THROTTLE: ("let --number a second through (default 1); refuse the others", STAGES),
    DELAY: ("wait --number milliseconds before doing it (default 1000)", STAGES),
    NO_ACK: ("leave out the PUBACK of the request", OPERATIONS),
    GARBAGE: ("answer with something that is not JSON", OPERATIONS),
    HUGE: ("answer with 128 KB", OPERATIONS),
    INCOMPLETE: ("answer without the fields", OPERATIONS),
    STRANGER: ("answer with what belongs to another device", OPERATIONS),
}

_NUMBERED = (REJECT, THROTTLE, DELAY)
_HUGE_BYTES = 128 * 1024
_DAY_MS = 24 * 3600 * 1000

_log = log()


def _numbers(stage: str, kind: str) -> tuple[int, int, int]:
    """(default, lowest, highest) of the number that goes with a fault."""
    if kind == DELAY:
        return 1000, 0, _DAY_MS
    if kind == THROTTLE:
        return 1, 0, 1_000_000
    return (5, 1, 255) if stage == CONNECT else (400, 100, 999)


def check(stage: str, kind: str, number: float | None = None) -> None:
    """Raise MusterError when there is no such switch, or when its number cannot be used."""
    if stage not in STAGES:
        raise MusterError(f"no step {stage!r}: choose one of {', '.join(STAGES)}", WRONG_USE)
    if kind not in KINDS:
        raise MusterError(f"no fault {kind!r}: choose one of {', '.join(KINDS)}", WRONG_USE)
    if stage not in KINDS[kind][1]:
        raise MusterError(f"{kind} works at {', '.join(KINDS[kind][1])}, not at {stage}", WRONG_USE)
    _, low, high = _numbers(stage, kind)
    if number is not None and not low <= number <= high:
        raise MusterError(f"--number of {kind} at {stage} must be from {low} to {high}", WRONG_USE)


def check_details(stage: str, kind: str, code: str | None, number: float | None) -> None:
    """Raise MusterError when there is no such switch, or --code or --number do not go with it."""
    check(stage, kind)
    if code is not None and not (kind == REJECT and stage in OPERATIONS):
        raise MusterError(f"--code belongs to {REJECT} at {', '.join(OPERATIONS)}", WRONG_USE)
    if number is None:
        return
    if kind not in _NUMBERED or (kind == REJECT and stage in (SUBSCRIBE, PUBLISH)):
        raise MusterError(f"{kind} at {stage} takes no --number", WRONG_USE)
    if number != int(number):
        raise MusterError("--number must be a whole number", WRONG_USE)
    check(stage, kind, number)


def _number(fault: Fault) -> int:
    """The number of a switch, its default where it cannot be used: a program may have stored anything."""
    default, low, high = _numbers(fault.stage, fault.kind)
    if fault.number is None:
        return default
    if not low <= fault.number <= high:  # NaN too
        _log.warning("fault %d: %g is not a number from %d to %d", fault.fault_id, fault.number, low, high)
        return default
    return math.floor(fault.number)


class Plan:
    """The faults that act on one packet."""

    def __init__(self, switches: list[Fault], is_throttled: bool) -> None:
        self._switches = {fault.kind: fault for fault in switches}
        self.is_throttled = is_throttled

    def __bool__(self) -> bool:
        return bool(self._switches)

    def __contains__(self, kind: str) -> bool:
        return kind in self._switches

    @property
    def delay_s(self) -> float:
        """How long to wait first."""
        return self.number(DELAY) / 1000 if DELAY in self._switches else 0.0

    def number(self, kind: str) -> int:
        """The number that goes with a switch."""
        return _number(self._switches[kind])

    def rejection(self) -> dict[str, object]:
        """The body of the refusal that was asked for."""
        code = self._switches[REJECT].code or "InvalidRequest"
        return {
            fields.STATUS_CODE: self.number(REJECT),
            fields.ERROR_CODE: code,
            fields.ERROR_MESSAGE: "Refused by a fault of the twin.",
        }

    def distorted(self, payload: bytes) -> bytes:
        """The answer's body after garbage, huge and incomplete."""
        if GARBAGE in self:
            return b"\x00\xff{this is not JSON"
        if INCOMPLETE in self:
            return b"{}"
        if HUGE in self:
            head = payload.rstrip()[:-1] + b', "padding": "'
            return head + b"x" * (_HUGE_BYTES - len(head) - 2) + b'"}'
        return payload


THROTTLED: dict[str, object] = {
    fields.STATUS_CODE: 429,
    fields.ERROR_CODE: "ThrottlingException",
    fields.ERROR_MESSAGE: "Rate exceeded.",
}


NO_FAULTS = Plan([], False)


class Faults:
    """Takes the switches of the registry, and remembers the rate of what is throttled."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._passed: dict[int, deque[float]] = {}
        self._stages: set[str] | None = None  # those where a switch may act; None: to be read

    def forget(self) -> None:
        """Somebody has written to the registry."""
        self._stages = None

    def take(self, stage: str, client_id: str) -> Plan:
        """The plan for one packet of this client; every switch in it is counted down."""
        if self._stages is None:
            self._stages = {fault.stage for fault in self._registry.faults.all()}
        if stage not in self._stages:
            return NO_FAULTS
        self._stages = None
        switches = self._registry.faults.take(stage, client_id)
        is_throttled = any(fault.kind == THROTTLE and not self._passes(fault) for fault in switches)
        return Plan(switches, is_throttled)

    def _passes(self, fault: Fault) -> bool:
        now_s = time.monotonic()
        passed = self._passed.setdefault(fault.fault_id, deque())
        while passed and passed[0] <= now_s - 1:
            passed.popleft()
        if len(passed) >= _number(fault):
            return False
        passed.append(now_s)
        return True
