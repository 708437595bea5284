"""What one client may take, and how often one address may ask or guess."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])

_ADDRESSES = 4096  # remembered; whoever was quiet for longest is forgotten
BODY_BYTES = 16 * 1024


@dataclass(frozen=True)
class HttpLimits:
    """The limits of one listener. They are the twin's own."""

    line_bytes: int = 2048  # the first line of a request
    header_bytes: int = 4096  # one header: a signature with its session token is long
    headers: int = 48
    connections: int = 128
    connections_of_address: int = 64  # boards behind one router have one address
    handshake_s: float = 15  # a Pico W takes six seconds with RSA
    wait_s: float = 20  # from the end of one answer to the last byte of the next request
    answer_s: float = 30
    requests: int = 200  # of one address at once, and then ...
    requests_per_s: float = 50
    wrong: int = 20  # refused requests of one address at once, and then ...
    wrong_per_s: float = 0.5


def allowing(body_bytes: int = BODY_BYTES, answer_s: float | None = None) -> Callable[[_F], _F]:
    """For a handler that takes a larger body, or more time, than others."""

    def mark(handler: _F) -> _F:
        handler.body_bytes = body_bytes  # type: ignore[attr-defined]
        handler.answer_s = answer_s  # type: ignore[attr-defined]
        return handler

    return mark


class Buckets:
    """How often each of many may do something: `burst` times at once, then `per_s` a second."""

    def __init__(self, burst: int, per_s: float, clock: Callable[[], float]) -> None:
        self._burst = float(burst)
        self._per_s = per_s
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> (left, when)

    def wait_s(self, key: str) -> float:
        """0 when `key` may now; else how long it has to wait. Counts nothing."""
        left = self._now(key)
        return 0.0 if left >= 1 else (1 - left) / self._per_s

    def count(self, key: str) -> None:
        """`key` has done it."""
        left = max(0.0, self._now(key) - 1)
        self._left.pop(key, None)
        self._left[key] = (left, self._clock())
        while len(self._left) > _ADDRESSES:
            self._left.popitem(last=False)

    def forget(self, key: str) -> None:
        """`key` begins anew."""
        self._left.pop(key, None)

    def _now(self, key: str) -> float:
        left, seen_s = self._left.get(key, (self._burst, 0.0))
        return min(self._burst, left + max(0.0, self._clock() - seen_s) * self._per_s)
