"""What the twin says with `-v`, as a test hears it."""

import gc
import logging
import threading
import time


class Heard(logging.Handler):
    """Collects what the twin says; `wait` until it has said something with these words."""

    def __init__(self) -> None:
        super().__init__()
        self._news = threading.Condition()
        self._said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        with self._news:
            self._said.append(record.getMessage())
            self._news.notify_all()

    @property
    def lines(self) -> list[str]:
        """What was said so far."""
        with self._news:
            return list(self._said)

    def has(self, words: str) -> bool:
        with self._news:
            return any(words in line for line in self._said)

    def wait(self, words: str) -> bool:
        """Whether it is said in time. What never finished is told when the collector finds it."""
        end_s = time.monotonic() + 30
        while not self.has(words) and time.monotonic() < end_s:
            gc.collect()
            with self._news:
                self._news.wait(0.1)
        return self.has(words)
