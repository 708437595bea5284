"""Numbers on the command line: finite, and within the range that makes sense."""

import math
from typing import Any

import click


class Finite(click.FloatRange):
    """A FloatRange that refuses `nan` and `inf`, which click lets through wherever a bound is open."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See click.ParamType."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number
