"""What a run of the simulated fleet amounts to: counts, rates, percentiles, errors by kind."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from device.core.failures import Failure
from muster.fleet.sim.board import STEPS

PERCENTILES = (50, 95, 99)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that is not below `percent` percent of the (non-empty) values: nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


@dataclass
class Error:
    """One kind of error: how often it came, and on how many devices it was the last word."""

    kind: str
    step: str
    cause: str
    advice: str
    times: int = 0
    gave_up: int = 0


@dataclass
class Report:
    """The figures of one run. Times in seconds.

    `cpu_s` is the processor time of this process, `twin_cpu_s` that of the twin when it is a child of ours.
    """

    wanted: int
    done: int = 0
    failed: int = 0
    attempts: int = 0
    dropped: int = 0  # connections lost while they were to be kept
    interrupted: bool = False
    elapsed_s: float = 0.0
    cpu_s: float = 0.0
    twin_cpu_s: float | None = None
    device_s: list[float] = field(default_factory=list)
    step_s: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[tuple[str, str, str], Error] = field(default_factory=dict)

    def took(self, step: str, seconds: float) -> None:
        """A step of a device went well in this time."""
        self.step_s.setdefault(step, []).append(seconds)

    def error(self, failure: Failure, gave_up: bool) -> None:
        """An attempt ended in failure; `gave_up` when the device does not try again."""
        key = (failure.kind, failure.step, failure.cause)
        known = self.errors.setdefault(key, Error(*key, failure.advice))
        known.times += 1
        known.gave_up += gave_up

    @property
    def unfinished(self) -> int:
        """Devices that neither got through nor gave up."""
        return self.wanted - self.done - self.failed

    @property
    def rate(self) -> float:
        """Devices that got through, a second."""
        return self.done / self.elapsed_s if self.elapsed_s else 0.0

    def per_device_ms(self, cpu_s: float | None) -> float | None:
        """Processor time for each device that got through, in milliseconds."""
        return cpu_s * 1000 / self.done if cpu_s is not None and self.done else None

    def figures(self) -> list[dict[str, Any]]:
        """The first table: what, value."""
        rows = [
            ("devices", self.wanted),
            ("done", self.done),
            ("failed", self.failed),
            ("unfinished", self.unfinished),
            ("attempts", self.attempts),
            ("dropped while kept connected", self.dropped),
            ("seconds", _rounded(self.elapsed_s)),
            ("devices a second", _rounded(self.rate)),
            ("CPU ms per device, simulator", _rounded(self.per_device_ms(self.cpu_s))),
            ("CPU ms per device, twin", _rounded(self.per_device_ms(self.twin_cpu_s))),
        ]
        return [{"what": what, "value": value} for what, value in rows if value is not None]

    def times(self) -> list[dict[str, Any]]:
        """The second table: percentiles in milliseconds of each step, and of the whole way of a device."""
        measured = [(step, self.step_s[step]) for step in STEPS if self.step_s.get(step)]
        if self.device_s:
            measured.append(("whole device", self.device_s))
        return [
            {
                "step": step,
                "count": len(seconds),
                **{f"p{percent}Ms": _rounded(percentile(seconds, percent) * 1000) for percent in PERCENTILES},
            }
            for step, seconds in measured
        ]

    def error_rows(self) -> list[dict[str, Any]]:
        """The third table, most frequent first."""
        return [
            {
                "times": error.times,
                "gaveUp": error.gave_up,
                "kind": error.kind,
                "step": error.step,
                "cause": error.cause,
                "advice": error.advice,
            }
            for error in sorted(self.errors.values(), key=lambda error: -error.times)
        ]

    def document(self) -> dict[str, Any]:
        """Everything, for scripts."""
        return {
            "devices": self.wanted,
            "done": self.done,
            "failed": self.failed,
            "unfinished": self.unfinished,
            "attempts": self.attempts,
            "dropped": self.dropped,
            "interrupted": self.interrupted,
            "seconds": _rounded(self.elapsed_s),
            "devicesPerSecond": _rounded(self.rate),
            "cpuMsPerDevice": _rounded(self.per_device_ms(self.cpu_s)),
            "twinCpuMsPerDevice": _rounded(self.per_device_ms(self.twin_cpu_s)),
            "times": self.times(),
            "errors": self.error_rows(),
        }


def _rounded(value: float | None) -> float | None:
    """Three places at most: what a clock of one run is worth."""
    return None if value is None else round(value, 3 if value < 1 else 2 if value < 100 else 1)
