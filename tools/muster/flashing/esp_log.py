"""What esptool says, as progress. Imported before esptool, which leaves the logger alone that it finds."""

from collections.abc import Callable
from typing import Any

from esp_pylib.logger import EspLog, EspLogBase


class Listener(EspLogBase):
    """The logger of this process. `report(done, total)`: bytes that have gone through the cable."""

    def __init__(self) -> None:
        self.report: Callable[[int, int], object] = lambda *_: None

    def progress_bar(
        self, cur_iter: int, total_iters: int, prefix: str = "", suffix: str = "", bar_length: int = 30
    ) -> None:
        """Hand it on."""
        self.report(cur_iter, total_iters)

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: what matters comes as an exception."""

    def err(self, *args: Any, suggestion: str | None = None) -> None:
        """See `print`."""

    def warn(self, *args: Any, suggestion: str | None = None) -> None:
        """See `print`."""

    note = hint = debug = print

    def set_verbosity(self, mode: int | str) -> None:
        """See `print`."""


listener = Listener()
EspLog.instance = listener
